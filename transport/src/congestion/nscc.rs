//! The default: delay and ECN quadrants on the median over paths, after UET's NSCC.
//!
//! | | delay below target | above |
//! |---|---|---|
//! | no mark | grow, the faster the further below | hold; adapt when far above |
//! | mark | hold, or shrink by the share of marks where delay is not seen | shrink by the excess |
//!
//! *Adapt* means: to what was in fact delivered in the time that the target allows, so that delay
//! that is the host's noise costs no throughput. Under spraying, one bad path must not throttle all
//! the others (arXiv 2509.07907), so both signals are the median over the paths heard from lately.
//! Loss alone says little on such a network: it shrinks the window only when much of a window is
//! lost, or the other signals agree. Nothing shrinks it twice within one window.

use std::time::Duration;

use crate::recovery::RecoverySettings;
use crate::time::Time;

use super::signals::{Median, Signals};
use super::{AckSample, Congestion};

/// Driver granularities of queueing delay that are noise of the host, not of the network: with the
/// default of 500 µs, no delay below 2 ms is believed.
const NOISE: u32 = 4;

/// The delay is far above the target when it is so many times the target: UET's quick adapt.
const FAR: u32 = 4;

/// The least initial window in bytes: four of the largest datagrams.
const INITIAL_WINDOW: u64 = 4 * 65_536;

/// The least initial window in packets: RFC 6928.
const INITIAL_PACKETS: u64 = 10;

/// Deliveries are counted over so many past periods; the best one counts, since a period in which the
/// host was elsewhere says nothing of the network.
const PERIODS: usize = 8;

/// Loss of more than one in so many bytes of a window is congestion whatever the other signals say.
const HEAVY_LOSS: u64 = 8;

/// See the module's text.
#[derive(Debug)]
pub struct Nscc {
    window: u64,
    window_max: u64,
    window_min: u64,
    noise: Duration,
    target: Duration,
    base_rtt: Duration,
    signals: Signals,
    median: Median,
    /// Bytes delivered per period, a ring; the present one is at `period`.
    delivered: [u64; PERIODS],
    period: usize,
    period_since: Time,
    /// Packets sent before this were judged already: one cut per window.
    cut_at: Time,
    /// Bytes acknowledged, those of them that were marked, and bytes lost, in the present round: as
    /// many bytes as the window.
    round: Round,
    /// The share of marked bytes, in 1/1024: DCTCP's alpha (RFC 8257 §3.3).
    alpha: u64,
    /// The window has been cut at least once: no more doubling per round trip.
    settled: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Round {
    acked: u64,
    marked: u64,
    lost: u64,
}

impl Nscc {
    /// Starts with four large packets, at most what the peer's buffers hold.
    #[must_use]
    pub fn new(settings: &RecoverySettings) -> Self {
        let mtu = u64::from(settings.mtu_max);
        let window_max = settings.receive_budget.max(2 * mtu);
        let noise = settings.granularity * NOISE;
        Self {
            window: INITIAL_WINDOW.max(INITIAL_PACKETS * mtu).min(window_max),
            window_max,
            window_min: 2 * mtu,
            noise,
            target: noise,
            base_rtt: Duration::ZERO,
            signals: Signals::new(),
            median: Median::default(),
            delivered: [0; PERIODS],
            period: 0,
            period_since: Time::ZERO,
            cut_at: Time::ZERO,
            round: Round::default(),
            alpha: 0,
            settled: false,
        }
    }

    /// What the paths said within the last few times that the target allows.
    fn median(&self, now: Time) -> Median {
        self.signals.median(now - (self.base_rtt + self.target) * (2 * FAR))
    }

    fn count(&mut self, sample: &AckSample) {
        let period = self.base_rtt + self.target;
        if sample.now.since(self.period_since) >= period {
            self.period = (self.period + 1) % PERIODS;
            self.delivered[self.period] = 0;
            self.period_since = sample.now;
        }
        self.delivered[self.period] += sample.bytes;
        self.round.acked += sample.bytes;
        self.round.marked += if sample.ce { sample.bytes } else { 0 };
        if self.round.acked >= self.window {
            let share = self.round.marked * 1024 / self.round.acked;
            self.alpha = (self.alpha * 15 + share) / 16;
            self.round = Round::default();
        }
    }

    fn grow(&mut self, sample: &AckSample, queueing: Duration) {
        // A window that is not used proves nothing.
        if sample.in_flight * 2 < self.window {
            return;
        }
        let room = crate::time::nanos(self.target.saturating_sub(queueing));
        let whole = crate::time::nanos(self.target).max(1);
        let share = (u128::from(sample.bytes) * u128::from(room) / u128::from(whole)) as u64;
        let step = if self.settled {
            share / 4 + u64::from(sample.mtu) * sample.bytes / self.window.max(1)
        } else {
            share
        };
        self.window = (self.window + step).min(self.window_max);
    }

    fn cut(&mut self, now: Time, window: u64) {
        self.window = window.max(self.window_min).min(self.window);
        self.cut_at = now;
        self.round = Round::default();
        self.settled = true;
    }

    /// To what was delivered, but at most by half at a time.
    fn adapt(&mut self, now: Time) {
        let best = self.delivered.iter().copied().max().unwrap_or_default();
        self.cut(now, best.max(self.window / 2));
    }
}

impl Congestion for Nscc {
    fn on_ack(&mut self, sample: &AckSample) {
        let now = sample.now;
        self.base_rtt = sample.base_rtt;
        self.target = sample.base_rtt.max(self.noise);
        self.count(sample);
        match sample.queueing {
            Some(queueing) => self.signals.note(now, sample.path, queueing, sample.ce),
            None if sample.ce => self.signals.mark(sample.path),
            None => {}
        }
        if sample.queueing.is_some() || sample.ce {
            self.median = self.median(now);
        }
        let Median { queueing, marked } = self.median;
        let judged = now.since(self.cut_at) < self.base_rtt + queueing;
        match (queueing >= self.target, marked) {
            (false, false) => self.grow(sample, queueing),
            _ if judged => {}
            // Below the noise delay cannot speak: marks decide alone, as in DCTCP.
            (false, true) if self.base_rtt < self.noise => {
                let share = self.alpha.max(1024 / 16);
                self.cut(now, self.window - self.window * share / 2048);
            }
            (false, true) => {}
            (true, false) if queueing < self.target * FAR => {}
            (true, false) => self.adapt(now),
            (true, true) => {
                let excess = crate::time::nanos(queueing - self.target);
                let whole = u128::from(crate::time::nanos(queueing)) * 2;
                let cut = u128::from(self.window) * u128::from(excess) / whole.max(1);
                self.cut(now, self.window - cut as u64);
            }
        }
    }

    fn on_loss(&mut self, now: Time, sent: Time, bytes: u64) {
        if sent < self.cut_at {
            return;
        }
        self.round.lost += bytes;
        let Median { queueing, marked } = self.median(now);
        let heavy = self.round.lost * HEAVY_LOSS > self.window;
        if heavy || queueing >= self.target || marked {
            self.cut(now, self.window * 7 / 10);
        }
    }

    fn window(&self) -> u64 {
        self.window
    }
}

#[cfg(test)]
mod tests;
