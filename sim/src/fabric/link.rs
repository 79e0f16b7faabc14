//! One direction of a cable: an output queue, a line, and the time that light takes.

use sealane_transport::device::Ecn;

use crate::engine::{Bandwidth, Cost, Picos};
use crate::rng::Rng;
use crate::topology::NodeId;

use super::{Flight, Impairments, TRIMMED};

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

impl Default for QueueSettings {
    /// Two round trips of 12 µs at 100 Gb/s; marks from a quarter of one to a whole one.
    fn default() -> Self {
        Self { limit: 300_000, mark_min: 40_000, mark_max: 150_000, trim: false }
    }
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
    /// The longest that a packet has waited.
    pub longest: Picos,
}

/// What every packet on a link touches: one cache line. The queue is measured in time, so that
/// nothing is divided.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Line {
    pub to: NodeId,
    pub up: bool,
    /// Its packets pass through [`Extras`] too.
    pub special: bool,
    trim: bool,
    rate: Bandwidth,
    delay: Picos,
    pub busy_until: Picos,
    limit: Picos,
    mark_min: Picos,
    mark_max: Picos,
}

/// What few links need, and few packets.
#[derive(Debug)]
pub(super) struct Extras {
    pub from: NodeId,
    pub queue: QueueSettings,
    /// How many faults keep it from carrying anything.
    pub cuts: u32,
    /// Faults beyond the queue.
    pub impairments: Option<Box<Impairments>>,
    /// What every packet costs the receiving host, one after the other: opening its seal.
    pub receive_cost: Cost,
    /// The most that a packet takes longer than the line's delay.
    jitter: Picos,
    /// When the latest packet arrives: jitter keeps the order.
    arrived_until: Picos,
    /// Trimmed headers go first.
    headers_until: Picos,
    received_until: Picos,
    rng: Rng,
}

impl Extras {
    pub fn new(from: NodeId, queue: QueueSettings, jitter: Picos, rng: Rng) -> Self {
        Self {
            from,
            queue,
            cuts: 0,
            impairments: None,
            receive_cost: Cost::default(),
            jitter,
            arrived_until: Picos::ZERO,
            headers_until: Picos::ZERO,
            received_until: Picos::ZERO,
            rng,
        }
    }

    /// When what would arrive at `at` does arrive.
    pub fn jittered(&mut self, at: Picos) -> Picos {
        if self.jitter == Picos::ZERO {
            return at;
        }
        let late = Picos(self.rng.below(self.jitter.0.saturating_add(1)));
        self.arrived_until = self.arrived_until.max(at + late);
        self.arrived_until
    }

    /// When the host has received what arrives at `at`.
    pub fn received(&mut self, at: Picos, bytes: u64) -> Picos {
        if self.receive_cost.is_free() {
            return at;
        }
        self.received_until = self.received_until.max(at) + self.receive_cost.of(bytes);
        self.received_until
    }

    /// Whether the host at the end, or a stage, has something to do with every packet.
    pub fn is_special(&self) -> bool {
        self.impairments.is_some() || !self.receive_cost.is_free() || self.jitter != Picos::ZERO
    }
}

impl Line {
    pub fn new(to: NodeId, rate: Bandwidth, delay: Picos, queue: &QueueSettings) -> Self {
        let mut line = Self {
            to,
            up: true,
            special: false,
            trim: queue.trim,
            rate,
            delay,
            busy_until: Picos::ZERO,
            limit: Picos::ZERO,
            mark_min: Picos::ZERO,
            mark_max: Picos::ZERO,
        };
        line.set_rate(rate, queue);
        line
    }

    /// Runs at another speed from now on.
    pub fn set_rate(&mut self, rate: Bandwidth, queue: &QueueSettings) {
        self.rate = rate;
        self.limit = rate.serialise(queue.limit);
        self.mark_min = rate.serialise(queue.mark_min);
        self.mark_max = rate.serialise(queue.mark_max);
    }

    pub const fn rate(&self) -> Bandwidth {
        self.rate
    }

    pub const fn delay(&self) -> Picos {
        self.delay
    }

    /// Queues a packet of `bytes` on the wire.
    pub fn carry(
        &mut self,
        now: Picos,
        flight: &mut Flight,
        overhead: u64,
        counters: &mut LinkCounters,
        extras: &mut [Extras],
    ) -> Carried {
        if !self.up {
            return Carried::Dropped(Drop::Blackhole);
        }
        let bytes = u64::from(flight.length) + overhead;
        let time = self.rate.serialise(bytes);
        let waits = self.busy_until.since(now);
        if waits + time > self.limit {
            counters.overflowed += 1;
            if self.trim && flight.length > TRIMMED {
                return self.trim(now, flight, overhead, counters, extras);
            }
            return Carried::Dropped(Drop::Overflow);
        }
        if waits > self.mark_min && flight.ecn != Ecn::NotEct && self.marks(waits, flight, extras) {
            flight.ecn = Ecn::Ce;
            counters.marked += 1;
        }
        self.busy_until = self.busy_until.max(now) + time;
        counters.longest = counters.longest.max(waits + time);
        counters.packets += 1;
        counters.bytes += bytes;
        Carried::Arrives(self.busy_until + self.delay)
    }

    /// Two thresholds: never below the first, always above the second, by chance between them (RED
    /// without averaging, as DCQCN and UET have it).
    fn marks(&self, waits: Picos, flight: &Flight, extras: &mut [Extras]) -> bool {
        if waits >= self.mark_max {
            return true;
        }
        let (above, span) = ((waits - self.mark_min).0, (self.mark_max - self.mark_min).0);
        extras.get_mut(flight.link.0 as usize).is_some_and(|e| e.rng.below(span) < above)
    }

    /// Headers have a queue of their own, which is served first; it is short, so that the packet in
    /// service does not count.
    fn trim(
        &mut self,
        now: Picos,
        flight: &mut Flight,
        overhead: u64,
        counters: &mut LinkCounters,
        extras: &mut [Extras],
    ) -> Carried {
        let Some(extras) = extras.get_mut(flight.link.0 as usize) else {
            return Carried::Dropped(Drop::Overflow);
        };
        flight.length = TRIMMED;
        let bytes = u64::from(TRIMMED) + overhead;
        let time = self.rate.serialise(bytes);
        extras.headers_until = extras.headers_until.max(now) + time;
        self.busy_until += time;
        counters.packets += 1;
        counters.bytes += bytes;
        Carried::Trimmed(extras.headers_until + self.delay)
    }
}
