//! `sealane sim sweep`: a scenario for several seeds, at every point of its ranges.

mod results;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use sealane_sim::scenario::{self as simulator, Scenario};
use sealane_sim::world::Ended;

use super::interrupt::Interrupt;
use super::metrics::{Alone, Metrics};
use super::output::{Output, say};
use super::progress::Bar;
use super::scenario::{Axis, Source, load};
use super::seeds::{self, Seeds};
use super::watcher::Stopper;
use super::{INTERRUPTED, jobs, summary};
use crate::cli::Failure;

use results::Results;

/// Runs of one sweep at most.
const RUNS_MAX: usize = 100_000;

/// Options of `sealane sim sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// The scenario: a TOML file, in which keys may have several values: lists, or ranges such as
    /// "8..256/6".
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Seeds: 7, 1..20 (both ends count), 1,5,9.
    #[arg(long, value_name = "SEEDS", default_value = "1..5", value_parser = seeds::parse)]
    seeds: Seeds,
    /// Runs at a time [default: as many as there are processors]; results do not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    #[command(flatten)]
    output: Output,
}

/// A run that came to something.
struct Ran {
    metrics: Metrics,
    ended: Ended,
    violations: Vec<String>,
}

/// Runs it; returns the exit status.
pub(super) fn run(options: &Sweep) -> Result<u8, Failure> {
    let source = load(&options.file)?;
    let (axes, points) = grid(&source)?;
    let count = points.len() * options.seeds.0.len();
    if count > RUNS_MAX {
        let (points, seeds) = (points.len(), options.seeds.0.len());
        return Err(Failure::Usage(format!(
            "{points} points of the ranges × {seeds} seeds are more than {RUNS_MAX} runs"
        )));
    }
    let plan = source.plan(&[])?;
    let named = results::Named::new(&source, &plan.title, &options.seeds);
    let interrupt = Interrupt::watch()?;
    options.output.prepare(&named.name)?;
    let ran = run_all(&points, options, &interrupt)?;
    let results = Results::new(&axes, &points, &options.seeds.0, &ran);
    let report = results.report(&named);
    say(&summary::terminal(&report));
    options.output.write(&report)?;
    verdict(&results, &interrupt)
}

/// A point of the axes: the values' numbers, and the scenario there.
type Spot = (Vec<usize>, Scenario);

/// The axes of a file, and every point of them.
fn grid(source: &Source) -> Result<(Vec<Axis>, Vec<Spot>), Failure> {
    let axes = source.plan(&[])?.axes;
    let count = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.values.len()));
    let count = count.filter(|count| *count <= RUNS_MAX).ok_or_else(|| {
        Failure::Usage(format!("the ranges have more than {RUNS_MAX} points together"))
    })?;
    let mut points = Vec::new();
    for index in 0..count {
        let mut rest = index;
        let mut place = vec![0; axes.len()];
        // The last axis varies fastest.
        for (axis, at) in axes.iter().zip(&mut place).rev() {
            *at = rest % axis.values.len();
            rest /= axis.values.len();
        }
        let plan = source.plan(&place)?;
        if plan.axes != axes {
            return Err(Failure::Usage(
                "a key with several values decides which other keys are read; write one file for each \
                 of its values"
                    .to_owned(),
            ));
        }
        points.push((place, plan.scenario));
    }
    Ok((axes, points))
}

fn run_all(
    points: &[Spot],
    options: &Sweep,
    interrupt: &Interrupt,
) -> Result<Vec<Option<Ran>>, Failure> {
    let seeds = &options.seeds.0;
    let count = points.len() * seeds.len();
    let (bar, done, events) = (Bar::new(), AtomicU64::new(0), AtomicU64::new(0));
    let ran = jobs::ordered(
        count,
        options.jobs.unwrap_or_else(jobs::available),
        &|| interrupt.asked(),
        &|index| {
            let (_, scenario) = &points[index / seeds.len()];
            let result =
                simulator::run(scenario, seeds[index % seeds.len()], &mut Stopper(interrupt));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set(done, count as u64, &format!("{done} of {count} runs"));
            Some(result.map(|outcome| {
                events.fetch_add(outcome.events, Ordering::Relaxed);
                Ran {
                    metrics: Metrics::of(&outcome, Alone::of(scenario).as_ref()),
                    ended: outcome.ended,
                    violations: outcome.violations,
                }
            }))
        },
    );
    bar.finish(events.load(Ordering::Relaxed));
    let keep = |result: Option<Result<Ran, simulator::ScenarioError>>| match result {
        // A run that was interrupted says nothing of its point.
        Some(Ok(ran)) if ran.ended == Ended::Interrupted => Ok(None),
        Some(Ok(ran)) => Ok(Some(ran)),
        Some(Err(error)) => Err(Failure::Usage(error.to_string())),
        None => Ok(None),
    };
    ran.into_iter().map(keep).collect()
}

fn verdict(results: &Results<'_>, interrupt: &Interrupt) -> Result<u8, Failure> {
    if let Some(violation) = results.violations().next() {
        return Err(Failure::Runtime(format!("violations, the first: {violation}")));
    }
    let (made, all) = (results.made(), results.all());
    if interrupt.asked() && made < all {
        eprintln!("sealane: interrupted after {made} of {all} runs; results are partial");
        return Ok(INTERRUPTED);
    }
    match results.unfinished() {
        0 if made > 0 => Ok(0),
        0 => Err(Failure::Runtime("nothing was run: there is no result".to_owned())),
        unfinished => Err(Failure::Runtime(format!(
            "{unfinished} of {made} runs ended before all of their flows: their numbers are of those \
             that finished"
        ))),
    }
}
