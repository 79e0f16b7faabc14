//! A port for rank 0 that nobody else is given meanwhile.

use std::net::UdpSocket;

use rand::{Rng, SeedableRng};

use crate::cli::{Failure, secret};

/// Below every usual ephemeral range: a socket of another rank that asks for any port, between our
/// test and rank 0's start, cannot be given one of these.
const CANDIDATES: std::ops::Range<u16> = 20_000..32_000;

/// More attempts than this fail only if something else is wrong.
const ATTEMPTS: usize = 64;

/// A UDP port of 127.0.0.1 that is free now.
pub(super) fn free() -> Result<u16, Failure> {
    let mut rng = rand::rngs::SmallRng::from_seed(secret::seed()?);
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let port = rng.random_range(CANDIDATES);
        match UdpSocket::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let cause = last.map(|error| error.to_string()).unwrap_or_default();
    Err(Failure::Runtime(format!("no free UDP port on 127.0.0.1 ({cause}): give one with --port")))
}
