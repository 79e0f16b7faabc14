//! `-n` outside a launcher: the same command again, as so many local ranks.

use std::time::Duration;

use sealane::bootstrap::{EnvironmentError, Launch};

use super::options::Perf;
use crate::cli::launch::{Job, Streams, supervise};
use crate::cli::{Failure, secret};

/// How long the other ranks get to say what they know when one has failed.
const GRACE: Duration = Duration::from_secs(3);

/// Whether the ranks are ours to start.
pub(super) fn wanted(perf: &Perf) -> bool {
    perf.ranks.is_some()
        && matches!(
            Launch::detect(&|name| std::env::var(name).ok()),
            Err(EnvironmentError::NoLauncher)
        )
}

/// Starts them and waits.
pub(super) fn run(perf: &Perf) -> Result<u8, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::Runtime(format!("cannot find this program again: {error}")))?;
    let mut command = vec![program.into_os_string()];
    command.extend(std::env::args_os().skip(1));
    supervise(&Job {
        ranks: perf.ranks.unwrap_or(1),
        port: None,
        command,
        secret: Some(secret::generate()?),
        grace: GRACE,
        streams: Streams::Inherited,
    })
}
