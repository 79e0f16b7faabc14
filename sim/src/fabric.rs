//! The fabric: links with queues, switches that hash five-tuples, and what goes wrong on them.
//!
//! A link folds queueing, serialisation and propagation, so a hop costs one event: because a port is
//! FIFO, the time until which it is busy says how long its queue is.

mod impair;
mod link;
mod packet;
mod routes;

pub use impair::{Impairments, Stage};
pub use link::{Drop, LinkCounters, QueueSettings};
pub use packet::{Address, Packet, PacketId, PacketPool, flow_hash};
pub use routes::Routes;

use std::collections::BTreeSet;

use sealane_transport::device::Ecn;

use crate::engine::{Bandwidth, Cost, EventQueue, Picos};
use crate::rng::{Rng, mix};
use crate::topology::{Graph, NodeId};

use link::{Carried, Extras, Line};

/// Bytes that a trimmed packet keeps: its clear header and the first frame's.
const TRIMMED: u16 = 64;

/// A direction of a cable: cable × 2, and 1 more for the way from its second end to its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A packet on a link. All that a switch asks of it travels with the event, so that a hop touches
/// neither the packet nor its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The link.
    pub link: LinkId,
    /// The packet.
    pub packet: PacketId,
    /// A hash of the five-tuple: what switches choose by.
    pub flow: u32,
    /// The host that it goes to.
    pub to: u32,
    /// Bytes of UDP payload.
    pub length: u16,
    /// Its codepoint.
    pub ecn: Ecn,
}

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A packet has crossed a link.
    Arrive(Flight),
    /// A host's armed deadline has come, or its interface has room again.
    Wake(u32),
    /// A step of the failure schedule is due.
    Fault(u32),
    /// The application asked to be called.
    Call(u64),
}

/// What the fabric did, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FabricCounters {
    /// Entered at a host.
    pub injected: u64,
    /// Reached a host.
    pub delivered: u64,
    /// Found a queue full.
    pub overflowed: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Met a dead link, switch or partition, or no route.
    pub blackholed: u64,
    /// Had a bit flipped.
    pub corrupted: u64,
    /// Went twice.
    pub duplicated: u64,
    /// Were held back by a reordering stage.
    pub reordered: u64,
    /// Reached a host marked "congestion experienced".
    pub marked: u64,
    /// Were cut to their header instead of dropped.
    pub trimmed: u64,
}

impl FabricCounters {
    /// Packets that did not arrive.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.overflowed + self.lost + self.blackholed
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Fabric {
    lines: Vec<Line>,
    extras: Vec<Extras>,
    link_counters: Vec<LinkCounters>,
    routes: Routes,
    hosts: u32,
    /// Packets in the network.
    pub packets: PacketPool,
    partitions: BTreeSet<(u32, u32)>,
    seed: u64,
    wire_overhead: u64,
    /// What happened so far.
    pub counters: FabricCounters,
    /// A digest over (time, link, flow, length, draws) of every hop: equal digests, equal runs.
    pub digest: u64,
}

impl Fabric {
    /// The fabric of `graph`. Every packet occupies `wire_overhead` bytes more on the wire than its
    /// payload has: Ethernet, IP and UDP headers, preamble and gap.
    #[must_use]
    pub fn new(graph: &Graph, queues: &QueueSettings, wire_overhead: u64, seed: u64) -> Self {
        let (mut lines, mut extras) = (Vec::new(), Vec::new());
        for cable in &graph.cables {
            let queue = cable.queue.unwrap_or(*queues);
            for (from, to) in [(cable.a, cable.b), (cable.b, cable.a)] {
                // A host's own queue is its memory: the device pushes back before it grows.
                let queue = if graph.is_host(from) { QueueSettings::unlimited() } else { queue };
                let rng = Rng::new(seed, mix(LINK_STREAM ^ lines.len() as u64));
                lines.push(Line::new(to, cable.rate, cable.delay, &queue));
                extras.push(Extras::new(from, queue, rng));
            }
        }
        Self {
            link_counters: vec![LinkCounters::default(); lines.len()],
            lines,
            extras,
            routes: Routes::new(graph, seed),
            hosts: graph.hosts,
            packets: PacketPool::default(),
            partitions: BTreeSet::new(),
            seed,
            wire_overhead,
            counters: FabricCounters::default(),
            digest: seed,
        }
    }

    /// Hosts of the fabric.
    #[must_use]
    pub const fn hosts(&self) -> u32 {
        self.hosts
    }

    /// Bytes that a packet occupies on the wire besides its payload.
    #[must_use]
    pub const fn wire_overhead(&self) -> u64 {
        self.wire_overhead
    }

    /// The first link of a host.
    #[must_use]
    pub fn uplink(&self, host: u32) -> LinkId {
        self.routes.uplink(host)
    }

    /// Where a link begins and ends.
    #[must_use]
    pub fn ends(&self, link: LinkId) -> (NodeId, NodeId) {
        let index = link.0 as usize;
        (self.extras[index].from, self.lines[index].to)
    }

    /// What each link did, by id.
    #[must_use]
    pub fn link_counters(&self) -> &[LinkCounters] {
        &self.link_counters
    }

    /// How long a packet would wait on a link at `now`.
    #[must_use]
    pub fn backlog(&self, link: LinkId, now: Picos) -> Picos {
        self.lines[link.0 as usize].busy_until.since(now)
    }

    /// How long `bytes` occupy a link.
    #[must_use]
    pub fn serialise(&self, link: LinkId, bytes: u64) -> Picos {
        self.lines[link.0 as usize].rate().serialise(bytes)
    }

    /// The time that a bit takes on a link.
    #[must_use]
    pub fn delay(&self, link: LinkId) -> Picos {
        self.lines[link.0 as usize].delay()
    }

    /// Whether a link carries anything.
    #[must_use]
    pub fn is_up(&self, link: LinkId) -> bool {
        self.lines[link.0 as usize].up
    }

    /// The seed that components of the fabric derive theirs from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Cuts or mends a link.
    pub fn set_up(&mut self, link: LinkId, up: bool) {
        self.lines[link.0 as usize].up = up;
    }

    /// What every packet costs a host that receives it.
    pub fn set_receive_cost(&mut self, host: u32, cost: Cost) {
        let down = LinkId(self.uplink(host).0 ^ 1);
        self.extras[down.0 as usize].receive_cost = cost;
        self.refresh(down);
    }

    /// Changes what a link does to packets.
    pub fn set_impairments(&mut self, link: LinkId, impairments: Option<Impairments>) {
        self.extras[link.0 as usize].impairments = impairments.map(Box::new);
        self.refresh(link);
    }

    fn refresh(&mut self, link: LinkId) {
        let index = link.0 as usize;
        self.lines[index].special = self.extras[index].is_special();
    }

    /// Changes a link's speed; what is queued already leaves at the old one.
    pub fn set_rate(&mut self, link: LinkId, rate: Bandwidth) {
        let index = link.0 as usize;
        self.lines[index].set_rate(rate, &self.extras[index].queue);
    }

    /// Swallows everything from host `from` to host `to`, in this direction only.
    pub fn partition(&mut self, from: u32, to: u32) {
        self.partitions.insert((from, to));
    }

    /// Ends a one-way partition.
    pub fn heal(&mut self, from: u32, to: u32) {
        self.partitions.remove(&(from, to));
    }

    /// Puts a packet on its host's uplink, which is free for it from `ready` on.
    pub fn inject(
        &mut self,
        (now, ready): (Picos, Picos),
        packet: PacketId,
        (length, ecn): (u16, Ecn),
        queue: &mut EventQueue<Happening>,
    ) {
        self.counters.injected += 1;
        let Packet { from, to, .. } = &self.packets[packet];
        let (flow, from, to) = (flow_hash(*from, *to), from.host, to.host);
        if !self.partitions.is_empty() && self.partitions.contains(&(from, to)) {
            self.discard(packet, Drop::Blackhole);
            return;
        }
        let link = self.uplink(from);
        let line = &mut self.lines[link.0 as usize];
        line.busy_until = line.busy_until.max(ready);
        self.carry(now, Flight { link, packet, flow, to, length, ecn }, queue);
    }

    /// A packet has crossed a link. Returns the host that it has reached, or sends it on.
    pub fn arrive(
        &mut self,
        now: Picos,
        mut flight: Flight,
        queue: &mut EventQueue<Happening>,
    ) -> Option<u32> {
        let Line { to, up, .. } = self.lines[flight.link.0 as usize];
        let word = u64::from(flight.link.0) << 32 | u64::from(flight.flow);
        let word = word ^ u64::from(flight.length) << 16 ^ now.0.rotate_left(23);
        self.digest = mix(self.digest ^ word);
        if !up {
            // It was on the wire or in the queue when the cable died.
            self.discard(flight.packet, Drop::Blackhole);
            return None;
        }
        if to.0 < self.hosts {
            self.counters.delivered += 1;
            self.counters.marked += u64::from(flight.ecn == Ecn::Ce);
            return Some(to.0);
        }
        match self.routes.next(to, flight.to, flight.flow) {
            Some(link) => {
                flight.link = link;
                self.carry(now, flight, queue);
            }
            None => self.discard(flight.packet, Drop::Blackhole),
        }
        None
    }

    /// Puts a packet into the queue of its link.
    fn carry(&mut self, now: Picos, mut flight: Flight, queue: &mut EventQueue<Happening>) {
        let index = flight.link.0 as usize;
        let line = &mut self.lines[index];
        if line.special {
            self.carry_special(now, flight, queue);
            return;
        }
        let counters = &mut self.link_counters[index];
        match line.carry(now, &mut flight, self.wire_overhead, counters, &mut self.extras) {
            Carried::Arrives(at) => queue.push(at, Happening::Arrive(flight)),
            Carried::Trimmed(at) => {
                self.counters.trimmed += 1;
                queue.push(at, Happening::Arrive(flight));
            }
            Carried::Dropped(drop) => self.discard(flight.packet, drop),
        }
    }

    /// As [`carry`](Self::carry), through the link's stages and the host's receiver.
    fn carry_special(&mut self, now: Picos, flight: Flight, queue: &mut EventQueue<Happening>) {
        let index = flight.link.0 as usize;
        let stages = self.extras[index].impairments.as_mut();
        let fate = stages.map(|stages| stages.apply(flight.length)).unwrap_or_default();
        self.digest = mix(self.digest ^ fate.draws);
        if fate.lost {
            self.discard(flight.packet, Drop::Lost);
            return;
        }
        if let Some(bit) = fate.flip {
            self.counters.corrupted += 1;
            self.packets[flight.packet].flip(bit, usize::from(flight.length));
        }
        self.counters.reordered += u64::from(fate.held);
        let mut copies = [Some(flight), None];
        if fate.duplicate {
            self.counters.duplicated += 1;
            let packet = self.packets.duplicate(flight.packet);
            copies[1] = Some(Flight { packet, ..flight });
        }
        for mut copy in copies.into_iter().flatten() {
            let counters = &mut self.link_counters[index];
            let (line, overhead) = (&mut self.lines[index], self.wire_overhead);
            let at = match line.carry(now, &mut copy, overhead, counters, &mut self.extras) {
                Carried::Arrives(at) => at,
                Carried::Trimmed(at) => {
                    self.counters.trimmed += 1;
                    at
                }
                Carried::Dropped(drop) => {
                    self.discard(copy.packet, drop);
                    continue;
                }
            };
            let at = self.extras[index].received(at + fate.delay, u64::from(copy.length));
            queue.push(at, Happening::Arrive(copy));
        }
    }

    /// Counts a packet that got no further, and takes its memory back.
    fn discard(&mut self, packet: PacketId, drop: Drop) {
        match drop {
            Drop::Overflow => self.counters.overflowed += 1,
            Drop::Lost => self.counters.lost += 1,
            Drop::Blackhole => self.counters.blackholed += 1,
        }
        self.packets.free(packet);
    }
}

/// Kind word of the generators of links.
const LINK_STREAM: u64 = 0x006C_696E_6B00_0000;

#[cfg(test)]
mod tests;
