//! Ranks die on real sockets in the middle of every collective by every algorithm: killed and stopped
//! processes, closed sockets, silence, paths that swallow everything, ranks that live and do nothing. Every
//! survivor must learn who it was, and go on without.
//!
//! A *life* is a world of five ranks: two processes and three threads. One by one, three of its ranks die
//! in an operation, each at a moment of its own; after each death the survivors shrink the communicator
//! and use what is left at once. In the end the process must hold what it held before.
//! `SEALANE_KILLS=all cargo test --test kill_matrix` runs every case, `SEALANE_KILLS=5,8` those lives;
//! otherwise a fixed part of them runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "a death must be known within two seconds of real time"
)]

mod footprint;
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

use footprint::{Footprint, is_frugal};
use plan::lives;
use rank::{Delays, Over, live};
use world::whole_in_time;

/// Lives at a time: ranks mostly wait for silence to be long enough.
const AT_A_TIME: usize = 5;

/// Lives after which all that is made once has been: tables of libraries, the threads' own.
const WARM: usize = 5;

/// Unless all are asked for, one life of so many runs.
const PART: usize = 4;

/// Not a test: a rank that is a process of its own.
#[test]
#[ignore = "started by every_survivor_learns_who_died"]
fn a_rank_of_a_life() {
    let Ok(text) = std::env::var("SEALANE_LIFE") else { return };
    let mut words = text.split(' ').map(|word| word.parse::<usize>().unwrap());
    let [life, rank, port] = [(); 3].map(|()| words.next().unwrap());
    live(rank as u32, port as u16, &lives()[life], &Over::default());
}

/// Which lives are to run: `SEALANE_KILLS` is `all`, or the numbers of some, as `5,8`.
fn chosen(lives: usize) -> Vec<usize> {
    match std::env::var("SEALANE_KILLS").as_deref() {
        Ok("all") => (0..lives).collect(),
        Ok(numbers) => numbers.split(',').map(|number| number.parse().unwrap()).collect(),
        Err(_) => (0..lives).filter(|index| (index + index / 4).is_multiple_of(PART)).collect(),
    }
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
                    println!("life {index}: {:.1?}, {measured:.1?}", began.elapsed());
                    delays.lock().unwrap().extend(measured);
                }
            });
        }
    });
    delays.into_inner().unwrap()
}

#[test]
fn every_survivor_learns_who_died_and_goes_on() {
    if !is_frugal("every_survivor_learns_who_died_and_goes_on") {
        return;
    }
    let all = lives();
    let total: usize = all.iter().map(|life| life.deaths.len()).sum();
    assert!(total >= 200, "{total}");
    let chosen = chosen(all.len());
    let (first, rest) = chosen.split_at(WARM.min(chosen.len()));
    let mut delays = run(first);
    let before = Footprint::now();
    delays.extend(run(rest));
    Footprint::assert_no_more_than(&before, "left over by communicators of ranks that died");
    println!("{}; after the first {WARM} lives: {before}", Footprint::now());
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
