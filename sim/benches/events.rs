//! Events per second of a permutation on a fat tree.
use std::time::Duration;

use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::QueueSettings;
use sealane_sim::host::{HostSettings, NicSettings};
use sealane_sim::topology::{FatTree, Links};
use sealane_sim::workload::{Flows, Repeat, permutation};
use sealane_sim::world::{World, WorldSettings};
use sealane_transport::{Config, SprayPolicy};

#[allow(clippy::disallowed_methods, clippy::unwrap_used)]
fn main() {
    let arg = |n: usize| std::env::args().nth(n);
    let radix = arg(1).and_then(|a| a.parse().ok()).unwrap_or(8);
    let bytes = arg(2).and_then(|a| a.parse().ok()).unwrap_or(2_000_000);
    let links = Links { rate: Bandwidth::from_gbps(100), delay: Picos::from_micros(1) };
    let graph = FatTree { radix, oversubscription: 1, links }.graph();
    let spray = match arg(3).as_deref() {
        Some("single") => SprayPolicy::Single,
        Some("random") => SprayPolicy::Random,
        _ => SprayPolicy::Recycle,
    };
    let paths = arg(4).and_then(|a| a.parse().ok()).unwrap_or(128);
    let config = Config {
        spray,
        paths_max: paths,
        timer_granularity: Duration::from_micros(2),
        ack_delay_max: Duration::from_micros(3),
        ..Config::default()
    };
    let seed = 1;
    let settings = WorldSettings {
        seed,
        host: HostSettings { config, nic: NicSettings::default(), seed, world: graph.hosts },
        queues: QueueSettings { limit: 300_000, mark_min: 40_000, mark_max: 150_000, trim: false },
        wire_overhead: 66,
        faults: Vec::new(),
    };
    let hosts = graph.hosts;
    let mut flows = Flows::new(permutation(hosts, bytes, seed), Repeat::Once, false);
    let t0 = std::time::Instant::now();
    let mut world = World::new(graph, &settings, &mut flows).unwrap();
    let t1 = std::time::Instant::now();
    let ended = world.run(&mut flows, Picos::from_micros(100_000), &mut |_| true);
    let t2 = t1.elapsed();
    let mut fct: Vec<f64> = flows
        .results()
        .iter()
        .filter_map(sealane_sim::workload::FlowResult::duration)
        .map(Picos::micros)
        .collect();
    fct.sort_by(f64::total_cmp);
    println!(
        "{hosts} hosts {ended:?} setup {:?} run {t2:?} events {} = {:.2} M/s",
        t1 - t0,
        world.events,
        world.events as f64 / t2.as_secs_f64() / 1e6
    );
    println!("{:?} digest {:x}", world.fabric.counters, world.fabric.digest);
    let resent: u64 = world.hosts.iter().map(|h| h.endpoint.stats().fragments_resent).sum();
    let acks: u64 = world.hosts.iter().map(|h| h.endpoint.stats().acks_sent).sum();
    let sent: u64 = world.hosts.iter().map(|h| h.endpoint.stats().packets_sent).sum();
    println!(
        "resent {resent} acks {acks} sent {sent} errors {:?}",
        flows.errors().iter().take(3).collect::<Vec<_>>()
    );
    if !fct.is_empty() {
        println!(
            "done {} median {:.1} p99 {:.1} max {:.1} us",
            fct.len(),
            fct[fct.len() / 2],
            fct[fct.len() * 99 / 100],
            fct[fct.len() - 1]
        );
    }
    for h in &world.hosts {
        if let sealane_sim::host::HostMemory::Flows(f) = &h.memory {
            for v in f.violations() {
                println!("{v}");
            }
        }
    }
}
