//! What a run came to.

use sealane_transport::recovery::RecoveryStats;
use serde::Serialize;

use crate::engine::Picos;
use crate::fabric::{FabricCounters, LinkCounters, LinkId};
use crate::host::HostMemory;
use crate::workload::FlowResult;
use crate::world::{Ended, World};

/// What a link did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// Its ends: `edge0.1>agg0.0`, with the cable's number.
    pub name: String,
    /// Packets carried.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Packets dropped or trimmed for want of room.
    pub overflowed: u64,
    /// Packets marked.
    pub marked: u64,
    /// The longest that a packet has waited, its own serialisation included.
    pub longest: Picos,
}

/// What all endpoints did together. All are packets unless they say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostTotals {
    /// Data-plane packets sent.
    pub sent: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Data-plane packets that were accepted.
    pub received: u64,
    /// Packets that carried nothing but an acknowledgement.
    pub acks: u64,
    /// Fragments sent again.
    pub resent: u64,
    /// Packets declared lost.
    pub lost: u64,
    /// Packets acknowledged after they were declared lost.
    pub spurious: u64,
    /// Probe timeouts of paths.
    pub timeouts: u64,
    /// Peers silent on all paths for a probe timeout.
    pub silences: u64,
    /// Packets that did not open: damaged, trimmed or forged.
    pub unopened: u64,
    /// Packets that came again.
    pub replayed: u64,
    /// Sending keys replaced.
    pub keys_updated: u64,
    /// Peers given up.
    pub peers_lost: u64,
    /// Packets that broke the protocol: none ever should.
    pub broken: u64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Why it ended.
    pub ended: Ended,
    /// Virtual time at the end.
    pub time: Picos,
    /// Events handled.
    pub events: u64,
    /// Over (time, link, five-tuple, length, draws) of every hop: equal digests, equal runs. In
    /// hexadecimal.
    pub digest: String,
    /// The flows, in the order of starting.
    pub flows: Vec<FlowResult>,
    /// How long each call of a collective took.
    pub collectives: Vec<Picos>,
    /// Flows or calls that have ended, of how many.
    pub done: (u64, u64),
    /// What the fabric did.
    pub fabric: FabricCounters,
    /// What each link did that carried anything.
    pub links: Vec<LinkReport>,
    /// What the endpoints did.
    pub hosts: HostTotals,
    /// What ended without success.
    pub errors: Vec<String>,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    /// How long all of it takes on an ideal network, if that can be said.
    pub ideal: Option<Picos>,
}

impl Outcome {
    pub(super) fn of(world: &World<'_>, seed: u64, ended: Ended, done: (u64, u64)) -> Self {
        let fabric = &world.fabric;
        let links = (0..).zip(fabric.link_counters()).filter(|(_, link)| link.packets > 0);
        let complaints = |memory: &HostMemory| match memory {
            HostMemory::Flows(flows) => flows.violations().to_vec(),
            HostMemory::Operands { .. } => Vec::new(),
        };
        Self {
            seed,
            ended,
            time: world.now,
            events: world.events,
            digest: format!("{:016x}", fabric.digest),
            flows: Vec::new(),
            collectives: Vec::new(),
            done,
            fabric: fabric.counters,
            links: links.map(|(id, link)| LinkReport::of(world, LinkId(id), link)).collect(),
            hosts: HostTotals::of(world),
            errors: Vec::new(),
            violations: world.hosts.iter().flat_map(|host| complaints(&host.memory)).collect(),
            ideal: None,
        }
    }

    pub(super) const fn with_ideal(mut self, ideal: Option<Picos>) -> Self {
        self.ideal = ideal;
        self
    }

    /// Flows or calls that have not ended.
    #[must_use]
    pub const fn unfinished(&self) -> u64 {
        self.done.1.saturating_sub(self.done.0)
    }

    /// How long each finished flow took, from its start to its last byte, shortest first.
    #[must_use]
    pub fn durations(&self) -> Vec<Picos> {
        let mut durations: Vec<Picos> =
            self.flows.iter().filter_map(FlowResult::duration).collect();
        durations.sort_unstable();
        durations
    }
}

impl LinkReport {
    fn of(world: &World<'_>, id: LinkId, link: &LinkCounters) -> Self {
        let (from, to) = world.fabric.ends(id);
        let (from, to) = (world.graph.name(from), world.graph.name(to));
        Self {
            name: format!("{from}>{to}#{}", id.0 / 2),
            packets: link.packets,
            bytes: link.bytes,
            overflowed: link.overflowed,
            marked: link.marked,
            longest: link.longest,
        }
    }
}

impl HostTotals {
    fn of(world: &World<'_>) -> Self {
        let mut totals = Self::default();
        for host in &world.hosts {
            let stats = host.endpoint.stats();
            let RecoveryStats { lost, spurious, timeouts, silences } =
                host.endpoint.recovery_stats();
            totals.sent += stats.packets_sent;
            totals.bytes += stats.bytes_sent;
            totals.received += stats.packets_received;
            totals.acks += stats.acks_sent;
            totals.resent += stats.fragments_resent;
            totals.lost += lost;
            totals.spurious += spurious;
            totals.timeouts += timeouts;
            totals.silences += silences;
            totals.unopened += stats.dropped.authentication;
            totals.replayed += stats.dropped.replayed;
            totals.keys_updated += stats.keys_updated;
            totals.peers_lost += stats.peers_lost;
            totals.broken += stats.dropped.violations;
        }
        totals
    }
}
