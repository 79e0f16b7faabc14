//! `sealane sim replay`: what a failure printed, once more, with traces if they are asked for.

use clap::Args;
use sealane_sim::swarm;

use super::INTERRUPTED;
use super::interrupt::Interrupt;
use super::output::say;
use super::progress::Bar;
use super::trace::{TraceOptions, Traces};
use super::watcher::Watcher;
use crate::cli::Failure;

/// Options of `sealane sim replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The seed of a swarm's run.
    #[arg(long, value_name = "SEED")]
    swarm: u64,
    #[command(flatten)]
    traces: TraceOptions,
}

/// Runs it; returns the exit status.
pub(super) fn run(options: &Replay) -> Result<u8, Failure> {
    let case = swarm::draw(options.swarm);
    say(&format!("{}\n", case.summary()));
    let mut traces = Traces::create(&options.traces, case.scenario.wire_overhead)?;
    let (interrupt, bar) = (Interrupt::watch()?, Bar::new());
    let expected = None;
    let mut watcher = Watcher { interrupt: &interrupt, bar: &bar, traces: &mut traces, expected };
    let verdict = swarm::judge(&case, &mut watcher);
    bar.finish(verdict.events);
    traces.finish()?;
    say(&format!("{} events, digest {}\n", verdict.events, verdict.digest));
    for violation in &verdict.violations {
        say(&format!("violation: {violation}\n"));
    }
    if !verdict.is_clean() {
        let (count, seed) = (verdict.violations.len(), verdict.seed);
        return Err(Failure::Runtime(format!("seed {seed} has {count} violations")));
    }
    if interrupt.asked() {
        eprintln!("sealane: interrupted; what was run so far has no violation");
        return Ok(INTERRUPTED);
    }
    say("no violation\n");
    Ok(0)
}
