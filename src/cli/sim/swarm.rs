//! `sealane sim swarm`: scenarios drawn by seed, and what must hold in all of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Args;
use sealane_report::{Column, Report, Table};
use sealane_sim::swarm::{self, Verdict};

use super::interrupt::Interrupt;
use super::output::{Output, facts, say};
use super::progress::Bar;
use super::seeds::{self, Seeds};
use super::watcher::Stopper;
use super::{INTERRUPTED, jobs};
use crate::cli::Failure;

/// Options of `sealane sim swarm`.
#[derive(Debug, Args)]
pub struct Swarm {
    /// Seeds: 7, 1..10000 (both ends count), 1,5,9.
    #[arg(long, value_name = "SEEDS", default_value = "1..200", value_parser = seeds::parse)]
    seeds: Seeds,
    /// Runs at a time [default: as many as there are processors].
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    #[command(flatten)]
    output: Output,
}

/// Runs it; returns the exit status.
pub(super) fn run(options: &Swarm) -> Result<u8, Failure> {
    let interrupt = Interrupt::watch()?;
    options.output.prepare("swarm")?;
    let verdicts = run_all(options, &interrupt);
    let report = report(options, &verdicts);
    let wrong = verdicts.iter().filter(|verdict| !verdict.is_clean()).count();
    let (made, all) = (verdicts.len(), options.seeds.0.len());
    say(&format!("{made} seeds of {all}: {wrong} with violations\n"));
    options.output.write(&report)?;
    if wrong > 0 {
        return Err(Failure::Runtime(format!("{wrong} of {made} seeds had violations")));
    }
    if interrupt.asked() && made < all {
        eprintln!("sealane: interrupted after {made} of {all} seeds; results are partial");
        return Ok(INTERRUPTED);
    }
    Ok(0)
}

fn run_all(options: &Swarm, interrupt: &Interrupt) -> Vec<Verdict> {
    let seeds = &options.seeds.0;
    let (bar, done, events) = (Bar::new(), AtomicUsize::new(0), AtomicU64::new(0));
    let verdicts = jobs::ordered(
        seeds.len(),
        options.jobs.unwrap_or_else(jobs::available),
        &|| interrupt.asked(),
        &|index| {
            let verdict = swarm::run_watched(seeds[index], &mut Stopper(interrupt));
            // A run that was cut short has not shown that it ends.
            if interrupt.asked() && verdict.is_clean() {
                return None;
            }
            for violation in &verdict.violations {
                let (seed, replay) = (verdict.seed, swarm::replay_command(verdict.seed));
                bar.say(&format!("seed {seed}: {violation}\n  {}\n  {replay}", verdict.summary));
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            events.fetch_add(verdict.events, Ordering::Relaxed);
            bar.set(done as u64, seeds.len() as u64, &format!("{done} of {} seeds", seeds.len()));
            Some(verdict)
        },
    );
    bar.finish(events.load(Ordering::Relaxed));
    verdicts.into_iter().flatten().collect()
}

fn report(options: &Swarm, verdicts: &[Verdict]) -> Report {
    let mut report = Report::new("swarm", "Swarm");
    let seeds = options.seeds.text();
    let command = format!("sealane sim swarm --seeds {}", seeds.replace(' ', ""));
    facts(&mut report, &seeds, &command);
    let events: u64 = verdicts.iter().map(|verdict| verdict.events).sum();
    report.fact("events", events.to_string());
    if verdicts.len() < options.seeds.0.len() {
        let (made, all) = (verdicts.len(), options.seeds.0.len());
        report.warnings.push(format!("Partial: {made} of {all} seeds were run."));
    }
    let mut wrong = Table::new("violations", "Violations");
    wrong.columns = ["seed", "violation", "drawn", "replay"].map(|n| Column::new(n, "")).to_vec();
    for verdict in verdicts {
        for violation in &verdict.violations {
            let replay = swarm::replay_command(verdict.seed);
            let drawn = verdict.summary.as_str().into();
            wrong.push([verdict.seed.into(), violation.as_str().into(), drawn, replay.into()]);
        }
    }
    if wrong.rows.is_empty() {
        report.notes.push(format!("No violation in {} seeds.", verdicts.len()));
    }
    report.add(wrong);
    let mut all = Table::new("seeds", "Seeds");
    all.columns = ["seed", "events", "digest", "drawn"].map(|name| Column::new(name, "")).to_vec();
    for verdict in verdicts {
        let (digest, drawn) = (verdict.digest.as_str().into(), verdict.summary.as_str().into());
        all.push([verdict.seed.into(), verdict.events.into(), digest, drawn]);
    }
    report.add(all);
    report
}
