//! The life of one rank, to its end or to that of the life.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Crash, Error, Rank, ReduceOp};

use super::plan::{DEATHS, Death, Life, PHASES, PROCESSES, WORLD};

/// No wait of a rank may take longer; a hang fails here.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What an operation may take where a rank stalls: nothing else tells of it.
const STALL: Duration = Duration::from_millis(1900);

/// How long a rank may be silent there: silence is noticed first.
const SILENCE: Duration = Duration::from_millis(1000);

/// What a survivor noticed: how it was, and how long from its call to its error.
pub type Delays = Vec<(String, Duration)>;

/// How many of the ranks that are threads have got over each death.
pub type Over = [AtomicUsize; DEATHS];

pub fn connect(rank: u32, port: u16, life: &Life) -> Communicator {
    let lookup = |name: &str| match name {
        "RANK" => Some(rank.to_string()),
        "WORLD_SIZE" => Some(WORLD.to_string()),
        "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
        "MASTER_PORT" => Some(port.to_string()),
        "SEALANE_SECRET" => Some("a secret for tests, of enough bytes".to_owned()),
        _ => None,
    };
    let builder = Communicator::builder()
        .launch(Launch::detect(&lookup).unwrap())
        .credentials(Credentials::from_environment(Rank(rank), &lookup).unwrap())
        .algorithms(life.plan.parse().unwrap())
        .operation_timeout(LIMIT)
        .timeout(LIMIT);
    let builder = match life.has_stalls() {
        true => builder.operation_timeout(STALL).peer_timeout(SILENCE),
        false => builder,
    };
    builder.connect().unwrap()
}

pub fn live(rank: u32, port: u16, life: &Life, over: &Over) -> Delays {
    let mut communicator = connect(rank, port, life);
    // By rank in the communicator: who that was at first.
    let mut names: Vec<u32> = (0..WORLD).collect();
    let mut delays = Vec::new();
    for (death, over) in life.deaths.iter().zip(over) {
        let position = names.iter().position(|name| *name == death.victim).unwrap() as u32;
        let context = format!("{death:?} of {names:?} by {}, rank {rank}", life.plan);
        let before = communicator.stats().packets_received;
        death.collective.run(&communicator).unwrap_or_else(|error| panic!("{context}: {error}"));
        let usual = communicator.stats().packets_received - before;
        communicator.barrier().unwrap_or_else(|error| panic!("{context}: {error}"));
        if death.victim == rank {
            communicator.crash_after(usual * death.phase / PHASES, death.how);
            let threads = names.iter().filter(|name| !PROCESSES.contains(name)).count();
            let others = || over.load(Ordering::SeqCst) + 1 >= threads;
            delays.extend(die(&communicator, death, others, &context));
            return delays;
        }
        let (error, delay) = fails(&communicator, death, &context);
        check(&error, death, position, &context);
        let rest = communicator.shrink().unwrap_or_else(|error| panic!("{context}: {error}"));
        names.remove(position as usize);
        assert_eq!(rest.size() as usize, names.len(), "{context}");
        assert_eq!(names[rest.rank().0 as usize], rank, "{context}");
        let mut sum = [rank];
        rest.all_reduce(&mut sum, ReduceOp::Sum).unwrap_or_else(|e| panic!("{context}: {e}"));
        assert_eq!(sum, [names.iter().sum::<u32>()], "{context}");
        over.fetch_add(1, Ordering::SeqCst);
        delays.push((format!("{:?}", death.how), delay));
        communicator = rest;
    }
    delays
}

/// The end of a rank, in the operation or after it. One whose paths are gone learns of it as the others
/// do; one that stalls is there until `others` are without it.
fn die(
    communicator: &Communicator,
    death: &Death,
    others: impl Fn() -> bool,
    context: &str,
) -> Delays {
    match death.how {
        Crash::Blackholed => {
            let called = Instant::now();
            let ended = death.collective.run(communicator);
            communicator.simulate_crash(death.how);
            let error = match ended {
                Err(error) => error,
                // The others are past it: only barriers are left to call.
                Ok(()) => barriers(communicator, context),
            };
            assert!(matches!(error, Error::PeerLost { .. }), "{context}: {error}");
            vec![("Blackholed itself".to_owned(), called.elapsed())]
        }
        Crash::Stalled => {
            thread::scope(|scope| {
                scope.spawn(|| death.collective.run(communicator));
                thread::sleep(STALL / 5);
                communicator.simulate_crash(death.how);
                let stalled = Instant::now();
                while !others() && stalled.elapsed() < LIMIT {
                    thread::sleep(STALL / 100);
                }
                communicator.simulate_crash(Crash::Silent);
            });
            Delays::new()
        }
        how => {
            // It ends here, in the operation or after it.
            let _ = death.collective.run(communicator);
            communicator.simulate_crash(how);
            Delays::new()
        }
    }
}

/// Calls barriers until one fails.
fn barriers(communicator: &Communicator, context: &str) -> Error {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < LIMIT, "{context}: no end");
        if let Err(error) = communicator.barrier() {
            return error;
        }
    }
}

/// Calls the collective, and then barriers: a rank may have had all of its part before the death.
fn fails(communicator: &Communicator, death: &Death, context: &str) -> (Error, Duration) {
    let begun = Instant::now();
    let mut called = begun;
    let mut ended = death.collective.run(communicator);
    loop {
        assert!(begun.elapsed() < LIMIT, "{context}: no end");
        match ended {
            Err(error) => return (error, called.elapsed()),
            Ok(()) => {
                called = Instant::now();
                ended = communicator.barrier();
            }
        }
    }
}

/// Whether a text names a rank among those that are late. Others may be: who still waits for it in the call
/// before has not called this one either.
fn is_late(rank: Rank, text: &str) -> bool {
    let list = text.split_once("ranks ").and_then(|(_, list)| list.split_once(" are slow"));
    let mut listed = list.into_iter().flat_map(|(list, _)| list.split(", "));
    text.contains(&format!("{rank} is slow")) || listed.any(|one| one == rank.0.to_string())
}

/// The error names the victim, the collective and its number.
fn check(error: &Error, death: &Death, position: u32, context: &str) {
    let victim = Rank(position);
    let operation = match error {
        Error::PeerLost { rank, operation, .. } if *rank == victim => operation,
        Error::Timeout { operation, waiting_for, .. } if death.how == Crash::Stalled => {
            assert!(waiting_for.contains(&victim), "{context}: {error}");
            operation
        }
        Error::Aborted { operation, reason } if death.how == Crash::Stalled => {
            assert!(is_late(victim, reason), "{context}: {error}");
            operation
        }
        _ => panic!("{context}: {error}"),
    };
    let named = [death.collective.name(), "barrier"].contains(&operation.name);
    assert!(named, "{context}: {error}");
}
