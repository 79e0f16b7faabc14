//! Ranks die on real sockets in the middle of every collective by every algorithm: killed and stopped
//! processes, closed sockets, silence, paths that swallow everything, ranks that live and do nothing. Every
//! survivor must learn who it was, and go on without.
//!
//! A *life* is a world of five ranks: two processes and three threads. One by one, three of its ranks die
//! in an operation, each at a moment of its own; after each death the survivors shrink the communicator
//! and use what is left at once. `SEALANE_KILLS=all cargo test --test kill_matrix` runs every case;
//! otherwise a fixed part of them runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "a death must be known within two seconds of real time"
)]

#[path = "kill_matrix/plan.rs"]
mod plan;
#[path = "kill_matrix/rank.rs"]
mod rank;
#[path = "kill_matrix/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealane::local;

use plan::lives;
use rank::{Delays, LIMIT, Over, live};
use world::whole_in_time;

/// Lives at a time: ranks mostly wait for silence to be long enough.
const AT_A_TIME: usize = 5;

/// Lives before memory is at its height: the allocator's, of as many threads as there will ever be.
const WARM: usize = 10;

/// What memory may grow by afterwards, KiB: it levels off after some forty lives. A life whose buffers,
/// sockets or communicators were not freed would leave several MiB each time.
const SLACK: u64 = 160 << 10;

/// Of this process: descriptors, threads, and resident memory in KiB.
fn held() -> (usize, usize, u64) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (count("fd"), count("task"), resident)
}

/// Not a test: a rank that is a process of its own.
#[test]
#[ignore = "started by every_survivor_learns_who_died"]
fn a_rank_of_a_life() {
    let Ok(text) = std::env::var("SEALANE_LIFE") else { return };
    let mut words = text.split(' ').map(|word| word.parse::<usize>().unwrap());
    let [life, rank, port] = [(); 3].map(|()| words.next().unwrap());
    live(rank as u32, port as u16, &lives()[life], &Over::default());
}

/// Runs the chosen lives, a few at a time.
fn run(chosen: &[usize]) -> Delays {
    let all = lives();
    let (next, delays) = (AtomicUsize::new(0), Mutex::new(Delays::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(index) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    let measured = whole_in_time(*index, &all[*index]);
                    let (.., resident) = held();
                    println!(
                        "life {index}: {:.1?}, {resident} KiB, {measured:.1?}",
                        began.elapsed()
                    );
                    delays.lock().unwrap().extend(measured);
                }
            });
        }
    });
    delays.into_inner().unwrap()
}

#[test]
fn every_survivor_learns_who_died_and_goes_on() {
    let all = lives();
    let total: usize = all.iter().map(|life| life.deaths.len()).sum();
    assert!(total >= 200, "{total}");
    let part = if std::env::var("SEALANE_KILLS").is_ok_and(|kills| kills == "all") { 1 } else { 4 };
    let chosen: Vec<usize> =
        (0..all.len()).filter(|index| (index + index / 4) % part == 0).collect();
    // What a process keeps from its first communicator on, such as who awaits SIGUSR1, is no leak.
    local::run(1, |_| Ok(())).unwrap();
    let before = held();
    let (first, rest) = chosen.split_at(WARM);
    let mut delays = run(first);
    let (.., warm) = held();
    delays.extend(run(rest));
    // A thread that was joined may be listed for a moment more.
    let settled = || held().0 <= before.0 && held().1 <= before.1;
    let patience = Instant::now() + LIMIT;
    while !settled() {
        assert!(Instant::now() < patience, "left over: {before:?}, {:?}", held());
        thread::sleep(Duration::from_millis(20));
    }
    let (descriptors, threads, resident) = held();
    println!(
        "{descriptors} descriptors, {threads} threads, {resident} KiB after {before:?}, {warm}"
    );
    assert!(resident <= warm + SLACK, "{resident} KiB, and {warm} KiB after {WARM} lives");
    let cases: usize = chosen.iter().map(|index| all[*index].deaths.len()).sum();
    for how in delays.iter().map(|(how, _)| how).collect::<BTreeSet<_>>() {
        let mut of: Vec<Duration> =
            delays.iter().filter(|(one, _)| one == how).map(|(_, delay)| *delay).collect();
        of.sort_unstable();
        println!(
            "{how}: {} times, median {:?}, longest {:?}",
            of.len(),
            of[of.len() / 2],
            of[of.len() - 1]
        );
    }
    println!("{cases} of {total} deaths");
}
