//! A job whose processes are killed and stopped while they work, at any moment, and replaced: survivors
//! shrink, new processes join in the places of the dead, the ranks are dealt anew, and the work goes on.
//!
//! One rank is this process, which lives through all of it, and must hold in the end what it held before.
//! `SEALANE_ELASTIC_SECONDS=600 cargo test --release --test elastic -- --nocapture` is the long one;
//! `SEALANE_SEED=n` begins with another draw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a soak lasts for real time")]

#[path = "elastic/draw.rs"]
mod draw;
mod footprint;
#[path = "elastic/job.rs"]
mod job;
mod load;
#[path = "elastic/member.rs"]
mod member;

use std::time::{Duration, Instant};

use footprint::{Footprint, is_frugal};
use job::{Job, Start};
use load::number;
use member::{Left, Member};

/// Generations that there are in any case: the first is what the others are compared with.
const FEWEST: u32 = 3;

/// Not a test: a rank that is a process of its own.
#[test]
#[ignore = "started by processes_that_die_are_replaced"]
fn a_rank_of_the_job() {
    let Some(start) = Start::from_environment() else { return };
    let mut member = Member::start(&start);
    while member.work(false, |_| {}) == Left::Us {
        let door = member.agree(0);
        member.replace(door);
    }
}

#[test]
fn processes_that_die_are_replaced() {
    if !is_frugal("processes_that_die_are_replaced") {
        return;
    }
    let limit = Duration::from_secs(number("SEALANE_ELASTIC_SECONDS").unwrap_or(20));
    let (mut job, mut member) = Job::start(number("SEALANE_SEED").unwrap_or(1));
    let (begun, mut told) = (Instant::now(), 0);
    let mut level = None;
    loop {
        let wish = begun.elapsed() < limit || job.tally.generations < FEWEST;
        if member.work(wish, |operation| job.strike(operation)) != Left::Us {
            break;
        }
        let (door, leader) =
            (member.agree(sealane::local::free_port().unwrap().into()), member.leader());
        job.replace(leader, door);
        member.replace(door);
        match &level {
            Some(before) => Footprint::assert_no_more_than(before, &format!("{:?}", job.tally)),
            None => level = Some(Footprint::now()),
        }
        if begun.elapsed().as_secs() >= told + 30 {
            told = begun.elapsed().as_secs();
            println!("{told} s: {:?}, {}", job.tally, Footprint::now());
        }
    }
    drop(member);
    job.end();
    println!("{:?}; {}; after the first: {}", job.tally, Footprint::now(), level.unwrap());
}
