//! Ranks die on real sockets in the middle of every collective by every algorithm: killed and stopped
//! processes, closed sockets, silence. Every survivor must learn who it was, and go on without.
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

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Crash, Error, Rank, ReduceOp, local};

/// Ranks of a life, those that are processes, and how many die.
const WORLD: u32 = 5;
const PROCESSES: [u32; 2] = [3, 4];
const DEATHS: usize = 3;

/// Moments of an operation at which a rank dies, in quarters of what it receives in the operation.
const PHASES: u64 = 4;

/// No wait of a rank may take longer; a hang fails here.
const LIMIT: Duration = Duration::from_secs(60);

/// Lives at a time: ranks mostly wait for silence to be long enough.
const AT_A_TIME: usize = 5;

/// Attempts at a life.
const ATTEMPTS: u32 = 3;

/// Algorithms that are forced together, and the collectives that it is worth killing in with them.
const PLANS: [(&str, &[Collective]); 4] = [
    (
        "allreduce:-:ring,broadcast:-:chain,reduce:-:chain,reduce_scatter:-:ring,allgather:-:ring,\
         alltoall:-:pairwise",
        &[
            Collective::AllReduce,
            Collective::Broadcast,
            Collective::Reduce,
            Collective::ReduceScatter,
            Collective::AllGather,
            Collective::AllToAll,
            Collective::Gather,
            Collective::Scatter,
            Collective::Barrier,
        ],
    ),
    (
        "allreduce:-:recursive_doubling,broadcast:-:binomial,reduce:-:binomial,\
         reduce_scatter:-:direct,allgather:-:bruck,alltoall:-:bruck",
        &[
            Collective::AllReduce,
            Collective::Broadcast,
            Collective::Reduce,
            Collective::ReduceScatter,
            Collective::AllGather,
            Collective::AllToAll,
        ],
    ),
    ("allreduce:-:halving_doubling", &[Collective::AllReduce]),
    ("allreduce:-:double_tree", &[Collective::AllReduce]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Collective {
    AllReduce,
    Broadcast,
    Reduce,
    ReduceScatter,
    AllGather,
    AllToAll,
    Gather,
    Scatter,
    Barrier,
}

impl Collective {
    /// Its name in errors.
    const fn name(self) -> &'static str {
        match self {
            Self::AllReduce => "all_reduce",
            Self::Broadcast => "broadcast",
            Self::Reduce => "reduce",
            Self::ReduceScatter => "reduce_scatter",
            Self::AllGather => "all_gather",
            Self::AllToAll => "all_to_all",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::Barrier => "barrier",
        }
    }

    /// Runs it on enough bytes for several packets to each peer.
    fn run(self, communicator: &Communicator) -> Result<(), Error> {
        let world = communicator.size() as usize;
        let each = 30_000;
        let root = Rank(communicator.size() - 1);
        let mut all = vec![1_f32; each * world];
        let mut one = vec![1_f32; each];
        match self {
            Self::AllReduce => communicator.all_reduce(&mut all, ReduceOp::Sum),
            Self::Broadcast => communicator.broadcast(&mut all, root),
            Self::Reduce => communicator.reduce(&mut all, ReduceOp::Sum, root),
            Self::ReduceScatter => communicator.reduce_scatter(&mut all, ReduceOp::Sum),
            Self::AllGather => communicator.all_gather(&mut all),
            Self::AllToAll => communicator.all_to_all(&mut all),
            Self::Gather => communicator.gather_into(&one, &mut all, root),
            Self::Scatter => communicator.scatter_into(&all, &mut one, root),
            Self::Barrier => communicator.barrier(),
        }
    }
}

/// One death: who, in what, when, how.
#[derive(Clone, Copy, Debug)]
struct Death {
    collective: Collective,
    phase: u64,
    /// By its rank in the first communicator.
    victim: u32,
    how: Crash,
}

#[derive(Clone, Debug)]
struct Life {
    plan: &'static str,
    deaths: Vec<Death>,
}

/// Every collective by every algorithm, at every phase, in every way. Victims take turns, so that first,
/// last, middle ranks and roots are among them.
fn lives() -> Vec<Life> {
    let mut lives = Vec::new();
    let orders: [[u32; DEATHS]; 6] =
        [[4, 3, 0], [3, 1, 4], [4, 0, 3], [3, 4, 2], [0, 4, 3], [4, 2, 1]];
    for (plan, collectives) in PLANS {
        let mut deaths = Vec::new();
        for collective in collectives {
            for phase in 0..PHASES {
                for kind in 0..3_usize {
                    deaths.push((*collective, phase, kind));
                }
            }
        }
        // Each death of a life is of another collective and phase.
        let stride = deaths.len().div_ceil(DEATHS);
        for at in 0..stride {
            let order = orders[lives.len() % orders.len()];
            let chosen = (0..DEATHS).filter_map(|turn| deaths.get(at + turn * stride));
            let deaths = chosen.zip(order).map(|((collective, phase, kind), victim)| {
                let hows = if PROCESSES.contains(&victim) {
                    [Crash::Killed, Crash::Stopped, Crash::Killed]
                } else {
                    [Crash::Closed, Crash::Silent, Crash::Closed]
                };
                Death { collective: *collective, phase: *phase, victim, how: hows[*kind] }
            });
            lives.push(Life { plan, deaths: deaths.collect() });
        }
    }
    lives
}

fn connect(rank: u32, port: u16, plan: &str) -> Communicator {
    let lookup = |name: &str| match name {
        "RANK" => Some(rank.to_string()),
        "WORLD_SIZE" => Some(WORLD.to_string()),
        "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
        "MASTER_PORT" => Some(port.to_string()),
        "SEALANE_SECRET" => Some("a secret for tests, of enough bytes".to_owned()),
        _ => None,
    };
    Communicator::builder()
        .launch(Launch::detect(&lookup).unwrap())
        .credentials(Credentials::from_environment(Rank(rank), &lookup).unwrap())
        .algorithms(plan.parse().unwrap())
        .operation_timeout(LIMIT)
        .timeout(LIMIT)
        .connect()
        .unwrap()
}

/// What a survivor noticed: how long it took from its call to its error, at most.
type Delays = Vec<(String, Duration)>;

/// Lives as one rank until the end of the life, or its own.
fn live(rank: u32, port: u16, life: &Life) -> Delays {
    let mut communicator = connect(rank, port, life.plan);
    // By rank in the communicator: who that was at first.
    let mut names: Vec<u32> = (0..WORLD).collect();
    let mut delays = Vec::new();
    for death in &life.deaths {
        let position = names.iter().position(|name| *name == death.victim).unwrap() as u32;
        let context = format!("{death:?} of {names:?} by {}, rank {rank}", life.plan);
        let before = communicator.stats().packets_received;
        death.collective.run(&communicator).unwrap_or_else(|error| panic!("{context}: {error}"));
        let usual = communicator.stats().packets_received - before;
        communicator.barrier().unwrap_or_else(|error| panic!("{context}: {error}"));
        if death.victim == rank {
            communicator.crash_after(usual * death.phase / PHASES, death.how);
            // It ends here, in the operation or after it.
            let _ = death.collective.run(&communicator);
            communicator.simulate_crash(death.how);
            return delays;
        }
        let (error, delay) = fails(&communicator, death.collective, &context);
        check(&error, death, position, &context);
        let rest = communicator.shrink().unwrap_or_else(|error| panic!("{context}: {error}"));
        names.remove(position as usize);
        assert_eq!(rest.size() as usize, names.len(), "{context}");
        assert_eq!(names[rest.rank().0 as usize], rank, "{context}");
        let mut sum = [rank];
        rest.all_reduce(&mut sum, ReduceOp::Sum).unwrap_or_else(|e| panic!("{context}: {e}"));
        assert_eq!(sum, [names.iter().sum::<u32>()], "{context}");
        delays.push((format!("{:?}", death.how), delay));
        communicator = rest;
    }
    delays
}

/// Calls the collective, and then barriers: a rank may have had all of its part before the death.
fn fails(communicator: &Communicator, collective: Collective, context: &str) -> (Error, Duration) {
    let called = Instant::now();
    let mut ended = collective.run(communicator);
    loop {
        let delay = called.elapsed();
        assert!(delay < LIMIT, "{context}: {delay:?}");
        match ended {
            Err(error) => return (error, delay),
            Ok(()) => ended = communicator.barrier(),
        }
    }
}

/// The error names the victim, the collective and its number.
fn check(error: &Error, death: &Death, position: u32, context: &str) {
    let Error::PeerLost { rank, operation, .. } = error else { panic!("{context}: {error}") };
    assert_eq!(rank.0, position, "{context}: {error}");
    let named = [death.collective.name(), "barrier"].contains(&operation.name);
    assert!(named, "{context}: {error}");
}

/// Descriptors and threads of this process.
fn held() -> (usize, usize) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    (count("fd"), count("task"))
}

fn victim(life: usize, rank: u32, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_rank_of_a_life", "--ignored", "--nocapture"])
        .env("SEALANE_LIFE", format!("{life} {rank} {port}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test: a rank that is a process of its own.
#[test]
#[ignore = "started by every_survivor_learns_who_died"]
fn a_rank_of_a_life() {
    let Ok(text) = std::env::var("SEALANE_LIFE") else { return };
    let mut words = text.split(' ').map(|word| word.parse::<usize>().unwrap());
    let [life, rank, port] = [(); 3].map(|()| words.next().unwrap());
    live(rank as u32, port as u16, &lives()[life]);
}

/// Processes of a life. None outlives it, whatever comes.
struct Victims(BTreeMap<u32, Child>);

impl Drop for Victims {
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
fn whole_in_time(index: usize, life: &Life) -> Delays {
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
    let children = PROCESSES.iter().map(|rank| (*rank, victim(index, *rank, port)));
    let mut victims = Victims(children.collect());
    let delays = thread::scope(|scope| {
        let threads = (0..WORLD).filter(|rank| !PROCESSES.contains(rank));
        let ranks: Vec<_> =
            threads.map(|rank| scope.spawn(move || live(rank, port, life))).collect();
        ranks.into_iter().flat_map(|rank| rank.join().unwrap()).collect()
    });
    for (rank, child) in &mut victims.0 {
        if life.deaths.iter().any(|death| death.victim == *rank) {
            // Stopped processes are still there.
            child.kill().unwrap();
            assert!(!child.wait().unwrap().success());
        } else {
            assert!(child.wait().unwrap().success(), "rank {rank} of {life:?}");
        }
    }
    delays
}

#[test]
fn every_survivor_learns_who_died_and_goes_on() {
    let all = lives();
    let total: usize = all.iter().map(|life| life.deaths.len()).sum();
    assert!(total >= 200, "{total}");
    let part = if std::env::var("SEALANE_KILLS").is_ok_and(|kills| kills == "all") { 1 } else { 3 };
    let chosen: Vec<usize> =
        (0..all.len()).filter(|index| (index + index / 3) % part == 0).collect();
    // What a process keeps from its first communicator on, such as who awaits SIGUSR1, is no leak.
    local::run(1, |_| Ok(())).unwrap();
    let before = held();
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
    // A thread that was joined may be listed for a moment more.
    let settled = || held().0 <= before.0 && held().1 <= before.1;
    let patience = Instant::now() + LIMIT;
    while !settled() {
        assert!(Instant::now() < patience, "left over: {before:?}, {:?}", held());
        thread::sleep(Duration::from_millis(20));
    }
    let delays = delays.into_inner().unwrap();
    let cases: usize = chosen.iter().map(|index| all[*index].deaths.len()).sum();
    for how in ["Closed", "Killed", "Silent", "Stopped"] {
        let mut of: Vec<Duration> =
            delays.iter().filter(|(one, _)| one == how).map(|(_, delay)| *delay).collect();
        of.sort_unstable();
        println!("{how}: median {:?}, longest {:?}", of.get(of.len() / 2), of.last());
    }
    println!("{cases} of {total} deaths");
}
