//! The schedules at sizes that no machine here has: up to 1024 ranks on a fat tree, each an endpoint of its
//! own with the executor that runs on sockets.
//!
//! `SEALANE_RANKS=1024 cargo test --release -p sealane-sim --test many_ranks` takes the rings, too, around
//! all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use sealane_collectives::{Call, Collective};
use sealane_kernels::{Dtype, ReduceOp};
use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::QueueSettings;
use sealane_sim::host::{HostSettings, NicSettings};
use sealane_sim::topology::{FatTree, Links};
use sealane_sim::workload::{CollectiveSpec, Collectives};
use sealane_sim::world::{Ended, World, WorldSettings};
use sealane_transport::{Config, Rank};

fn run(ranks: u32, collective: Collective, algorithm: &str, count: u64) {
    let links = Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1));
    let radix = (2..).step_by(2).find(|radix| radix * radix * radix / 4 >= ranks).unwrap();
    let graph = FatTree { radix, oversubscription: 1, links }.graph();
    let config = Config {
        timer_granularity: Duration::from_micros(2),
        ack_delay_max: Duration::from_micros(3),
        ..Config::default()
    };
    let nic = NicSettings { ports: 1, phantom: true, ..NicSettings::default() };
    let settings = WorldSettings {
        seed: 5,
        host: HostSettings { config, nic, seed: 5, world: graph.hosts },
        queues: QueueSettings { limit: 400_000, mark_min: 80_000, mark_max: 300_000, trim: false },
        wire_overhead: 66,
        faults: Vec::new(),
    };
    let spec = CollectiveSpec {
        call: Call { collective, dtype: Dtype::F32, count },
        overrides: format!("{}:-:{algorithm}", collective.name()).parse().unwrap(),
        ranks,
        rounds: 1,
    };
    let mut application = Collectives::new(spec, false);
    let mut world = World::new(graph, &settings, &mut application).unwrap();
    let ended = world.run(&mut application, Picos::from_micros(60_000_000));
    let name = format!("{} of {count} by {algorithm} on {ranks} ranks", collective.name());
    assert_eq!(ended, Ended::Done, "{name}: {:?}", application.errors());
    assert!(application.errors().is_empty(), "{name}: {:?}", application.errors());
    assert_eq!(application.durations().len(), 1, "{name}");
}

#[test]
fn what_takes_few_rounds_runs_on_1024_ranks() {
    let sum = ReduceOp::Sum;
    run(1024, Collective::AllReduce(sum), "recursive_doubling", 256);
    run(1024, Collective::AllReduce(sum), "halving_doubling", 40_000);
    run(1024, Collective::AllReduce(sum), "double_tree", 40_000);
    run(1024, Collective::Broadcast(Rank(7)), "binomial", 4096);
    run(1024, Collective::Reduce(sum, Rank(1023)), "halving_doubling", 40_000);
    run(1024, Collective::Barrier, "dissemination", 0);
}

#[test]
fn rings_and_chains_run_on_as_many_as_there_is_time_for() {
    let ranks = std::env::var("SEALANE_RANKS").map_or(96, |text| text.parse().unwrap());
    let sum = ReduceOp::Sum;
    run(ranks, Collective::AllReduce(sum), "ring", 100_000);
    run(ranks, Collective::Broadcast(Rank(3)), "chain", 100_000);
}
