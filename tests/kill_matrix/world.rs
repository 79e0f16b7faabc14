//! All ranks of one life, in threads and processes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::thread;

use sealane::{Crash, local};

use super::plan::{Life, PROCESSES, WORLD};
use super::rank::{Delays, Over, live};

/// Attempts at a life.
const ATTEMPTS: u32 = 3;

fn process(index: usize, rank: u32, port: u16, life: &Life) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "a_rank_of_a_life", "--ignored", "--nocapture"])
        .env("SEALANE_LIFE", format!("{index} {rank} {port}"))
        .stdout(Stdio::null());
    if life.has_hosts() {
        command.env("SEALANE_HOST_ID", "the processes");
    }
    command.spawn().unwrap()
}

/// Processes of a life. None outlives it, whatever comes.
struct Processes(BTreeMap<u32, Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.0.values_mut() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// As [`whole`], in one of a few attempts: on a busy machine a rank may be silent for too long although
/// it lives, and then it is the one that the others go on without.
pub fn whole_in_time(index: usize, life: &Life) -> Delays {
    for attempt in 1..ATTEMPTS {
        match catch_unwind(AssertUnwindSafe(|| whole(index, life))) {
            Ok(delays) => return delays,
            Err(_) => println!("life {index}: attempt {attempt} failed"),
        }
    }
    whole(index, life)
}

/// All ranks of one life; returns what the survivors that are threads measured.
fn whole(index: usize, life: &Life) -> Delays {
    let port = local::free_port().unwrap();
    let children = PROCESSES.iter().map(|rank| (*rank, process(index, *rank, port, life)));
    let mut processes = Processes(children.collect());
    let over = Over::default();
    let delays = thread::scope(|scope| {
        let threads = (0..WORLD).filter(|rank| !PROCESSES.contains(rank));
        let over = &over;
        let ranks: Vec<_> =
            threads.map(|rank| scope.spawn(move || live(rank, port, life, over))).collect();
        ranks.into_iter().flat_map(|rank| rank.join().unwrap()).collect()
    });
    for (rank, child) in &mut processes.0 {
        let dies = |how: Crash| matches!(how, Crash::Killed | Crash::Stopped);
        if life.deaths.iter().any(|death| death.victim == *rank && dies(death.how)) {
            // Stopped processes are still there.
            child.kill().unwrap();
            assert!(!child.wait().unwrap().success());
        } else {
            assert!(child.wait().unwrap().success(), "rank {rank} of {life:?}");
        }
    }
    delays
}
