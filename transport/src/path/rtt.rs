//! Round-trip time: RFC 9002 §5, with a minimum that forgets.

use std::time::Duration;

use crate::time::Time;

/// Before the first sample, unless configured otherwise.
pub(crate) const INITIAL: Duration = Duration::from_millis(20);

/// How long a minimum holds at least, and half of how long at most: routes change.
const MIN_LIFETIME: Duration = Duration::from_secs(10);

/// An estimate of one path's, or one session's, round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RttEstimate {
    latest: Duration,
    /// Smoothed.
    pub smoothed: Duration,
    variance: Duration,
    /// The least of the present lifetime, and of the one before: a minimum that ends does not leave
    /// one noisy sample in its place.
    min: Duration,
    min_before: Duration,
    min_since: Time,
    sampled: bool,
}

impl Default for RttEstimate {
    fn default() -> Self {
        Self::new(INITIAL)
    }
}

impl RttEstimate {
    /// Takes the round trip for `initial` until there is a sample.
    #[must_use]
    pub const fn new(initial: Duration) -> Self {
        Self {
            latest: initial,
            smoothed: initial,
            variance: Duration::from_nanos(initial.as_nanos() as u64 / 2),
            min: initial,
            min_before: initial,
            min_since: Time::ZERO,
            sampled: false,
        }
    }

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

    /// The mean deviation of the samples from the smoothed value.
    #[must_use]
    pub const fn variance(&self) -> Duration {
        self.variance
    }

    /// The least of the last ten to twenty seconds in which there were samples.
    #[must_use]
    pub fn min(&self) -> Duration {
        self.min.min(self.min_before)
    }

    /// Takes in a packet acknowledged `raw` after it was sent, by a receiver that says it held the
    /// acknowledgement back for `delay`, though it promised `delay_max` at most. Returns the sample.
    ///
    /// As in RFC 9002 §5.3, the delay is taken off down to the minimum only, and the minimum itself
    /// trusts no more than the promise, so that no peer can talk the estimate down to nothing.
    pub fn update(
        &mut self,
        now: Time,
        raw: Duration,
        delay: Duration,
        delay_max: Duration,
    ) -> Duration {
        let trusted = raw.saturating_sub(delay.min(delay_max));
        self.update_min(now, trusted);
        let sample = raw.saturating_sub(delay).max(self.min());
        self.latest = sample;
        if self.sampled {
            let deviation = self.smoothed.abs_diff(sample);
            self.variance = (self.variance * 3 + deviation) / 4;
            self.smoothed = (self.smoothed * 7 + sample) / 8;
        } else {
            self.sampled = true;
            self.smoothed = sample;
            self.variance = sample / 2;
        }
        sample
    }

    fn update_min(&mut self, now: Time, sample: Duration) {
        if !self.sampled {
            (self.min, self.min_before, self.min_since) = (sample, sample, now);
        } else if now.since(self.min_since) > MIN_LIFETIME {
            (self.min_before, self.min, self.min_since) = (self.min, sample, now);
        } else {
            self.min = self.min.min(sample);
        }
    }

    /// The probe timeout, without the peer's acknowledgement delay: RFC 9002 §6.2.1.
    #[must_use]
    pub fn pto(&self, granularity: Duration) -> Duration {
        self.smoothed + (self.variance * 4).max(granularity)
    }
}

#[cfg(test)]
mod tests;
