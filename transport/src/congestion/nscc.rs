//! The default: delay and ECN quadrants on the median over paths, after UET's NSCC.
//!
//! | | delay below target | above |
//! |---|---|---|
//! | no mark | grow, the faster the further below | hold; shrink when far above |
//! | mark | hold | shrink by the excess, once per window |
//!
//! Under spraying, one bad path must not throttle all the others (arXiv 2509.07907), so both signals
//! are the median over the paths heard from lately. Loss alone says little on such a network: it cuts
//! the window only when much of a window is lost, or the delay agrees.

use std::time::Duration;

use crate::ids::PathId;
use crate::recovery::RecoverySettings;
use crate::time::Time;

use super::{AckSample, Congestion};

/// Paths whose latest signal is kept; odd, so that there is a middle.
const PATHS: usize = 15;

/// Driver granularities of queueing delay that are noise of the host, not of the network.
const NOISE: u32 = 4;

/// The least initial window: four of the largest datagrams.
const INITIAL_WINDOW: u64 = 4 * 65_536;

#[derive(Clone, Copy, Debug)]
struct Signal {
    path: PathId,
    queueing: Duration,
    ce: bool,
}

/// See the module's text.
#[derive(Debug)]
pub struct Nscc {
    window: u64,
    window_max: u64,
    window_min: u64,
    noise: Duration,
    target: Duration,
    signals: Vec<Signal>,
    oldest: usize,
    /// Packets sent before this were judged already: one cut per window.
    cut_at: Time,
    lost: u64,
    /// The window has been cut at least once: no more doubling per round trip.
    settled: bool,
}

impl Nscc {
    /// Starts with four large packets, at most what the peer's buffers hold.
    #[must_use]
    pub fn new(settings: &RecoverySettings) -> Self {
        let window_min = 2 * u64::from(settings.mtu_max);
        let window_max = settings.receive_budget.max(window_min);
        Self {
            window: INITIAL_WINDOW.max(window_min).min(window_max),
            window_max,
            window_min: window_min.min(window_max),
            noise: settings.granularity * NOISE,
            target: settings.granularity * NOISE,
            signals: Vec::with_capacity(PATHS),
            oldest: 0,
            cut_at: Time::ZERO,
            lost: 0,
            settled: false,
        }
    }

    fn note(&mut self, signal: Signal) {
        if let Some(known) = self.signals.iter_mut().find(|known| known.path == signal.path) {
            *known = signal;
        } else if self.signals.len() < PATHS {
            self.signals.push(signal);
        } else {
            self.signals[self.oldest] = signal;
            self.oldest = (self.oldest + 1) % PATHS;
        }
    }

    /// The median queueing delay, and whether most paths are marked.
    fn median(&self) -> (Duration, bool) {
        let mut delays = [Duration::ZERO; PATHS];
        let count = self.signals.len();
        for (delay, signal) in delays.iter_mut().zip(&self.signals) {
            *delay = signal.queueing;
        }
        delays[..count].sort_unstable();
        let marked = self.signals.iter().filter(|signal| signal.ce).count();
        (delays[count / 2], 2 * marked > count)
    }

    fn grow(&mut self, sample: &AckSample, delay: Duration) {
        // A window that is not used proves nothing.
        if sample.in_flight * 2 < self.window {
            return;
        }
        let room = self.target.saturating_sub(delay).as_nanos() as u64;
        let share = sample.bytes.saturating_mul(room) / self.target.as_nanos().max(1) as u64;
        let step = if self.settled {
            share / 4 + u64::from(sample.mtu) * sample.bytes / self.window.max(1)
        } else {
            share
        };
        self.window = (self.window + step).min(self.window_max);
    }

    fn cut(&mut self, now: Time, numerator: u64, denominator: u64) {
        let cut = self.window * numerator / denominator.max(1);
        self.window = cut.max(self.window_min);
        self.cut_at = now;
        self.lost = 0;
        self.settled = true;
    }
}

impl Congestion for Nscc {
    fn on_ack(&mut self, sample: &AckSample) {
        if let Some(queueing) = sample.queueing {
            self.note(Signal { path: sample.path, queueing, ce: sample.ce });
            self.target = sample.base_rtt.max(self.noise);
        } else if sample.ce
            && let Some(known) = self.signals.iter_mut().find(|s| s.path == sample.path)
        {
            known.ce = true;
        }
        let (delay, marked) = self.median();
        let judged = sample.now.since(self.cut_at) < sample.base_rtt + delay;
        match (delay >= self.target, marked) {
            (false, false) => self.grow(sample, delay),
            (false, true) => {}
            (true, false) if delay < self.target * 4 || judged => {}
            (true, false) => self.cut(sample.now, 7, 8),
            (true, true) if judged => {}
            (true, true) => {
                let excess = (delay.saturating_sub(self.target)).as_nanos() as u64;
                let whole = delay.as_nanos() as u64;
                self.cut(sample.now, 2 * whole - excess, 2 * whole);
            }
        }
    }

    fn on_loss(&mut self, now: Time, sent: Time, bytes: u64) {
        if sent < self.cut_at {
            return;
        }
        self.lost += bytes;
        let (delay, marked) = self.median();
        if self.lost * 8 > self.window || delay >= self.target || marked {
            self.cut(now, 7, 10);
        }
    }

    fn window(&self) -> u64 {
        self.window
    }
}
