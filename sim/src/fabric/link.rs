//! One direction of a cable: an output queue, a line, and the time that light takes.

use sealane_transport::device::Ecn;

use crate::engine::{Bandwidth, Cost, Picos};
use crate::rng::Rng;
use crate::topology::NodeId;

use super::{Impairments, Packet};

/// Bytes that a trimmed packet keeps: its clear header and the first frame's header.
const TRIMMED: u32 = 64;

/// An output queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Bytes that fit; what exceeds them is dropped, or trimmed.
    pub limit: u64,
    /// Bytes above which packets begin to be marked, by chance rising to certainty at `mark_max`.
    pub mark_min: u64,
    /// Bytes above which every packet is marked.
    pub mark_max: u64,
    /// Cut what does not fit to its header and send that ahead, instead of dropping it.
    pub trim: bool,
}

impl QueueSettings {
    /// No limit, no marks.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { limit: u64::MAX, mark_min: u64::MAX, mark_max: u64::MAX, trim: false }
    }
}

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The queue was full.
    Overflow,
    /// A stage lost it.
    Lost,
    /// Link or switch are dead, or there is a partition, or no route.
    Blackhole,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It arrives then.
    Arrives(Picos),
    /// It arrives then, marked.
    Marked(Picos),
    /// Its header arrives then.
    Trimmed(Picos),
    /// It does not.
    Dropped(Drop),
}

/// Counters of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets carried.
    pub packets: u64,
    /// Their bytes, as on the wire.
    pub bytes: u64,
    /// Packets dropped or trimmed for want of room.
    pub overflowed: u64,
    /// Packets marked.
    pub marked: u64,
    /// The longest that the queue has been, in bytes.
    pub longest: u64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Link {
    /// Where it begins.
    pub from: NodeId,
    /// Where it ends.
    pub to: NodeId,
    /// Its speed.
    pub rate: Bandwidth,
    /// The time that a bit takes.
    pub delay: Picos,
    /// Its queue.
    pub queue: QueueSettings,
    /// Whether it carries anything.
    pub up: bool,
    /// Faults beyond its queue.
    pub impairments: Option<Box<Impairments>>,
    /// Time that every packet costs the receiving host, one after the other: opening its seal.
    pub receive_cost: Cost,
    /// What it did.
    pub counters: LinkCounters,
    pub(super) busy_until: Picos,
    /// The same of trimmed headers, which go first.
    headers_until: Picos,
    received_until: Picos,
    rng: Rng,
}

impl Link {
    pub(super) fn new(
        from: NodeId,
        to: NodeId,
        rate: Bandwidth,
        delay: Picos,
        queue: QueueSettings,
        rng: Rng,
    ) -> Self {
        Self {
            from,
            to,
            rate,
            delay,
            queue,
            up: true,
            impairments: None,
            receive_cost: Cost::default(),
            counters: LinkCounters::default(),
            busy_until: Picos::ZERO,
            headers_until: Picos::ZERO,
            received_until: Picos::ZERO,
            rng,
        }
    }

    /// Bytes that wait at `now`, the packet in service counted by what is left of it.
    #[must_use]
    pub fn backlog(&self, now: Picos) -> u64 {
        self.rate.bytes_in(self.busy_until.since(now))
    }

    /// When the backlog will have fallen to `bytes`.
    #[must_use]
    pub fn backlog_at(&self, bytes: u64) -> Picos {
        self.busy_until.since(self.rate.serialise(bytes))
    }

    /// Queues a packet.
    pub(super) fn carry(&mut self, now: Picos, packet: &mut Packet, overhead: u64) -> Carried {
        if !self.up {
            return Carried::Dropped(Drop::Blackhole);
        }
        let bytes = u64::from(packet.length) + overhead;
        let backlog = self.backlog(now);
        if backlog + bytes > self.queue.limit {
            self.counters.overflowed += 1;
            if self.queue.trim && packet.length > TRIMMED {
                return self.trim(now, packet, overhead);
            }
            return Carried::Dropped(Drop::Overflow);
        }
        self.counters.longest = self.counters.longest.max(backlog + bytes);
        let marked = packet.ecn != Ecn::NotEct && self.marks(backlog);
        self.busy_until = self.busy_until.max(now) + self.rate.serialise(bytes);
        self.counters.packets += 1;
        self.counters.bytes += bytes;
        let at = self.received(self.busy_until + self.delay, bytes);
        if marked {
            packet.ecn = Ecn::Ce;
            self.counters.marked += 1;
            return Carried::Marked(at);
        }
        Carried::Arrives(at)
    }

    /// Two thresholds: never below the first, always above the second, by chance between them (RED
    /// without averaging, as DCQCN and UET have it).
    fn marks(&mut self, backlog: u64) -> bool {
        let QueueSettings { mark_min, mark_max, .. } = self.queue;
        if backlog <= mark_min {
            return false;
        }
        backlog >= mark_max || self.rng.below(mark_max - mark_min) < backlog - mark_min
    }

    /// Headers have a queue of their own, which is served first; it is short, so that the packet in
    /// service does not count.
    fn trim(&mut self, now: Picos, packet: &mut Packet, overhead: u64) -> Carried {
        packet.length = TRIMMED;
        packet.bytes.truncate(TRIMMED as usize);
        packet.bytes.resize(TRIMMED as usize, 0);
        let bytes = u64::from(TRIMMED) + overhead;
        let time = self.rate.serialise(bytes);
        self.headers_until = self.headers_until.max(now) + time;
        self.busy_until += time;
        self.counters.packets += 1;
        self.counters.bytes += bytes;
        Carried::Trimmed(self.received(self.headers_until + self.delay, bytes))
    }

    fn received(&mut self, at: Picos, bytes: u64) -> Picos {
        if self.receive_cost.is_free() {
            return at;
        }
        self.received_until = self.received_until.max(at) + self.receive_cost.of(bytes);
        self.received_until
    }
}
