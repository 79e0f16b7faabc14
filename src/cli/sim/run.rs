//! `sealane sim run`: a scenario once.

use std::path::PathBuf;

use clap::Args;
use sealane_sim::scenario::{self as simulator, Outcome, ideal};
use sealane_sim::world::Ended;

use super::interrupt::Interrupt;
use super::metrics::Alone;
use super::output::{Output, say};
use super::progress::Bar;
use super::scenario::{Axis, Plan, load};
use super::trace::{TraceOptions, Traces};
use super::watcher::Watcher;
use super::{INTERRUPTED, summary};
use crate::cli::Failure;

/// Options of `sealane sim run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The scenario: a TOML file (docs/SIMULATION.md).
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Everything random comes from it [default: the file's, or 1].
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    traces: TraceOptions,
}

/// Runs it; returns the exit status.
pub(super) fn run(options: &Run) -> Result<u8, Failure> {
    let source = load(&options.file)?;
    let plan = source.plan(&[])?;
    single(&plan.axes)?;
    let seed = options.seed.or(plan.seed).unwrap_or(1);
    let named = summary::Named::new(&source, &plan, seed);
    let interrupt = Interrupt::watch()?;
    options.output.prepare(&named.name)?;
    let traces = Traces::create(&options.traces, plan.scenario.wire_overhead)?;
    let outcome = watched(&plan, seed, traces, &interrupt)?;
    let report = summary::report(&named, Alone::of(&plan.scenario).as_ref(), &outcome);
    say(&summary::terminal(&report));
    options.output.write(&report)?;
    status(&outcome)
}

/// Runs a scenario with a bar, Ctrl-C and traces.
fn watched(
    plan: &Plan,
    seed: u64,
    mut traces: Traces,
    interrupt: &Interrupt,
) -> Result<Outcome, Failure> {
    let bar = Bar::new();
    let graph = plan.scenario.graph().ok();
    let ideal = graph.and_then(|graph| ideal::completion(&plan.scenario, &graph, seed).ok());
    let expected = ideal.flatten();
    let mut watcher = Watcher { interrupt, bar: &bar, traces: &mut traces, expected };
    let outcome = simulator::run(&plan.scenario, seed, &mut watcher);
    bar.finish(outcome.as_ref().map_or(0, |outcome| outcome.events));
    traces.finish()?;
    outcome.map_err(|error| Failure::Usage(error.to_string()))
}

/// A run has one value for every key.
fn single(axes: &[Axis]) -> Result<(), Failure> {
    let Some(axis) = axes.iter().find(|axis| axis.values.len() > 1) else { return Ok(()) };
    let values = axis.values.len();
    let key = &axis.key;
    Err(Failure::Usage(format!("{key} has {values} values: `sealane sim sweep` runs each of them")))
}

/// What a run's outcome means to a shell; what is wrong is said.
pub(super) fn status(outcome: &Outcome) -> Result<u8, Failure> {
    if let Some(violation) = outcome.violations.first() {
        let count = outcome.violations.len();
        return Err(Failure::Runtime(format!("{count} violations, the first: {violation}")));
    }
    let (done, all) = outcome.done;
    match outcome.ended {
        Ended::Interrupted => {
            eprintln!(
                "sealane: interrupted at {}: {done} of {all} done; results are partial",
                outcome.time
            );
            Ok(INTERRUPTED)
        }
        _ if all == 0 => Err(Failure::Runtime("nothing was run: there is no result".to_owned())),
        _ if !outcome.errors.is_empty() => {
            let (count, first) = (outcome.errors.len(), &outcome.errors[0]);
            Err(Failure::Runtime(format!("{count} flows or calls failed, the first: {first}")))
        }
        Ended::Done => Ok(0),
        Ended::Deadline => Err(Failure::Runtime(format!(
            "{done} of {all} were done when the virtual time of {} was up: raise `limit`, or look at \
             the drops",
            outcome.time
        ))),
        Ended::Quiescent => Err(Failure::Runtime(format!(
            "nothing more would ever happen after {}, and {done} of {all} were done",
            outcome.time
        ))),
    }
}
