//! `sealane sim`: the protocol on a fabric in virtual time.

mod figure;
mod interrupt;
mod jobs;
mod metrics;
mod output;
mod progress;
mod replay;
mod run;
mod scenario;
mod seeds;
mod summary;
mod swarm;
mod sweep;
mod trace;
mod watcher;

use clap::Subcommand;

use super::Failure;

/// What to simulate.
#[derive(Debug, Subcommand)]
pub enum Sim {
    /// Run a scenario once.
    Run(run::Run),
    /// Run a scenario for several seeds, and at every point of the ranges in its file.
    Sweep(sweep::Sweep),
    /// Repeat a published experiment, or all of them.
    Figure(figure::FigureCommand),
    /// Draw scenarios by seed and look for violations of what must always hold.
    Swarm(swarm::Swarm),
    /// Run again what a failure printed.
    Replay(replay::Replay),
}

/// Exit status of what was interrupted, as a shell has it for SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs `sealane sim`; returns the exit status.
///
/// # Errors
///
/// [`Failure`] for scenarios and options that make no sense, and for what cannot be written.
pub fn run(sim: &Sim) -> Result<u8, Failure> {
    match sim {
        Sim::Run(run) => run::run(run),
        Sim::Sweep(sweep) => sweep::run(sweep),
        Sim::Figure(figure) => figure::run(figure),
        Sim::Swarm(swarm) => swarm::run(swarm),
        Sim::Replay(replay) => replay::run(replay),
    }
}
