//! What a seed draws.

use std::fmt;
use std::time::Duration;

use crate::engine::{Bandwidth, Picos};
use crate::fabric::Stage;
use crate::rng::Rng;
use crate::scenario::{
    FaultKind, FaultSpec, Policy, Scenario, Sessions, Target, Topology, Workload,
};
use crate::topology::Links;
use crate::workload::{FlowSpec, Repeat};

/// Everything begins within this time.
const SPREAD: u64 = 3_000;

/// Every fault has ended by then, in µs of virtual time: everything is healed.
const HEALED: u64 = 1_500_000;

/// Within so many µs after that, everything has ended: a few rounds of the longest pauses between
/// probes.
const BOUND: u64 = 60_000_000;

/// Silence after which peers are given up: longer than any fault lasts, so that only crashes lose
/// peers.
const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// Something that was drawn to go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Mishap(pub FaultSpec);

/// A run that a seed has drawn.
#[derive(Clone, Debug)]
pub struct Case {
    /// The seed.
    pub seed: u64,
    /// What runs.
    pub scenario: Scenario,
    /// Hosts that crash.
    pub crashed: Vec<u32>,
}

impl Case {
    /// What was drawn, in a line.
    #[must_use]
    pub fn summary(&self) -> String {
        let Scenario { topology, workload, transport, nic, repeat, sessions, .. } = &self.scenario;
        let work = match workload {
            Workload::Flows(flows) => format!("{} flows", flows.len()),
            other => format!("{other:?}"),
        };
        let faults: Vec<String> =
            self.scenario.faults.iter().map(|fault| Mishap(fault.clone()).to_string()).collect();
        format!(
            "{topology:?}; {work}, {repeat:?}; {} on {} paths, ack {}:1, {} ports, trains of {}, mtu \
             {}, {}, sessions {sessions:?}, rekey {:?}; {}",
            transport.policy,
            transport.paths,
            transport.ack_every,
            nic.ports,
            nic.train_packets,
            nic.mtu,
            if nic.phantom { "phantom" } else { "full" },
            transport.rekey_packets,
            if faults.is_empty() { "no faults".to_owned() } else { faults.join(", ") },
        )
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultSpec { target, kind, start, duration, .. } = &self.0;
        write!(f, "{kind:?} at {target:?} from {start}")?;
        match duration {
            Some(duration) => write!(f, " for {duration}"),
            None => write!(f, " on"),
        }
    }
}

/// Draws a case.
#[must_use]
pub fn draw(seed: u64) -> Case {
    let mut rng = Rng::new(seed, SWARM_STREAM);
    let mut scenario = Scenario {
        topology: topology(&mut rng),
        links: links(&mut rng),
        limit: Picos::from_micros(HEALED + BOUND),
        ..Scenario::default()
    };
    let hosts = scenario.graph().map_or(2, |graph| graph.hosts);
    configure(&mut rng, &mut scenario, hosts);
    let collective = work(&mut rng, &mut scenario, hosts);
    let mut crashed = Vec::new();
    for _ in 0..rng.below(4) {
        let fault = mishap(&mut rng, hosts);
        scenario.faults.push(fault);
    }
    // A collective with a lost rank fails on all: that is for the communicator's tests.
    if !collective && rng.chance(0.1) && hosts > 2 {
        let host = rng.below(u64::from(hosts)) as u32;
        let start = Picos::from_micros(rng.below(SPREAD));
        scenario.faults.push(FaultSpec::lasting(Target::Host(host), FaultKind::Crash, start));
        crashed.push(host);
    }
    // What the draw has made impossible is left out: a wire has no core.
    if let Ok(graph) = scenario.graph() {
        let core = graph.core_cables().count();
        scenario.faults.retain(|fault| match fault.target {
            Target::AnyCables(count) => count as usize <= core,
            Target::CoreCables => core > 0,
            _ => true,
        });
    }
    Case { seed, scenario, crashed }
}

fn topology(rng: &mut Rng) -> Topology {
    match rng.below(6) {
        0 => Topology::Wire,
        1 => Topology::Dumbbell {
            pairs: 1 + rng.below(4) as u32,
            bottleneck: Bandwidth::from_gbps(1 + rng.below(50)),
        },
        2 => Topology::FatTree { tiers: 3, radix: 4, oversubscription: 1 },
        3 => Topology::FatTree { tiers: 2, radix: 4, oversubscription: 1 + rng.below(2) as u32 },
        _ => Topology::LeafSpine {
            leaves: 2 + rng.below(3) as u32,
            spines: 1 + rng.below(4) as u32,
            hosts_per_leaf: 1 + rng.below(3) as u32,
        },
    }
}

fn links(rng: &mut Rng) -> Links {
    let rates = [1, 10, 25, 100, 400];
    let rate = Bandwidth::from_gbps(rates[rng.index(rates.len())]);
    let delay = Picos::from_nanos(100 + rng.below(20_000));
    let jitter = if rng.chance(0.3) { Picos(rng.below(delay.0)) } else { Picos::ZERO };
    Links { rate, delay, jitter }
}

fn configure(rng: &mut Rng, scenario: &mut Scenario, hosts: u32) {
    let policies = [Policy::Recycle, Policy::Recycle, Policy::Recycle, Policy::Recycle];
    let transport = &mut scenario.transport;
    transport.policy = match rng.below(8) {
        0 => Policy::Random,
        1 => Policy::Single,
        2 => Policy::GoBackN,
        3 => Policy::TcpLike,
        other => policies[other as usize % policies.len()],
    };
    transport.paths = 1 << rng.below(7);
    transport.ack_every = 1 + rng.below(16) as u32;
    transport.ack_delay = Duration::from_micros(1 + rng.below(100));
    transport.timer_granularity = Duration::from_micros(1 + rng.below(100));
    transport.peer_timeout = PEER_TIMEOUT;
    transport.rekey_packets = rng.chance(0.3).then(|| 16 << rng.below(8));
    transport.eager_budget = 1 << (12 + rng.below(7));
    let nic = &mut scenario.nic;
    nic.ports = 1 + rng.below(8) as u16;
    nic.mtu_base = 1200;
    let mtus = [1200, 1452, 4160, 9001];
    nic.mtu = mtus[rng.index(mtus.len())];
    nic.train_packets = [1, 1, 4, 16][rng.index(4)];
    nic.ecn = rng.chance(0.7);
    nic.receive_budget = 1 << (18 + rng.below(6));
    nic.phantom = rng.chance(0.3);
    let queues = &mut scenario.queues;
    queues.limit = 20_000 << rng.below(6);
    queues.mark_min = queues.limit / 8;
    queues.mark_max = queues.limit / 2;
    queues.trim = rng.chance(0.1);
    // Handshakes cost a millisecond each: on few hosts, now and then.
    if hosts <= 4 && rng.chance(0.15) {
        scenario.sessions = Sessions::Handshake;
        scenario.nic.phantom = false;
    }
}

/// Draws what hosts do; whether it is a collective.
fn work(rng: &mut Rng, scenario: &mut Scenario, hosts: u32) -> bool {
    scenario.repeat = match rng.below(4) {
        0 => Repeat::Rounds(2),
        1 => Repeat::Each(2),
        _ => Repeat::Once,
    };
    let bytes = 1 + rng.below(200_000);
    match rng.below(8) {
        0 => scenario.workload = Workload::Permutation { bytes },
        1 => scenario.workload = Workload::AllToAll { bytes: bytes / 4 + 1 },
        2 | 3 => return collective(rng, scenario, hosts),
        _ => {
            let flows = 1 + rng.below(24);
            let flow = |_| {
                let from = rng.below(u64::from(hosts)) as u32;
                let to = (from + 1 + rng.below(u64::from(hosts) - 1) as u32) % hosts;
                let bytes = match rng.below(8) {
                    0 => 0,
                    1 | 2 => rng.below(65),
                    3 | 4 => rng.below(5000),
                    5 => 64 * rng.below(4000),
                    _ => rng.below(400_000),
                };
                FlowSpec { from, to, bytes, start: Picos::from_micros(rng.below(SPREAD)) }
            };
            scenario.workload = Workload::Flows((0..flows).map(flow).collect());
        }
    }
    false
}

fn collective(rng: &mut Rng, scenario: &mut Scenario, hosts: u32) -> bool {
    let ranks = 2 + rng.below(u64::from(hosts) - 1) as u32;
    let bytes = 4 * (1 + rng.below(40_000));
    scenario.workload = if rng.chance(0.3) {
        let algorithm = [None, Some("pairwise"), Some("bruck")][rng.index(3)];
        let algorithm = algorithm.map(str::to_owned);
        Workload::CollectiveAllToAll { bytes: bytes / 16 * 4 + 4, ranks, algorithm }
    } else {
        let known = ["ring", "recursive_doubling", "halving_doubling", "double_tree"];
        let algorithm = known.get(rng.index(known.len() + 1)).map(|name| (*name).to_owned());
        Workload::AllReduce { bytes, ranks, algorithm }
    };
    // Operands must be real for their sums to be checked.
    scenario.nic.phantom = false;
    true
}

fn mishap(rng: &mut Rng, hosts: u32) -> FaultSpec {
    let start = Picos::from_micros(rng.below(SPREAD));
    let duration = Picos::from_micros([100, 1000, 30_000, 400_000][rng.index(4)]);
    let host = rng.below(u64::from(hosts)) as u32;
    let other = (host + 1 + rng.below(u64::from(hosts) - 1) as u32) % hosts;
    let cables = |rng: &mut Rng| match rng.below(4) {
        0 => Target::AllCables,
        1 => Target::CoreCables,
        2 => Target::Host(host),
        _ => Target::AnyCables(1 + rng.below(2) as u32),
    };
    let (target, kind) = match rng.below(10) {
        0 => (Target::Host(host), FaultKind::Pause),
        1 => (Target::Pair { from: host, to: other }, FaultKind::Partition),
        2 => {
            let down = Picos::from_micros(10 + rng.below(1000));
            let up = Picos::from_micros(10 + rng.below(1000));
            (cables(rng), FaultKind::Flapping { down, up })
        }
        3 | 4 => (cables(rng), FaultKind::Blackhole),
        5 => (cables(rng), FaultKind::Rate(Bandwidth::from_bps(50_000_000 << rng.below(6)))),
        _ => (cables(rng), FaultKind::Impair(stages(rng))),
    };
    FaultSpec::passing(target, kind, start, duration)
}

fn stages(rng: &mut Rng) -> Vec<Stage> {
    let stage = |rng: &mut Rng| match rng.below(7) {
        0 => Stage::Loss(rng.below(20) as f64 / 100.0),
        1 => Stage::Gemodel {
            p: rng.below(10) as f64 / 100.0,
            r: (5 + rng.below(50)) as f64 / 100.0,
            bad: 0.5,
            good: 0.0,
        },
        2 => Stage::Corrupt(rng.below(20) as f64 / 100.0),
        3 => Stage::Duplicate(rng.below(50) as f64 / 100.0),
        4 => Stage::Delay {
            constant: Picos::from_nanos(rng.below(100_000)),
            jitter: Picos::from_nanos(rng.below(500_000)),
        },
        5 => Stage::Rate(Bandwidth::from_bps(100_000_000 << rng.below(6))),
        _ => Stage::Reorder {
            probability: rng.below(50) as f64 / 100.0,
            gap: 1 + rng.below(4) as u32,
            by: Picos::from_nanos(rng.below(2_000_000)),
        },
    };
    (0..1 + rng.below(3)).map(|_| stage(rng)).collect()
}

/// Kind word of the generator that draws cases.
const SWARM_STREAM: u64 = 0x0073_7761_726D_0000;
