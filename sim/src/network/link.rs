//! One direction of one five-tuple: what happens to a datagram between two ports.

use std::time::Duration;

use sealane_transport::Time;
use sealane_transport::device::Ecn;

use crate::rng::Rng;

/// How a link treats datagrams. Probabilities are 0..=1 and independent of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkSettings {
    /// One-way propagation time.
    pub latency: Duration,
    /// Each path adds a constant of its own in `0..spread`, so that paths differ.
    pub spread: Duration,
    /// Each datagram adds a delay of its own in `0..jitter`; more than the gap between datagrams
    /// reorders them.
    pub jitter: Duration,
    /// Probability of loss.
    pub loss: f64,
    /// Probability that a second copy arrives, delayed as a datagram of its own.
    pub duplicate: f64,
    /// Probability that a datagram is held back by up to `reorder_delay`.
    pub reorder: f64,
    /// The longest that a held datagram is late.
    pub reorder_delay: Duration,
    /// Probability that one bit is flipped.
    pub corrupt: f64,
    /// The largest datagram payload that passes, in bytes; larger ones vanish silently, as behind a
    /// router whose ICMP is filtered.
    pub mtu: u16,
    /// Serialisation and queueing; `None` is infinitely fast.
    pub rate: Option<Rate>,
}

impl Default for LinkSettings {
    /// A clean data-centre path: 10 µs, no faults, every MTU, infinitely fast.
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(10),
            spread: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_micros(200),
            corrupt: 0.0,
            mtu: u16::MAX,
            rate: None,
        }
    }
}

/// A drop-tail queue before a line of fixed speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Line speed. At least 1.
    pub bytes_per_second: u64,
    /// Bytes that fit the queue; what exceeds it is dropped.
    pub queue_bytes: u64,
    /// ECN-capable datagrams that meet a queue longer than this are marked.
    pub mark_bytes: u64,
}

/// The state of a [`Rate`]: because the line is FIFO, the time until which it is busy says it all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    busy_until: Time,
}

/// What a queue did with a datagram.
pub(super) enum Queued {
    /// It leaves the line then; marked or not.
    Departs(Time, bool),
    /// The queue was full.
    Overflow,
}

impl Line {
    pub(super) fn enqueue(&mut self, now: Time, rate: &Rate, bytes: usize) -> Queued {
        let speed = u128::from(rate.bytes_per_second.max(1));
        let waiting = self.busy_until.since(now);
        let backlog = waiting.as_nanos() * speed / 1_000_000_000;
        if backlog + bytes as u128 > u128::from(rate.queue_bytes) {
            return Queued::Overflow;
        }
        let serialise = (bytes as u128 * 1_000_000_000).div_ceil(speed);
        let start = self.busy_until.max(now);
        self.busy_until = start + Duration::from_nanos(serialise as u64);
        Queued::Departs(self.busy_until, backlog > u128::from(rate.mark_bytes))
    }
}

/// A link with its generator.
#[derive(Debug)]
pub(super) struct Link {
    rng: Rng,
    line: Line,
    offset: u64,
}

/// The fate of one datagram.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// When it arrives, and when its duplicate does.
    pub(super) arrivals: [Option<Time>; 2],
    pub(super) ecn: Ecn,
    /// The bit to flip.
    pub(super) flip: Option<usize>,
    pub(super) lost: bool,
    pub(super) held: bool,
    pub(super) overflow: bool,
    pub(super) marked: bool,
    pub(super) too_large: bool,
}

impl Link {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Rng::new(seed, stream);
        let offset = rng.next_u64();
        Self { rng, line: Line::default(), offset }
    }

    /// Decides the loss of a whole train.
    pub(super) fn loses(&mut self, settings: &LinkSettings) -> bool {
        self.rng.chance(settings.loss)
    }

    /// Decides what happens to a datagram of `bytes` that is transmitted now.
    pub(super) fn carry(
        &mut self,
        now: Time,
        settings: &LinkSettings,
        bytes: usize,
        ecn: Ecn,
    ) -> Fate {
        let mut fate = Fate { ecn, ..Fate::default() };
        if bytes > usize::from(settings.mtu) {
            fate.too_large = true;
            return fate;
        }
        let mut departs = now;
        if let Some(rate) = &settings.rate {
            match self.line.enqueue(now, rate, bytes) {
                Queued::Departs(at, mark) => {
                    departs = at;
                    fate.marked = mark && ecn != Ecn::NotEct;
                }
                Queued::Overflow => {
                    fate.overflow = true;
                    return fate;
                }
            }
        }
        if fate.marked {
            fate.ecn = Ecn::Ce;
        }
        if self.rng.chance(settings.corrupt) && bytes > 0 {
            fate.flip = Some(self.rng.index(bytes * 8));
        }
        fate.held = self.rng.chance(settings.reorder);
        let mut first = departs + self.delay(settings);
        if fate.held {
            first += self.up_to(settings.reorder_delay);
        }
        fate.arrivals[0] = Some(first);
        if self.rng.chance(settings.duplicate) {
            fate.arrivals[1] = Some(departs + self.delay(settings) + self.up_to(settings.latency));
        }
        fate
    }

    fn delay(&mut self, settings: &LinkSettings) -> Duration {
        let spread = settings.spread.as_nanos() as u64;
        let own = if spread == 0 { 0 } else { self.offset % spread };
        settings.latency + Duration::from_nanos(own) + self.up_to(settings.jitter)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = most.as_nanos() as u64;
        if nanos == 0 { Duration::ZERO } else { Duration::from_nanos(self.rng.below(nanos)) }
    }
}
