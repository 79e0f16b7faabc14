//! The fabric: links with queues, switches that hash five-tuples, and what goes wrong on them.
//!
//! A link folds queueing, serialisation and propagation, so a hop costs one event: because a port is
//! FIFO, the time until which it is busy says how long its queue is.

mod impair;
mod link;
mod packet;
mod routes;

pub use impair::{Impairments, Stage};
pub use link::{Drop, Link, LinkCounters, QueueSettings};
pub use packet::{Address, Packet, PacketId, PacketPool};
pub use routes::Routes;

use std::collections::BTreeSet;

use crate::engine::{Bandwidth, Cost, EventQueue, Picos};
use crate::rng::{Rng, mix};
use crate::topology::{Graph, NodeId};

use link::Carried;

/// A direction of a cable: cable × 2, and 1 more for the way from its second end to its first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A packet has crossed a link.
    Arrive(LinkId, PacketId),
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
    /// Were marked "congestion experienced".
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
    links: Vec<Link>,
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
        let mut links = Vec::with_capacity(graph.cables.len() * 2);
        for cable in &graph.cables {
            let queue = cable.queue.unwrap_or(*queues);
            for (from, to) in [(cable.a, cable.b), (cable.b, cable.a)] {
                // A host's own queue is its memory: the device pushes back before it grows.
                let queue = if graph.is_host(from) { QueueSettings::unlimited() } else { queue };
                let rng = Rng::new(seed, mix(LINK_STREAM ^ links.len() as u64));
                links.push(Link::new(from, to, cable.rate, cable.delay, queue, rng));
            }
        }
        Self {
            routes: Routes::new(graph, seed),
            links,
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

    /// A link.
    #[must_use]
    pub fn link(&self, link: LinkId) -> &Link {
        &self.links[link.0 as usize]
    }

    /// All links, by id.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// A link, to change it.
    pub fn link_mut(&mut self, link: LinkId) -> &mut Link {
        &mut self.links[link.0 as usize]
    }

    /// The seed of a component of the fabric.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What every packet costs a host that receives it.
    pub fn set_receive_cost(&mut self, host: u32, cost: Cost) {
        let down = LinkId(self.uplink(host).0 ^ 1);
        self.link_mut(down).receive_cost = cost;
    }

    /// Changes a link's speed; what is queued already leaves at the old one.
    pub fn set_rate(&mut self, link: LinkId, rate: Bandwidth) {
        self.link_mut(link).rate = rate;
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
        now: Picos,
        ready: Picos,
        packet: PacketId,
        queue: &mut EventQueue<Happening>,
    ) {
        self.counters.injected += 1;
        let (from, to) = {
            let packet = &self.packets[packet];
            (packet.from.host, packet.to.host)
        };
        if !self.partitions.is_empty() && self.partitions.contains(&(from, to)) {
            self.discard(packet, Drop::Blackhole);
            return;
        }
        let link = self.uplink(from);
        let line = self.link_mut(link);
        line.busy_until = line.busy_until.max(ready);
        self.carry(now, link, packet, queue);
    }

    /// A packet has crossed `link`. Returns it if it has reached a host, else sends it on.
    pub fn arrive(
        &mut self,
        now: Picos,
        link: LinkId,
        packet: PacketId,
        queue: &mut EventQueue<Happening>,
    ) -> Option<u32> {
        let line = &self.links[link.0 as usize];
        let (to, up) = (line.to, line.up);
        let p = &self.packets[packet];
        let word = now.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (u64::from(link.0) << 32 | u64::from(p.length));
        self.digest = mix(self.digest ^ word ^ p.flow);
        if !up {
            // It was on the wire or in the queue when the cable died.
            self.discard(packet, Drop::Blackhole);
            return None;
        }
        if to.0 < self.hosts {
            self.counters.delivered += 1;
            return Some(to.0);
        }
        let (flow, target) = (p.flow, p.to.host);
        match self.routes.next(to, target, flow) {
            Some(link) => self.carry(now, link, packet, queue),
            None => self.discard(packet, Drop::Blackhole),
        }
        None
    }

    /// Puts a packet into the queue of `link`.
    fn carry(
        &mut self,
        now: Picos,
        link: LinkId,
        packet: PacketId,
        queue: &mut EventQueue<Happening>,
    ) {
        let line = &mut self.links[link.0 as usize];
        if line.impairments.is_some() {
            self.carry_impaired(now, link, packet, queue);
            return;
        }
        match line.carry(now, &mut self.packets[packet], self.wire_overhead) {
            Carried::Arrives(at) => queue.push(at, Happening::Arrive(link, packet)),
            Carried::Marked(at) => {
                self.counters.marked += 1;
                queue.push(at, Happening::Arrive(link, packet));
            }
            Carried::Trimmed(at) => {
                self.counters.trimmed += 1;
                queue.push(at, Happening::Arrive(link, packet));
            }
            Carried::Dropped(drop) => self.discard(packet, drop),
        }
    }

    /// As [`carry`](Self::carry), through the link's stages.
    fn carry_impaired(
        &mut self,
        now: Picos,
        link: LinkId,
        packet: PacketId,
        queue: &mut EventQueue<Happening>,
    ) {
        let line = &mut self.links[link.0 as usize];
        let Some(stages) = &mut line.impairments else { return };
        let fate = stages.apply(self.packets[packet].length);
        self.digest = mix(self.digest ^ fate.draws);
        if fate.lost {
            self.discard(packet, Drop::Lost);
            return;
        }
        if let Some(bit) = fate.flip {
            self.counters.corrupted += 1;
            self.packets[packet].flip(bit);
        }
        self.counters.reordered += u64::from(fate.held);
        let mut copies = [Some(packet), None];
        if fate.duplicate {
            self.counters.duplicated += 1;
            copies[1] = Some(self.packets.duplicate(packet));
        }
        for copy in copies.into_iter().flatten() {
            let line = &mut self.links[link.0 as usize];
            match line.carry(now, &mut self.packets[copy], self.wire_overhead) {
                Carried::Arrives(at) => {
                    queue.push(at + fate.delay, Happening::Arrive(link, copy));
                }
                Carried::Marked(at) => {
                    self.counters.marked += 1;
                    queue.push(at + fate.delay, Happening::Arrive(link, copy));
                }
                Carried::Trimmed(at) => {
                    self.counters.trimmed += 1;
                    queue.push(at + fate.delay, Happening::Arrive(link, copy));
                }
                Carried::Dropped(drop) => self.discard(copy, drop),
            }
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

    /// The node at the end of a link.
    #[must_use]
    pub fn end_of(&self, link: LinkId) -> NodeId {
        self.link(link).to
    }
}

/// Kind word of the generators of links.
const LINK_STREAM: u64 = 0x006C_696E_6B00_0000;

#[cfg(test)]
mod tests;
