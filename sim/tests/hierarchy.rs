//! What hosts of several ranks are worth, in virtual time: four hosts of eight ranks, whose ranks reach each
//! other through a switch of their own, and the other hosts through one uplink that all eight share.
//!
//! `cargo test -p sealane-sim --test hierarchy -- --nocapture` prints the table that the planner goes by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "the ranks of the kill matrix can do more")]

mod kills;

use std::time::Duration;

use kills::{Case, Ranks};
use sealane_collectives::{Call, Collective};
use sealane_kernels::{Dtype, ReduceOp};
use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::QueueSettings;
use sealane_sim::host::{HostSettings, NicSettings};
use sealane_sim::topology::{LeafSpine, Links};
use sealane_sim::world::{Ended, World, WorldSettings};
use sealane_transport::{Config, Rank};

const HOSTS: u32 = 4;
const BESIDE: u32 = 8;

/// How long a call takes, in µs; of the planner's choice if no algorithm is named.
fn time(collective: Collective, bytes: u64, algorithm: &str) -> f64 {
    let links = Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1));
    let shape = LeafSpine { leaves: HOSTS, spines: 1, hosts_per_leaf: BESIDE, links };
    let mut graph = shape.graph();
    let uplinks: Vec<usize> = graph.core_cables().collect();
    for uplink in uplinks {
        graph.cables[uplink].delay = Picos::from_micros(10);
    }
    let config = Config {
        timer_granularity: Duration::from_micros(2),
        ack_delay_max: Duration::from_micros(3),
        // As a handshake would have measured.
        initial_rtt: Duration::from_micros(50),
        ..Config::default()
    };
    let nic = NicSettings { ports: 4, phantom: true, ..NicSettings::default() };
    let settings = WorldSettings {
        seed: 4,
        host: HostSettings { config, nic, seed: 4, world: graph.hosts },
        queues: QueueSettings { limit: 400_000, mark_min: 80_000, mark_max: 300_000, trim: false },
        wire_overhead: 66,
        faults: Vec::new(),
    };
    let blocks = matches!(collective, Collective::AllGather);
    let count = bytes / 4 / if blocks { u64::from(HOSTS * BESIDE) } else { 1 };
    let rules = match algorithm {
        "" => String::new(),
        algorithm => format!("{}:-:{algorithm}", collective.name()),
    };
    let mut ranks = Ranks::new(Case {
        call: Call { collective, dtype: Dtype::F32, count },
        rules,
        world: HOSTS * BESIDE,
        beside: BESIDE,
        victim: 0,
        kind: None,
        at: Picos::ZERO,
    });
    let mut world = World::new(graph, &settings, &mut ranks).unwrap();
    let ended = world.run(&mut ranks, Picos::from_micros(10_000_000));
    assert_eq!(ended, Ended::Done, "{collective:?} of {bytes} bytes by {algorithm}");
    world.now.micros()
}

#[test]
fn the_planner_goes_by_hosts_where_that_is_faster() {
    let sum = ReduceOp::Sum;
    let calls: [(Collective, &[&str]); 4] = [
        (Collective::AllReduce(sum), &["hierarchical", "ring", "halving_doubling", "double_tree"]),
        (Collective::Broadcast(Rank(9)), &["hierarchical", "chain", "binomial"]),
        (Collective::Reduce(sum, Rank(9)), &["hierarchical", "chain", "binomial"]),
        (Collective::AllGather, &["hierarchical", "ring", "bruck"]),
    ];
    for (collective, algorithms) in calls {
        for bytes in [4 << 10, 64 << 10, 2 << 20] {
            let times: Vec<f64> =
                algorithms.iter().map(|algorithm| time(collective, bytes, algorithm)).collect();
            let planned = time(collective, bytes, "");
            let best = times.iter().copied().fold(f64::MAX, f64::min);
            let shown: Vec<String> = algorithms
                .iter()
                .zip(&times)
                .map(|(name, time)| format!("{name} {time:.0}"))
                .collect();
            println!(
                "{} {bytes} bytes, µs: {}; planned {planned:.0}",
                collective.name(),
                shown.join(", ")
            );
            assert!(planned <= 1.5 * best, "{}: {planned} against {best}", collective.name());
        }
    }
}
