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

use serde::Serialize;

use sealane_transport::device::Ecn;

use crate::engine::{Bandwidth, Cost, EventQueue, Picos};
use crate::rng::{Rng, mix};
use crate::topology::{Graph, NodeId};

use impair::Fates;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

/// Something that happened inside, for whoever watches.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// A packet got no further.
    Dropped { link: LinkId, packet: Box<Packet>, length: u16, cause: Drop },
    /// A packet has joined the queue of a switch's port, which holds so many bytes now.
    Queued { link: LinkId, bytes: u64 },
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
    /// Somebody wants to know what becomes of packets inside.
    pub(crate) watched: bool,
    /// What became of them since it was last asked.
    pub(crate) notes: Vec<Note>,
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
                let mut line = Line::new(to, cable.rate, cable.delay, &queue);
                let extra = Extras::new(from, queue, cable.jitter, rng);
                line.special = extra.is_special();
                lines.push(line);
                extras.push(extra);
            }
        }
        Self {
            link_counters: vec![LinkCounters::default(); lines.len()],
            lines,
            extras,
            watched: false,
            notes: Vec::new(),
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

    /// Cuts or mends a link; one that was cut twice is mended by the second mending.
    pub fn set_up(&mut self, link: LinkId, up: bool) {
        let index = link.0 as usize;
        let cuts = &mut self.extras[index].cuts;
        *cuts = if up { cuts.saturating_sub(1) } else { *cuts + 1 };
        self.lines[index].up = *cuts == 0;
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
        let link = self.uplink(from);
        let flight = Flight { link, packet, flow, to, length, ecn };
        if !self.partitions.is_empty() && self.partitions.contains(&(from, to)) {
            self.discard(&flight, Drop::Blackhole);
            return;
        }
        let line = &mut self.lines[link.0 as usize];
        line.busy_until = line.busy_until.max(ready);
        self.carry(now, flight, queue);
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
            self.discard(&flight, Drop::Blackhole);
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
            None => self.discard(&flight, Drop::Blackhole),
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
            Carried::Arrives(at) => self.depart(now, at, flight, queue),
            Carried::Trimmed(at) => {
                self.trim(flight.packet);
                self.depart(now, at, flight, queue);
            }
            Carried::Dropped(drop) => self.discard(&flight, drop),
        }
    }

    fn depart(&mut self, now: Picos, at: Picos, flight: Flight, queue: &mut EventQueue<Happening>) {
        queue.push(at, Happening::Arrive(flight));
        if self.watched {
            let line = &self.lines[flight.link.0 as usize];
            let bytes = line.rate().bytes_in(line.busy_until.since(now));
            self.notes.push(Note::Queued { link: flight.link, bytes });
        }
    }

    /// As [`carry`](Self::carry), through the link's stages and the host's receiver.
    fn carry_special(&mut self, now: Picos, flight: Flight, queue: &mut EventQueue<Happening>) {
        let index = flight.link.0 as usize;
        let wire = u64::from(flight.length) + self.wire_overhead;
        let fates = match self.extras[index].impairments.as_mut() {
            Some(stages) => {
                let fates = stages.apply(now, flight.length, wire);
                self.digest = mix(self.digest ^ fates.digest());
                fates
            }
            None => Fates::untouched(),
        };
        self.counters.duplicated += fates.duplicated;
        self.counters.reordered += fates.held;
        if fates.copies().is_empty() {
            self.counters.lost += fates.lost - 1;
            self.discard(&flight, Drop::Lost);
            return;
        }
        self.counters.lost += fates.lost;
        let (first, others) = (fates.copies()[0], &fates.copies()[1..]);
        // Copies are taken before the original is damaged.
        for fate in others {
            let packet = self.packets.duplicate(flight.packet);
            self.carry_copy(now, Flight { packet, ..flight }, *fate, queue);
        }
        self.carry_copy(now, flight, first, queue);
    }

    fn carry_copy(
        &mut self,
        now: Picos,
        mut copy: Flight,
        fate: impair::Fate,
        queue: &mut EventQueue<Happening>,
    ) {
        let index = copy.link.0 as usize;
        if let Some(bit) = fate.flip {
            self.counters.corrupted += 1;
            self.packets[copy.packet].flip(bit, usize::from(copy.length));
        }
        let counters = &mut self.link_counters[index];
        let (line, overhead) = (&mut self.lines[index], self.wire_overhead);
        let at = match line.carry(now, &mut copy, overhead, counters, &mut self.extras) {
            Carried::Arrives(at) => at,
            Carried::Trimmed(at) => {
                self.trim(copy.packet);
                at
            }
            Carried::Dropped(drop) => return self.discard(&copy, drop),
        };
        let extras = &mut self.extras[index];
        let at = extras.jittered(at) + fate.delay;
        let at = extras.received(at, u64::from(copy.length));
        self.depart(now, at, copy, queue);
    }

    fn trim(&mut self, packet: PacketId) {
        self.counters.trimmed += 1;
        self.packets[packet].cut(usize::from(TRIMMED));
    }

    /// Counts a packet that got no further, and takes its memory back.
    fn discard(&mut self, flight: &Flight, cause: Drop) {
        match cause {
            Drop::Overflow => self.counters.overflowed += 1,
            Drop::Lost => self.counters.lost += 1,
            Drop::Blackhole => self.counters.blackholed += 1,
        }
        if self.watched {
            let packet = Box::new(self.packets[flight.packet].clone());
            let Flight { link, length, .. } = *flight;
            self.notes.push(Note::Dropped { link, packet, length, cause });
        }
        self.packets.free(flight.packet);
    }
}

/// Kind word of the generators of links.
const LINK_STREAM: u64 = 0x006C_696E_6B00_0000;

#[cfg(test)]
mod tests;
