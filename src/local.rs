//! Ranks as threads of this process: for tests, examples and first steps.
//!
//! They are ranks like any other: each has its own sockets, proves its identity to the others, and
//! everything between them is sealed. Between processes, use
//! [`Communicator::from_env`](crate::Communicator::from_env) under a launcher.

use std::io;
use std::net::UdpSocket;
use std::thread;

use rand::rngs::{OsRng, SmallRng};
use rand::{Rng, SeedableRng, TryRngCore};
use sealane_transport::Rank;
use zeroize::Zeroizing;

use crate::bootstrap::{Credentials, Launch, Launcher, Master};
use crate::communicator::{Builder, Communicator};
use crate::error::Error;

#[cfg(test)]
mod tests;

/// More ranks than this want processes.
const RANKS_MAX: u32 = 64;

/// Below every usual ephemeral range: a socket of another rank that asks for any port, between our
/// test and rank 0's start, cannot be given one of these.
const CANDIDATES: std::ops::Range<u16> = 20_000..32_000;

/// More attempts than this fail only if something else is wrong.
const ATTEMPTS: usize = 64;

/// Runs `body` as every rank of a job of `world` threads, over sockets of 127.0.0.1 and with a fresh
/// secret; returns what they returned, by rank.
///
/// ```
/// use sealane::{ReduceOp, local};
///
/// let sums = local::run(3, |communicator| {
///     let mut value = [communicator.rank().0];
///     communicator.all_reduce(&mut value, ReduceOp::Sum)?;
///     Ok(value[0])
/// })?;
/// assert_eq!(sums, [3, 3, 3]);
/// # Ok::<(), sealane::Error>(())
/// ```
///
/// # Errors
///
/// [`Error`], if `world` is not 1 to 64, if the ranks do not find each other, or if `body` fails on a
/// rank, which aborts the others: then the first error that is not about another rank.
///
/// # Panics
///
/// If `body` panics on a rank.
pub fn run<R: Send>(
    world: u32,
    body: impl Fn(&Communicator) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    run_with(world, |_, builder| builder, body)
}

/// As [`run`], with what `configure` makes of each rank's settings.
///
/// ```
/// let paths = sealane::local::run_with(
///     2,
///     |_, builder| builder.paths(1),
///     |communicator| {
///         communicator.barrier()?;
///         Ok(communicator.connected_peers()[0].paths)
///     },
/// )?;
/// assert_eq!(paths, [1, 1]);
/// # Ok::<(), sealane::Error>(())
/// ```
///
/// # Errors
///
/// As [`run`].
///
/// # Panics
///
/// As [`run`].
pub fn run_with<R: Send>(
    world: u32,
    configure: impl Fn(Rank, Builder) -> Builder + Sync,
    body: impl Fn(&Communicator) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    if !(1..=RANKS_MAX).contains(&world) {
        return Err(Error::Argument(format!(
            "{world} ranks as threads: give 1 to {RANKS_MAX}, or start processes by `sealane launch`"
        )));
    }
    let system = |error: io::Error| Error::Argument(format!("cannot start local ranks: {error}"));
    let secret = secret().map_err(system)?;
    let port = free_port().map_err(system)?;
    let results = thread::scope(|scope| {
        let rank = |rank| {
            let (body, configure, secret) = (&body, &configure, &secret);
            let rank = Rank(rank);
            scope.spawn(move || {
                let builder = configure(rank, builder(rank, world, port, secret));
                one(builder.connect()?, body)
            })
        };
        let ranks: Vec<_> = (0..world).map(rank).collect();
        let joined = ranks
            .into_iter()
            .map(|rank| rank.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Vec<_>>()
    });
    first_cause(results)
}

/// One rank's life. Its failure ends what the others wait for.
fn one<R>(
    communicator: Communicator,
    body: &impl Fn(&Communicator) -> Result<R, Error>,
) -> Result<R, Error> {
    let result = body(&communicator);
    if let Err(error) = &result {
        communicator.abort(&error.to_string());
    }
    result
}

/// All values, or the error that caused the others.
fn first_cause<R>(results: Vec<Result<R, Error>>) -> Result<Vec<R>, Error> {
    let mut values = Vec::with_capacity(results.len());
    let mut failure: Option<Error> = None;
    let follows = |error: &Error| matches!(error, Error::PeerLost { .. } | Error::Aborted { .. });
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) if failure.as_ref().is_none_or(|f| follows(f) && !follows(&error)) => {
                failure = Some(error);
            }
            Err(_) => {}
        }
    }
    failure.map_or(Ok(values), Err)
}

fn builder(rank: Rank, world: u32, port: u16, secret: &str) -> Builder {
    let master = Master { host: "127.0.0.1".to_owned(), port };
    let text = Zeroizing::new(secret.to_owned());
    Communicator::builder()
        .launch(Launch {
            launcher: Launcher::Sealane,
            rank,
            world,
            local_rank: Some(rank.0),
            master: Some(master),
            run: None,
        })
        .credentials(Credentials::Secret { text, origin: "local::run".to_owned() })
        .job("local")
}

/// 32 random bytes of the operating system as 64 hexadecimal digits.
fn secret() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    OsRng.try_fill_bytes(&mut *bytes).map_err(io::Error::other)?;
    Ok(Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A UDP port of 127.0.0.1 that is free now, and that no socket is given which asks for any port.
///
/// # Errors
///
/// What the operating system says: no socket, no free port, no randomness.
pub fn free_port() -> io::Result<u16> {
    let mut rng = SmallRng::try_from_rng(&mut OsRng).map_err(io::Error::other)?;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let port = rng.random_range(CANDIDATES);
        match UdpSocket::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}
