//! The whole core, from handshakes on, under every fault of the network: each payload of random operations
//! exact and exactly once, no nonce used twice, nothing in the clear.
//!
//! `SEALANE_SEED=n cargo test -p sealane-sim --test random_operations` replays one seed;
//! `SEALANE_SEEDS=1000` runs more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::plan::{Plan, Shape};
use common::watch::{assert_clean, watch};
use common::{Run, for_seeds};
use sealane_sim::rng::Rng;
use sealane_sim::{
    Cluster, ClusterSettings, DeviceSettings, FaultDevice, Faults, LinkSettings, Rate,
};
use sealane_transport::device::Device;
use sealane_transport::{Config, Rank, Suite};

const TEST: &str = "random_operations";

/// Timeouts that 30 % loss cannot reach: this is about exactness; liveness has tests of its own.
fn patient(config: Config) -> Config {
    let mut patient = config;
    patient.handshake_timeout = Duration::from_secs(300);
    patient.peer_timeout = Duration::from_secs(60);
    patient
}

fn shape(rng: &mut Rng) -> Shape {
    Shape {
        nodes: 2 + rng.index(3),
        ops: 5 + rng.index(25),
        ports: 1 + rng.index(4),
        largest: if rng.chance(0.2) { 4 << 20 } else { 300_000 },
        spread: Duration::from_micros(rng.below(50_000)),
        blackholes: 0,
    }
}

fn settings(seed: u64, shape: &Shape, rng: &mut Rng) -> ClusterSettings {
    let mut config = patient(Config::default());
    config.rekey_packets = [None, Some(4096), Some(64)][rng.index(3)];
    if rng.chance(0.5) {
        config.suites = vec![Suite::ChaCha20Poly1305];
    }
    ClusterSettings {
        nodes: shape.nodes as u32,
        seed,
        config,
        device: DeviceSettings {
            ports: shape.ports as u16,
            mtu: [1200, 1472, 8952, 60_000][rng.index(4)],
            train_packets: 1 + rng.below(16) as u16,
            ecn: rng.chance(0.5),
            coalesce: rng.chance(0.7),
            whole_trains: rng.chance(0.2),
            ..DeviceSettings::default()
        },
        links: LinkSettings {
            latency: Duration::from_micros(5 + rng.below(200)),
            spread: Duration::from_micros(rng.below(50)),
            jitter: Duration::from_micros(rng.below(100)),
            ..LinkSettings::default()
        },
        tick: None,
    }
}

/// Runs a plan with handshakes; asserts everything that must be true of it.
fn run<D: Device>(cluster: &mut Cluster<D>, plan: &Plan) {
    let heard = watch(&cluster.network);
    let limit = Duration::from_secs(600);
    let budget = cluster.nodes[0].device.capabilities().receive_budget;
    Run::new(plan).complete(cluster, limit, |cluster, _| {
        for node in &cluster.nodes {
            let infos = (0..cluster.nodes.len() as u32)
                .filter_map(|rank| node.endpoint.peer_info(Rank(rank)));
            for info in infos {
                assert!(info.in_flight <= budget && info.paths <= 256, "{info:?}");
            }
        }
    });
    assert_clean(&heard);
    for node in &cluster.nodes {
        assert_eq!(node.endpoint.stats().dropped.violations, 0);
    }
}

#[test]
fn a_clean_network_needs_no_retransmission() {
    for_seeds(TEST, 8, |seed| {
        let mut rng = Rng::new(seed, 1);
        let shape = Shape { nodes: 3, ..shape(&mut rng) };
        let plan = Plan::draw(seed, &shape);
        let mut settings = settings(seed, &shape, &mut rng);
        settings.links = LinkSettings::default();
        let mut cluster = Cluster::new(&settings).unwrap();
        run(&mut cluster, &plan);
        let counters = cluster.network.counters();
        assert_eq!((counters.lost, counters.corrupted), (0, 0));
    });
}

#[test]
fn everything_at_once_changes_nothing() {
    for_seeds(TEST, 8, |seed| {
        let mut rng = Rng::new(seed, 2);
        let mut shape = shape(&mut rng);
        shape.blackholes = rng.index(6);
        let plan = Plan::draw(seed, &shape);
        let mut settings = settings(seed, &shape, &mut rng);
        settings.links.loss = [0.0, 0.01, 0.1, 0.3][rng.index(4)];
        settings.links.duplicate = [0.0, 0.05, 0.3][rng.index(3)];
        settings.links.reorder = [0.0, 0.05, 0.5][rng.index(3)];
        settings.links.corrupt = [0.0, 0.01, 0.1][rng.index(3)];
        let mut cluster = Cluster::new(&settings).unwrap();
        run(&mut cluster, &plan);
    });
}

#[test]
fn slow_queues_with_and_without_ecn_deliver() {
    for_seeds(TEST, 6, |seed| {
        let mut rng = Rng::new(seed, 3);
        let shape = shape(&mut rng);
        let plan = Plan::draw(seed, &shape);
        let mut settings = settings(seed, &shape, &mut rng);
        let queue_bytes = 150_000 + rng.below(500_000);
        settings.links.rate = Some(Rate {
            bytes_per_second: 20_000_000 + rng.below(1_000_000_000),
            queue_bytes,
            mark_bytes: queue_bytes / 4,
        });
        let mut cluster = Cluster::new(&settings).unwrap();
        run(&mut cluster, &plan);
    });
}

#[test]
fn faults_wrapped_around_devices_change_nothing() {
    for_seeds(TEST, 6, |seed| {
        let mut rng = Rng::new(seed, 4);
        let shape = shape(&mut rng);
        let plan = Plan::draw(seed, &shape);
        let mut settings = settings(seed, &shape, &mut rng);
        settings.tick = Some(Duration::from_micros(100));
        let faults = Faults {
            loss: 0.05,
            duplicate: 0.05,
            reorder: 0.2,
            corrupt: 0.02,
            delay: 0.02,
            ..Faults::NONE
        };
        let wrap = |host: usize, device| {
            // Damage on the way out could make one number look like another to the watch.
            let transmit = Faults { corrupt: 0.0, ..faults };
            FaultDevice::new(device, faults, transmit, seed ^ (host as u64) << 8).unwrap()
        };
        let mut cluster = Cluster::wrapped(&settings, wrap).unwrap();
        run(&mut cluster, &plan);
        let faulty = |node: &sealane_sim::Node<FaultDevice<_>>| {
            node.device.received().packets + node.device.transmitted().packets
        };
        assert!(cluster.nodes.iter().map(faulty).sum::<u64>() > 0);
    });
}

#[test]
fn rekeying_under_loss_and_reordering_never_stalls() {
    for_seeds(TEST, 4, |seed| {
        let mut rng = Rng::new(seed, 5);
        let shape = Shape { nodes: 3, ops: 12, largest: 4 << 20, ports: 4, ..shape(&mut rng) };
        let mut plan = Plan::draw(seed, &shape);
        plan.exchange(0, 1, 2 << 20);
        let mut settings = settings(seed, &shape, &mut rng);
        settings.config.rekey_packets = Some(64);
        settings.device.mtu = 1472;
        settings.links.loss = 0.1;
        settings.links.jitter = Duration::from_micros(200);
        let mut cluster = Cluster::new(&settings).unwrap();
        run(&mut cluster, &plan);
        let updates: u64 =
            cluster.nodes.iter().map(|node| node.endpoint.stats().keys_updated).sum();
        assert!(updates > 0, "{updates} key updates");
    });
}

#[test]
fn equal_seeds_are_equal_runs_without_handshakes() {
    let digest = |seed| {
        let mut rng = Rng::new(seed, 6);
        let shape = Shape { nodes: 3, ..shape(&mut rng) };
        let plan = Plan::draw(seed, &shape);
        let mut settings = settings(seed, &shape, &mut rng);
        settings.links.loss = 0.05;
        settings.links.reorder = 0.1;
        let mut cluster = Cluster::new(&settings).unwrap();
        cluster.join_all(&[7; 32]).unwrap();
        run(&mut cluster, &plan);
        (cluster.network.digest(), cluster.network.counters())
    };
    for_seeds(TEST, 3, |seed| assert_eq!(digest(seed), digest(seed)));
}
