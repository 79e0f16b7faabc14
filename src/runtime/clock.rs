//! The only clock of Sealane: everything below takes the time as an argument.

use std::time::{Duration, Instant, SystemTime};

use sealane_transport::Time;

/// A monotonic clock that counts from its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where drivers read the clock")]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant that zero stands for.
    #[must_use]
    pub const fn epoch(&self) -> Instant {
        self.epoch
    }
}

/// Seconds since 1970, for the validity of certificates.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where drivers read the calendar")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
