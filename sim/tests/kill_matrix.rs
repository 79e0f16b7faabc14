//! Every algorithm, at every phase, with every victim, and all that can become of it: every survivor's
//! call ends within two seconds, naming the victim, and nothing of it is left.
//!
//! `SEALANE_CASE=n cargo test -p sealane-sim --test kill_matrix` replays one case of those printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kills;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kills::{Case, DEADLINE, Kind, PATIENCE_MAX, Ranks};
use sealane_collectives::{Call, Collective, CollectiveError};
use sealane_kernels::{Dtype, ReduceOp};
use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::QueueSettings;
use sealane_sim::host::{HostMemory, HostSettings, NicSettings};
use sealane_sim::topology::{LeafSpine, Links};
use sealane_sim::world::{Ended, World, WorldSettings};
use sealane_transport::{Config, Rank};

const WORLD: u32 = 5;

/// When the victim is hit, in parts of what the call takes without; the first before any packet.
const PHASES: [u64; 5] = [0, 1, 3, 6, 9];
const PARTS: u64 = 10;

/// Collectives by every algorithm that can do them.
fn calls() -> Vec<(Collective, &'static str)> {
    let (sum, root) = (ReduceOp::Sum, Rank(1));
    let of = |collective: Collective, algorithms: &[&'static str]| {
        algorithms.iter().map(|algorithm| (collective, *algorithm)).collect::<Vec<_>>()
    };
    [
        of(
            Collective::AllReduce(sum),
            &["ring", "recursive_doubling", "halving_doubling", "double_tree", "hierarchical"],
        ),
        of(Collective::Broadcast(root), &["chain", "binomial", "hierarchical"]),
        of(
            Collective::Reduce(sum, root),
            &["chain", "binomial", "halving_doubling", "hierarchical"],
        ),
        of(Collective::ReduceScatter(sum), &["ring", "direct", "direct_tree"]),
        of(Collective::AllGather, &["ring", "bruck", "hierarchical"]),
        of(Collective::Gather(root), &["direct"]),
        of(Collective::Scatter(root), &["direct"]),
        of(Collective::AllToAll, &["pairwise", "bruck"]),
        of(Collective::Barrier, &["dissemination"]),
    ]
    .concat()
}

fn call(collective: Collective, index: usize) -> Call {
    // Every other algorithm's turn is long enough for windows and segments.
    let count = [600, 60_000][index % 2];
    let count = if collective == Collective::Barrier { 0 } else { count };
    Call { collective, dtype: Dtype::F32, count }
}

fn run(case: &Case) -> (World<'static>, Ranks, Ended) {
    let links = Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1));
    let graph = LeafSpine { leaves: 3, spines: 2, hosts_per_leaf: 2, links }.graph();
    let config = Config {
        timer_granularity: Duration::from_micros(2),
        ack_delay_max: Duration::from_micros(3),
        ..Config::default()
    };
    let nic = NicSettings { ports: 2, phantom: true, ..NicSettings::default() };
    let settings = WorldSettings {
        seed: 3,
        host: HostSettings { config, nic, seed: 3, world: graph.hosts },
        queues: QueueSettings { limit: 400_000, mark_min: 80_000, mark_max: 300_000, trim: false },
        wire_overhead: 66,
        faults: Vec::new(),
    };
    let mut ranks = Ranks::new(case.clone());
    let mut world = World::new(graph, &settings, &mut ranks).unwrap();
    let limit = DEADLINE + Picos::from_micros(5_000_000);
    let ended = world.run(&mut ranks, limit);
    (world, ranks, ended)
}

/// Panics unless everything is as it must be; returns how many survivors' calls failed.
fn check(case: &Case, world: &World, ranks: &Ranks, ended: Ended) -> usize {
    assert_eq!(ended, Ended::Done, "somebody waits for ever: {:?}", ranks.results);
    let kind = case.kind.unwrap();
    let from = if kind == Kind::Stall { DEADLINE } else { case.at };
    let mut failed = 0;
    for rank in ranks.survivors() {
        let took = ranks.ended[rank].since(from);
        assert!(took.time().as_nanos() < PATIENCE_MAX.as_nanos() as u64, "rank {rank}: {took:?}");
        assert!(ranks.executors[rank].is_idle() || ranks.results[rank] == Some(Ok(())));
        let Some(Err(error)) = &ranks.results[rank] else { continue };
        failed += 1;
        match error {
            CollectiveError::PeerLost { rank: lost, .. } => {
                // A rank that hears nobody takes all others for lost, and says so while it is heard.
                let named = *lost == Rank(case.victim) || kind == Kind::Deaf;
                assert!(named, "rank {rank}: {error}");
            }
            CollectiveError::Aborted { .. } => {
                assert!(matches!(kind, Kind::Stall | Kind::Deaf), "rank {rank}: {error}");
            }
            other => panic!("rank {rank}: {other}"),
        }
        let HostMemory::Operands { buffers, .. } = &world.hosts[rank].memory else { panic!() };
        assert_eq!(buffers.0.regions(), 1, "rank {rank}: only the caller's memory is left");
    }
    failed
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, (collective, algorithm)) in calls().into_iter().enumerate() {
        let calm = Case {
            call: call(collective, index),
            rules: format!("{}:-:{algorithm}", collective.name()),
            world: WORLD,
            beside: 2,
            victim: 0,
            kind: None,
            at: Picos::ZERO,
        };
        let (world, ranks, ended) = run(&calm);
        assert_eq!(ended, Ended::Done, "{calm:?}");
        assert!(ranks.results.iter().all(|result| *result == Some(Ok(()))), "{calm:?}");
        let length = world.now.since(Picos::ZERO).0;
        for phase in PHASES {
            for victim in [0, 1, 4] {
                for kind in Kind::ALL {
                    let at = Picos(length * phase / PARTS);
                    cases.push(Case { victim, kind: Some(kind), at, ..calm.clone() });
                }
            }
        }
    }
    cases
}

#[test]
fn whoever_dies_whenever_every_survivor_ends_and_nothing_is_left() {
    let cases = cases();
    assert!(cases.len() >= 2000, "{}", cases.len());
    let only: Option<usize> = std::env::var("SEALANE_CASE").ok().map(|text| text.parse().unwrap());
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, case)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(index).map(|case| (index, case))
                } {
                    if only.is_some_and(|only| only != index) {
                        continue;
                    }
                    let _replay = Replay { index, case };
                    let (world, ranks, ended) = run(case);
                    failures.fetch_add(check(case, &world, &ranks, ended), Ordering::Relaxed);
                }
            });
        }
    });
    // The matrix must bite: most deaths before the end of a call are noticed by somebody.
    assert!(only.is_some() || failures.into_inner() > cases.len());
}

/// Says how to replay when a case fails.
struct Replay<'a> {
    index: usize,
    case: &'a Case,
}

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { index, case } = self;
            eprintln!("replay: SEALANE_CASE={index} cargo test -p sealane-sim --test kill_matrix");
            eprintln!("{case:?}");
        }
    }
}
