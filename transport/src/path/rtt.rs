//! Round-trip time: RFC 9002 §5, with a minimum that forgets.

use std::time::Duration;

use crate::time::Time;

/// Before the first sample.
const INITIAL: Duration = Duration::from_millis(20);

/// How long a minimum holds: routes change.
const MIN_LIFETIME: Duration = Duration::from_secs(10);

/// An estimate of one path's, or one session's, round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RttEstimate {
    latest: Duration,
    /// Smoothed.
    pub smoothed: Duration,
    variance: Duration,
    min: Duration,
    min_at: Time,
    sampled: bool,
}

impl Default for RttEstimate {
    fn default() -> Self {
        Self {
            latest: INITIAL,
            smoothed: INITIAL,
            variance: INITIAL / 2,
            min: INITIAL,
            min_at: Time::ZERO,
            sampled: false,
        }
    }
}

impl RttEstimate {
    /// Whether there was a sample yet.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The latest sample.
    #[must_use]
    pub const fn latest(&self) -> Duration {
        self.latest
    }

    /// The least of the last ten to twenty seconds; the smoothed value once that is stale.
    #[must_use]
    pub fn min(&self, now: Time) -> Duration {
        if now.since(self.min_at) > MIN_LIFETIME * 2 { self.smoothed } else { self.min }
    }

    /// Takes in a sample; acknowledgement delay was taken off by the caller.
    pub fn update(&mut self, now: Time, sample: Duration) {
        self.latest = sample;
        if !self.sampled {
            self.sampled = true;
            self.smoothed = sample;
            self.variance = sample / 2;
            self.min = sample;
            self.min_at = now;
            return;
        }
        if sample <= self.min || now.since(self.min_at) > MIN_LIFETIME {
            self.min = sample;
            self.min_at = now;
        }
        let deviation = self.smoothed.abs_diff(sample);
        self.variance = (self.variance * 3 + deviation) / 4;
        self.smoothed = (self.smoothed * 7 + sample) / 8;
    }

    /// The probe timeout, without the peer's acknowledgement delay: RFC 9002 §6.2.1.
    #[must_use]
    pub fn pto(&self, granularity: Duration) -> Duration {
        self.smoothed + (self.variance * 4).max(granularity)
    }
}
