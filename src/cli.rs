//! The command line: what to do, and what to say when it cannot be done.

pub mod devices;
pub mod keys;
pub mod launch;
pub mod perf;
pub mod secret;
pub mod sim;
pub mod status;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Encrypted transport and collectives for distributed training.
#[derive(Debug, Parser)]
#[command(name = "sealane", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a collective between ranks and check every value.
    Perf(perf::Perf),
    /// Start local ranks of any program, with an identity and a rendezvous.
    Launch(launch::Launch),
    /// List what could carry the packets, and what would be chosen.
    Devices(devices::Devices),
    /// Simulate the protocol on a fabric: scenarios, sweeps, published experiments, swarms.
    #[command(subcommand)]
    Sim(sim::Sim),
    /// Make job secrets, authorities and certificates.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Ask the ranks of this host what they are doing, and who waits for whom.
    Status(status::Status),
    /// Becomes a rank's program (used by `launch`).
    #[command(name = launch::SHIM, hide = true)]
    ExecRank(launch::Shim),
}

/// Why the command failed, and with it the exit status.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense: exit status 2, as clap's own.
    Usage(String),
    /// It could not be done: exit status 1.
    Runtime(String),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Runtime(_) => 1,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Usage(text) | Self::Runtime(text)) = self;
        f.write_str(text)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Runtime(error.to_string())
    }
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    let filter = EnvFilter::try_from_env("SEALANE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second subscriber is impossible in a binary of ours; if there is one, it serves.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let result = match cli.command {
        Command::Perf(perf) => perf::run(&perf),
        Command::Launch(launch) => launch::run(launch),
        Command::Devices(devices) => devices::run(&devices),
        Command::Sim(sim) => sim::run(&sim),
        Command::Keys(keys) => keys::run(&keys).map(|()| 0),
        Command::Status(status) => status::run(&status),
        Command::ExecRank(shim) => launch::exec_rank(shim),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("sealane: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
