//! What a process holds: bytes on the heap, resident memory, descriptors and threads.
//!
//! The heap is counted at the allocator, so that a single leaked communicator shows. Resident memory shows
//! what C libraries keep as well, but says little in an ordinary process: every thread may get a heap of
//! its own, whose freed pages the C library keeps for later. In a *frugal* process it gives them back.

use std::alloc::System;
use std::fmt;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cap::Cap;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Set in a process whose C library gives back what is freed.
const FRUGAL: &str = "SEALANE_TEST_FRUGAL";

/// How glibc is told to: one heap for all threads, what is freed of it returned at once, and stacks of
/// threads that have ended too.
const SETTINGS: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=65536:glibc.malloc.trim_threshold=65536:\
     glibc.pthread.stack_cache_size=0",
);

/// How long threads that were joined, and what they held, may take to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between looks.
const LOOK: Duration = Duration::from_millis(20);

/// What heap and resident memory may vary by without anything being kept: one-time buffers of the test
/// itself and of libraries, pages that are used in part. A communicator is more.
const HEAP_PLAY: usize = 64 << 10;
const RESIDENT_PLAY: usize = 8 << 20;

/// See the module's text.
#[derive(Clone, Copy)]
pub struct Footprint {
    heap: usize,
    resident: usize,
    descriptors: usize,
    threads: usize,
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB on the heap, {} KiB resident, {} descriptors, {} threads",
            self.heap >> 10,
            self.resident >> 10,
            self.descriptors,
            self.threads
        )
    }
}

impl Footprint {
    /// Of this process, now.
    pub fn now() -> Self {
        let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let resident: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let (descriptors, threads) = (count("fd"), count("task"));
        Self { heap: HEAP.allocated(), resident: resident << 10, descriptors, threads }
    }

    fn is_within(&self, before: &Self) -> bool {
        self.heap <= before.heap + HEAP_PLAY
            && self.resident <= before.resident + RESIDENT_PLAY
            && self.descriptors <= before.descriptors
            && self.threads <= before.threads
    }

    /// Waits until the process holds no more than it did; fails if it goes on to.
    pub fn assert_no_more_than(before: &Self, context: &str) {
        let begun = Instant::now();
        loop {
            let now = Self::now();
            if now.is_within(before) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{now}; before: {before}; {context}");
            thread::sleep(LOOK);
        }
    }
}

/// Runs a test of this program once more, in a frugal process, unless this is one. Returns whether it is,
/// so that the test is to go on.
pub fn is_frugal(test: &str) -> bool {
    if std::env::var_os(FRUGAL).is_some() {
        return true;
    }
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FRUGAL, "1")
        .env(SETTINGS.0, SETTINGS.1)
        // A backtrace reads debug information that is kept from then on: a hundred MiB.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success(), "{test}, in a process of its own: {ended}");
    false
}
