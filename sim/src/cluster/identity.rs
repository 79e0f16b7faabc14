//! Who the simulated ranks are, and what time it is on their walls.

use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use sealane_transport::identity::{Identity, JobId, JobSecret};
use sealane_transport::{Error, Rank};

/// 2026-11-01, for certificates.
const WALL_UNIX: u64 = 1_793_491_200;

/// A wall clock that stands still.
#[derive(Debug)]
pub(crate) struct Wall;

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL_UNIX)))
    }
}

/// The identity of `rank` in the simulated job, derived from a secret that everybody knows.
///
/// # Errors
/// [`Error::Config`] if it cannot be derived.
pub fn identity(rank: u32) -> Result<Identity, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Config(error.to_string());
    let job = JobId::new("simulation").map_err(|error| wrong(&error))?;
    let secret = JobSecret::parse("a secret that everybody knows").map_err(|e| wrong(&e))?;
    Identity::from_secret(&job, &secret, Rank(rank), WALL_UNIX).map_err(|error| wrong(&error))
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin; only distances from it count")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
