//! Events per second on one core with sealing off, and the memory that it takes.
//!
//! `cargo bench -p sealane-sim --bench events` runs a permutation of 2 MB flows on 1024 hosts, three
//! times; `-- 32 1000000` one of 1 MB on the 8192 hosts of a fat tree of radix 32, once.
#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use std::time::Instant;

use sealane_sim::scenario::{Scenario, Topology, Workload, run};
use sealane_sim::world::{Ended, Silent};

fn main() {
    // Cargo adds `--bench`, which says nothing here.
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let radix = numbers.next().unwrap_or(16) as u32;
    let bytes = numbers.next().unwrap_or(2_000_000);
    let rounds = if radix > 16 { 1 } else { 3 };
    let mut scenario = Scenario {
        topology: Topology::FatTree { tiers: 3, radix, oversubscription: 1 },
        workload: Workload::Permutation { bytes },
        ..Scenario::default()
    };
    scenario.nic.mtu = 4160;
    scenario.nic.mtu_base = 4160;
    let hosts = u64::from(radix).pow(3) / 4;
    let mut speeds = Vec::new();
    for seed in 1..=rounds {
        let start = Instant::now();
        let outcome = run(&scenario, seed, &mut Silent).expect("a scenario that makes sense");
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(outcome.ended, Ended::Done, "{:?}", outcome.errors);
        let speed = outcome.events as f64 / seconds / 1e6;
        println!(
            "{hosts} hosts, {bytes} B each, seed {seed}: {} events in {seconds:.2} s, building \
             included: {speed:.2} M/s; last completion {}",
            outcome.events,
            outcome.durations().last().copied().unwrap_or_default()
        );
        speeds.push(speed);
    }
    speeds.sort_by(f64::total_cmp);
    println!("median {:.2} million events a second", speeds[speeds.len() / 2]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("peak memory: {}", peak.trim_start_matches("VmHWM:").trim());
    }
}
