//! One-sided operations of whole communicators: memory that comes and goes under fire, targets that compute.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use sealane::{
    Builder, Communicator, Crash, Error, Grant, Permissions, Rank, Refusal, Work, local,
};

const OWNER: Rank = Rank(0);

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::RemoteAccess { rank: OWNER, refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn refusals_are_typed_and_name_the_owner() {
    local::run(3, |communicator| {
        let region = communicator.register(vec![7_u64; 16]);
        if communicator.rank() == OWNER {
            let all = region.grant(Permissions::ALL, Rank(1))?;
            let read = region.grant(Permissions::READ, None)?;
            let gone = region.grant(Permissions::ALL, Rank(1))?;
            region.revoke(&gone);
            for (tag, grant) in [all, read, gone].iter().enumerate() {
                communicator.offer(grant, Rank(1), tag as u64)?;
                communicator.offer(grant, Rank(2), tag as u64)?;
            }
            communicator.barrier()?;
            assert_eq!(region.into_vec()?, [7; 16]);
            return Ok(());
        }
        let take = |tag| communicator.accept(OWNER, tag);
        let (all, read, gone) = (take(0)?, take(1)?, take(2)?);
        let mut one = [0_u64];
        communicator.read(&mut one, &read, 15 * 8)?;
        assert_eq!(one, [7]);
        assert_eq!(refusal(communicator.write(&one, &read, 0)), Refusal::NotPermitted);
        assert_eq!(refusal(communicator.read(&mut one, &read, 15 * 8 + 1)), Refusal::OutOfBounds);
        assert_eq!(refusal(communicator.read(&mut one, &read, u64::MAX)), Refusal::OutOfBounds);
        if communicator.rank() == Rank(1) {
            assert_eq!(refusal(communicator.write(&one, &gone, 0)), Refusal::Revoked);
            assert_eq!(refusal(communicator.fetch_add(&all, 4, 1)), Refusal::Misaligned);
            assert_eq!(communicator.compare_swap(&all, 8, 8, 9)?, 7);
        } else {
            assert_eq!(refusal(communicator.write(&one, &all, 0)), Refusal::UnknownKey);
            assert_eq!(refusal(communicator.write(&one, &gone, 0)), Refusal::UnknownKey);
        }
        let old = Grant { epoch: read.epoch + 1, ..read };
        assert_eq!(refusal(communicator.read(&mut one, &old, 0)), Refusal::EpochOver);
        let nobody = Grant { owner: Rank(3), ..read };
        assert!(matches!(communicator.read(&mut one, &nobody, 0), Err(Error::Argument(_))));
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn a_target_that_computes_still_answers() {
    let answered = AtomicBool::new(false);
    local::run(2, |communicator| {
        if communicator.rank() == OWNER {
            let region = communicator.register(vec![0_u64; 1000]);
            communicator.offer(&region.grant(Permissions::ALL, Rank(1))?, Rank(1), 0)?;
            // Not one call of ours until the other is through.
            let mut work = 1_u64;
            while !answered.load(Ordering::Acquire) {
                work = std::hint::black_box(work.wrapping_mul(3));
            }
            communicator.barrier()?;
            let memory = region.into_vec()?;
            assert!(memory[0] == 200 && memory[1..].iter().all(|word| *word == 5));
            return Ok(());
        }
        let grant = communicator.accept(OWNER, 0)?;
        for before in 0..200 {
            assert_eq!(communicator.fetch_add(&grant, 0, 1)?, before);
        }
        communicator.write(&[5_u64; 999], &grant, 8)?;
        answered.store(true, Ordering::Release);
        communicator.barrier()
    })
    .unwrap();
}

/// The owner registers, grants, revokes and frees memory as fast as it can while two others use what they
/// have heard of. Whatever comes late is refused; what was given back does not change any more.
#[test]
fn memory_that_was_given_back_is_left_alone() {
    let rounds = 60_u64;
    let done = AtomicU64::new(0);
    local::run(3, |communicator| {
        if communicator.rank() == OWNER {
            for round in 0..rounds {
                own(communicator, round)?;
            }
            return communicator.barrier();
        }
        let mut successes = 0;
        for round in 0..rounds {
            successes += fire(communicator, &communicator.accept(OWNER, round)?)?;
        }
        done.fetch_add(successes, Ordering::Relaxed);
        communicator.barrier()
    })
    .unwrap();
    assert!(done.into_inner() > 0, "nothing ever reached the memory in time");
}

/// One life of a region.
fn own(communicator: &Communicator, round: u64) -> Result<(), Error> {
    let region = communicator.register(vec![0_u32; 60_000]);
    let grant = region.grant(Permissions::ALL, None)?;
    communicator.offer(&grant, Rank(1), round)?;
    communicator.offer(&grant, Rank(2), round)?;
    thread::sleep(Duration::from_micros(round * 60));
    let memory = region.into_vec()?;
    let copy = memory.clone();
    thread::sleep(Duration::from_micros(300));
    assert_eq!(memory, copy, "somebody wrote into memory that was given back");
    Ok(())
}

/// Uses a grant until it is refused; returns how often it was not.
fn fire(communicator: &Communicator, grant: &Grant) -> Result<u64, Error> {
    for successes in 0.. {
        let write = communicator.write_start(vec![9_u32; 50_000], grant, 4 * 10)?;
        let read = communicator.read_start(vec![0_u32; 1000], grant, 0)?;
        let add = communicator.fetch_add(grant, 8, 1);
        let results = [write.wait().map(|_| ()), read.wait().map(|_| ()), add.map(|_| ())];
        for result in results {
            match result {
                Ok(()) => {}
                Err(Error::RemoteAccess { refusal: Refusal::Revoked, .. }) => return Ok(successes),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(0)
}

#[test]
fn handles_may_be_dropped_and_memory_lent_comes_back() {
    local::run(2, |communicator| {
        let peer = Rank(1 - communicator.rank().0);
        let mut memory = vec![0_u8; 200_000];
        communicator.register_scoped(&mut memory, |region| {
            communicator.offer(&region.grant(Permissions::ALL, peer)?, peer, 0)?;
            let grant = communicator.accept(peer, 0)?;
            for at in 0..50 {
                drop(communicator.write_start(vec![at as u8 + 1; 4000], &grant, at * 4000)?);
            }
            drop(communicator.fetch_add_start(&grant, 0, 0)?);
            communicator.flush(peer)?;
            communicator.barrier()?;
            let mut first = [0];
            region.load(4000 * 49, &mut first)?;
            region.store(0, &[77])?;
            assert_eq!(first, [50]);
            assert!(region.load(200_000, &mut first).is_err());
            communicator.barrier()
        })?;
        assert_eq!(memory[0], 77);
        assert!(memory.chunks(4000).zip(1..).all(|(cell, at)| cell[1..].iter().all(|b| *b == at)));
        Ok(())
    })
    .unwrap();
}

#[test]
fn their_works_call_back_and_end_by_their_deadline_though_nobody_waits() {
    let within = Duration::from_millis(300);
    let met = Barrier::new(2);
    let patient = |_, builder: Builder| {
        builder.operation_timeout(within).peer_timeout(Duration::from_secs(30))
    };
    local::run_with(2, patient, |communicator| {
        let peer = Rank(1 - communicator.rank().0);
        let region = communicator.register(vec![3_u64; 10]);
        communicator.offer(&region.grant(Permissions::ALL, peer)?, peer, 0)?;
        let grant = communicator.accept(peer, 0)?;
        let (ended, ends) = mpsc::channel();
        let start = |work: Work<u64>| {
            let (ended, name) = (ended.clone(), work.name());
            work.on_end(move |end| ended.send((name, end.map_err(Clone::clone))).unwrap());
        };
        start(communicator.fetch_add_start(&grant, 72, 4)?);
        let (name, end) = ends.recv_timeout(LONG).unwrap();
        assert_eq!((name, end.is_ok()), ("fetch_add", true));
        start(communicator.compare_swap_start(&grant, 80, 3, 4)?);
        let (name, end) = ends.recv_timeout(LONG).unwrap();
        let refused = matches!(&end, Err(Error::RemoteAccess { rank, refusal, .. })
            if *rank == peer && *refusal == Refusal::OutOfBounds);
        assert!(name == "compare_swap" && refused, "{end:?}");
        met.wait();
        if communicator.rank() == OWNER {
            // Neither alive nor dead for as long as the other may wait.
            communicator.simulate_crash(Crash::Silent);
            thread::sleep(4 * within);
            return Ok(());
        }
        thread::sleep(within / 3);
        start(communicator.compare_swap_start(&grant, 0, 3, 4)?);
        let (name, end) = ends.recv_timeout(LONG).unwrap();
        let late = matches!(&end, Err(Error::Timeout { within: limit, .. }) if *limit == within);
        assert!(name == "compare_swap" && late, "{end:?}");
        Ok(())
    })
    .unwrap();
}
