//! Slow start, additive increase, multiplicative decrease on loss alone (RFC 5681): the baseline that
//! others are compared with, not one to use.

use crate::recovery::RecoverySettings;
use crate::time::Time;

use super::{AckSample, Congestion};

/// The initial window in packets: RFC 6928.
const INITIAL_PACKETS: u64 = 10;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Reno {
    window: u64,
    window_max: u64,
    window_min: u64,
    /// Below it the window doubles per round trip.
    threshold: u64,
    /// Packets sent before this were judged already: one cut per window.
    cut_at: Time,
}

impl Reno {
    /// Starts with ten packets.
    #[must_use]
    pub fn new(settings: &RecoverySettings) -> Self {
        let mtu = u64::from(settings.mtu_max);
        let window_max = settings.receive_budget.max(2 * mtu);
        Self {
            window: (INITIAL_PACKETS * mtu).min(window_max),
            window_max,
            window_min: 2 * mtu,
            threshold: u64::MAX,
            cut_at: Time::ZERO,
        }
    }
}

impl Congestion for Reno {
    fn on_ack(&mut self, sample: &AckSample) {
        // A window that is not used proves nothing: RFC 7661.
        if sample.in_flight * 2 < self.window {
            return;
        }
        let step = if self.window < self.threshold {
            sample.bytes
        } else {
            u64::from(sample.mtu) * sample.bytes / self.window.max(1)
        };
        self.window = (self.window + step).min(self.window_max);
    }

    fn on_loss(&mut self, now: Time, sent: Time, _bytes: u64) {
        if sent < self.cut_at {
            return;
        }
        self.threshold = (self.window / 2).max(self.window_min);
        self.window = self.threshold;
        self.cut_at = now;
    }

    fn window(&self) -> u64 {
        self.window
    }
}
