//! How long things take on an ideal network: the line that every plot has.
//!
//! Headers, tags and gaps count, or encryption would look like congestion. Acknowledgements do not:
//! they travel in packets of their own, whose share is small, and what they cost is the protocol's.

mod collectives;

use sealane_transport::limits::{DATA_OVERHEAD, GRANULE};

use crate::engine::{Bandwidth, Picos};
use crate::host::NicSettings;
use crate::topology::Graph;
use crate::workload::{CollectiveSpec, FlowSpec, Repeat};

use super::workload::Made;
use super::{Scenario, ScenarioError, Workload};

/// How messages become packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packets {
    /// Message bytes of a full packet.
    pub payload: u64,
    /// Bytes that any packet occupies on the wire besides them.
    pub overhead: u64,
}

impl Packets {
    /// Those of an interface.
    #[must_use]
    pub const fn of(nic: &NicSettings, wire_overhead: u64) -> Self {
        let overhead = DATA_OVERHEAD as u64;
        let room = (nic.mtu as u64).saturating_sub(overhead);
        Self { payload: room - room % GRANULE, overhead: overhead + wire_overhead }
    }

    /// Bytes that a message occupies on the wire.
    #[must_use]
    pub const fn wire(&self, bytes: u64) -> u64 {
        let packets = bytes.div_ceil(self.payload);
        bytes + if packets == 0 { 1 } else { packets } * self.overhead
    }

    /// The least that message bytes occupy, however they are cut into messages.
    const fn full(&self, bytes: u64) -> u64 {
        bytes.saturating_add((bytes / self.payload).saturating_mul(self.overhead))
    }

    /// Bytes of the smallest packet that carries any.
    const fn smallest(&self) -> u64 {
        self.overhead + GRANULE
    }

    /// Bytes of a message's last packet.
    #[must_use]
    pub const fn last(&self, bytes: u64) -> u64 {
        let rest = bytes % self.payload;
        self.overhead + if rest == 0 && bytes > 0 { self.payload } else { rest }
    }
}

/// What a packet of so many bytes takes along a path, each hop of which stores it before it forwards it.
fn travel(delay: Picos, rates: &[Bandwidth], bytes: u64) -> Picos {
    rates.iter().map(|rate| rate.serialise(bytes)).fold(delay, |sum, hop| sum + hop)
}

/// The time of one flow alone, from its start to its last byte at the receiver.
#[must_use]
pub fn flow(graph: &Graph, packets: &Packets, spec: &FlowSpec) -> Option<Picos> {
    let (delay, rates) = graph.path(spec.from, spec.to)?;
    let slowest = rates.iter().copied().min()?;
    let last = packets.last(spec.bytes);
    let stream = slowest.serialise(packets.wire(spec.bytes)) - slowest.serialise(last);
    Some(stream + travel(delay, &rates, last))
}

/// The time of an acknowledgement on its way back, in a packet of its own.
#[must_use]
pub fn acknowledgement(graph: &Graph, wire_overhead: u64, from: u32, to: u32) -> Option<Picos> {
    /// Clear header, an acknowledgement of one word, and tag.
    const BYTES: u64 = 16 + 33 + 16;
    let (delay, rates) = graph.path(from, to)?;
    Some(travel(delay, &rates, BYTES + wire_overhead))
}

/// When the last of several flows is done: the busiest of all host links, and of all the bundles that
/// join a switch's hosts with the rest, is busy to the end; and then the last packet travels.
#[must_use]
pub fn flows(graph: &Graph, packets: &Packets, specs: &[FlowSpec]) -> Option<Picos> {
    let alone = specs
        .iter()
        .map(|spec| flow(graph, packets, spec).map(|time| spec.start + time))
        .collect::<Option<Vec<_>>>()?;
    let longest = alone.into_iter().max()?;
    let loads = Loads::of(graph, packets, specs);
    let (delay, last) = specs.iter().map(|spec| latency(graph, packets, spec)).max()??;
    let start = specs.iter().map(|spec| spec.start).min()?;
    Some(longest.max(start + loads.busiest(graph) + delay - last))
}

/// What a flow's last packet takes from end to end, and the part of it that a bottleneck's time counts
/// already.
fn latency(graph: &Graph, packets: &Packets, spec: &FlowSpec) -> Option<(Picos, Picos)> {
    let (delay, rates) = graph.path(spec.from, spec.to)?;
    let slowest = rates.iter().copied().min()?;
    let last = packets.last(spec.bytes);
    Some((travel(delay, &rates, last), slowest.serialise(last)))
}

/// Bytes on the wire into and out of each host, and each switch that has hosts.
struct Loads {
    hosts: Vec<[u64; 2]>,
    switches: Vec<[u64; 2]>,
}

impl Loads {
    fn of(graph: &Graph, packets: &Packets, specs: &[FlowSpec]) -> Self {
        let switch = home(graph);
        let mut loads = Self {
            hosts: vec![[0; 2]; graph.hosts as usize],
            switches: vec![[0; 2]; graph.switches.len()],
        };
        for spec in specs {
            let wire = packets.wire(spec.bytes);
            let (from, to) = (spec.from as usize, spec.to as usize);
            loads.hosts[from][0] += wire;
            loads.hosts[to][1] += wire;
            if let (Some(a), Some(b)) = (switch[from], switch[to])
                && a != b
            {
                loads.switches[a][0] += wire;
                loads.switches[b][1] += wire;
            }
        }
        loads
    }

    fn busiest(&self, graph: &Graph) -> Picos {
        let mut speeds = vec![0_u64; graph.switches.len()];
        let mut busiest = Picos::ZERO;
        for cable in &graph.cables {
            for (end, other) in [(cable.a, cable.b), (cable.b, cable.a)] {
                if graph.is_host(end) {
                    for bytes in self.hosts[end.0 as usize] {
                        busiest = busiest.max(cable.rate.serialise(bytes));
                    }
                } else if !graph.is_host(other) {
                    speeds[(end.0 - graph.hosts) as usize] += cable.rate.bps();
                }
            }
        }
        for (speed, loads) in speeds.into_iter().zip(&self.switches) {
            if speed > 0 {
                let bundle = Bandwidth::from_bps(speed);
                busiest = busiest.max(bundle.serialise(loads[0].max(loads[1])));
            }
        }
        busiest
    }
}

/// The switch of each host, by index.
fn home(graph: &Graph) -> Vec<Option<usize>> {
    let mut homes = vec![None; graph.hosts as usize];
    for cable in &graph.cables {
        for (end, other) in [(cable.a, cable.b), (cable.b, cable.a)] {
            if graph.is_host(end) && !graph.is_host(other) {
                homes[end.0 as usize] = Some((other.0 - graph.hosts) as usize);
            }
        }
    }
    homes
}

/// The ideal of a scenario's whole workload, if there is a formula for it.
///
/// # Errors
///
/// Workloads that make no sense.
pub fn completion(
    scenario: &Scenario,
    graph: &Graph,
    seed: u64,
) -> Result<Option<Picos>, ScenarioError> {
    let packets = Packets::of(&scenario.nic, scenario.wire_overhead);
    match scenario.workload.make(scenario, graph, seed)? {
        Made::Collective(CollectiveSpec { ranks, .. }) => Ok(match &scenario.workload {
            Workload::AllReduce { bytes, algorithm, .. }
                if algorithm.as_deref() == Some("ring") =>
            {
                collectives::ring(graph, &packets, *bytes, ranks)
            }
            Workload::AllReduce { bytes, .. } => {
                collectives::all_reduce(graph, &packets, *bytes, ranks)
            }
            Workload::CollectiveAllToAll { bytes, .. } => {
                collectives::all_to_all(graph, &packets, *bytes, ranks)
            }
            _ => None,
        }),
        Made::Flows(specs) if specs.len() <= IDEAL_FLOWS_MAX => {
            let once = flows(graph, &packets, &specs);
            let times = match scenario.repeat {
                Repeat::Once => 1,
                repeat => u64::from(repeat.times()),
            };
            Ok(once.map(|time| Picos(time.0.saturating_mul(times))))
        }
        Made::Flows(_) => Ok(None),
    }
}

/// Flows for which an ideal is computed at most: each walks the graph.
const IDEAL_FLOWS_MAX: usize = 100_000;
