//! `sealane launch`: local ranks of any program.

mod output;
mod shim;
mod supervisor;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{Failure, secret};

pub use shim::{NAME as SHIM, Shim, run as exec_rank};
pub use supervisor::{Job, Streams, run as supervise};

/// Options of `sealane launch`.
#[derive(Debug, Args)]
pub struct Launch {
    /// How many ranks to start on this host.
    #[arg(short = 'n', long = "ranks", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    ranks: u32,
    /// Seconds that the other ranks get to end by themselves when one has failed.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    grace: f64,
    /// UDP port of rank 0 on 127.0.0.1 [default: a free one].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&value) { Ok(value) } else { Err("0 to 86400 seconds".to_owned()) }
}

/// Variables that give an identity: one of them in our environment is passed on.
const IDENTITY: [&str; 3] = ["SEALANE_SECRET", "SEALANE_SECRET_FILE", "SEALANE_CERT"];

/// Runs `sealane launch`; returns the exit status.
///
/// # Errors
///
/// [`Failure`] when the program cannot be started.
pub fn run(launch: Launch) -> Result<u8, Failure> {
    let Some(program) = launch.command.first() else {
        return Err(Failure::Usage("name the program to run after --".to_owned()));
    };
    if !is_program(Path::new(program)) {
        return Err(Failure::Runtime(format!(
            "cannot run {}: no such program; give its path, or a name that is in PATH",
            Path::new(program).display()
        )));
    }
    let inherited =
        IDENTITY.iter().any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    let secret = if inherited { None } else { Some(secret::generate()?) };
    supervise(&Job {
        ranks: launch.ranks,
        port: launch.port,
        command: launch.command,
        secret,
        grace: Duration::from_secs_f64(launch.grace),
        streams: Streams::Prefixed,
    })
}

/// Whether the program can be found, so that a slip of the pen is one message and not one per rank.
fn is_program(program: &Path) -> bool {
    if program.components().count() > 1 || program.is_absolute() {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
