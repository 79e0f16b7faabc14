//! Runs cases over seeds, several at a time, and keeps what is asked of each run.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::scenario::{self, Outcome, Scenario, ScenarioError};
use crate::world::{Ended, Observer, Progress};

use super::{Figure, Options};

/// How far an experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance<'a> {
    /// Runs that have ended.
    pub done: usize,
    /// All of them.
    pub all: usize,
    /// What has just ended.
    pub what: &'a str,
}

/// Whoever watches an experiment; called from several threads.
pub trait Watch: Sync {
    /// A run has ended.
    fn advance(&self, _advance: &Advance<'_>) {}

    /// Whether to stop.
    fn stop(&self) -> bool {
        false
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// One scenario of an experiment.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Its name.
    pub label: String,
    /// What runs.
    pub scenario: Scenario,
}

impl Case {
    pub fn new(label: impl Into<String>, scenario: Scenario) -> Self {
        Self { label: label.into(), scenario }
    }
}

/// What was kept of a case: by seed.
pub(super) type Samples<T> = Vec<(u64, T)>;

/// Where a run's result is put.
type Slot<T> = Mutex<Option<Result<(Ended, T), ScenarioError>>>;

/// Passes the word on when the experiment is to stop.
struct Stopper<'a>(&'a dyn Watch);

impl Observer for Stopper<'_> {
    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        if self.0.stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Runs every case with every seed, and keeps what `keep` makes of each outcome.
///
/// # Errors
///
/// Scenarios that make no sense.
pub(super) fn measure<T: Send>(
    figure: &mut Figure,
    cases: &[Case],
    options: &Options,
    watch: &dyn Watch,
    keep: impl Fn(&Case, &Outcome) -> T + Sync,
) -> Result<Vec<Samples<T>>, ScenarioError> {
    let run = |case: &Case, seed| {
        let mut stopper = Stopper(watch);
        let outcome = scenario::run(&case.scenario, seed, &mut stopper)?;
        let kept = keep(case, &outcome);
        Ok((outcome.ended, outcome.events, kept))
    };
    measure_by(figure, cases, options, watch, run)
}

/// As [`measure`], where `run` makes the run: for those that look at more than the outcome.
///
/// # Errors
///
/// As [`measure`].
pub(super) fn measure_by<T: Send>(
    figure: &mut Figure,
    cases: &[Case],
    options: &Options,
    watch: &dyn Watch,
    run: impl Fn(&Case, u64) -> Result<(Ended, u64, T), ScenarioError> + Sync,
) -> Result<Vec<Samples<T>>, ScenarioError> {
    let (seeds, jobs) = (&options.seeds, cases.len() * options.seeds.len());
    let (next, done, events) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    let slots: Vec<Slot<T>> = (0..jobs).map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs || watch.stop() {
                return;
            }
            let (case, seed) = (&cases[job / seeds.len()], seeds[job % seeds.len()]);
            let result = run(case, seed).map(|(ended, count, kept)| {
                events.fetch_add(count, Ordering::Relaxed);
                (ended, kept)
            });
            *slots[job].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            watch.advance(&Advance { done, all: jobs, what: &case.label });
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.clamp(1, jobs.max(1)) {
            scope.spawn(work);
        }
        work();
    });
    figure.events += events.into_inner();
    collect(figure, cases, seeds, slots)
}

fn collect<T>(
    figure: &mut Figure,
    cases: &[Case],
    seeds: &[u64],
    slots: Vec<Slot<T>>,
) -> Result<Vec<Samples<T>>, ScenarioError> {
    let mut samples: Vec<Samples<T>> = cases.iter().map(|_| Vec::new()).collect();
    for (job, slot) in slots.into_iter().enumerate() {
        let (case, seed) = (job / seeds.len(), seeds[job % seeds.len()]);
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None | Some(Ok((Ended::Interrupted, _))) => figure.complete = false,
            Some(Err(error)) => return Err(error),
            Some(Ok((ended, kept))) => {
                if ended != Ended::Done {
                    let label = &cases[case].label;
                    figure.unfinished.push(format!("{label}, seed {seed}: {ended:?}"));
                }
                samples[case].push((seed, kept));
            }
        }
    }
    Ok(samples)
}

/// One number of each sample.
pub(super) fn project<T>(samples: &Samples<T>, number: impl Fn(&T) -> f64) -> Vec<(u64, f64)> {
    samples.iter().map(|(seed, sample)| (*seed, number(sample))).collect()
}

/// Pairs two cases by seed.
pub(super) fn by_seed<A, B>(
    a: &Samples<A>,
    b: &Samples<B>,
    number: impl Fn(&A, &B) -> f64,
) -> Vec<f64> {
    let pair = |(seed, one): &(u64, A)| {
        let other = b.iter().find(|(other, _)| other == seed)?;
        Some(number(one, &other.1))
    };
    a.iter().filter_map(pair).collect()
}
