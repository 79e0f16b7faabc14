//! `sealane sim figure`: published experiments, each one command.

mod report;

use clap::Args;
use clap::builder::PossibleValuesParser;
use sealane_report::{Report, page};
use sealane_sim::experiment::{Advance, Experiment, Figure, Options, Scale, Watch};

use super::interrupt::Interrupt;
use super::output::{Output, say};
use super::progress::Bar;
use super::seeds::{self, Seeds};
use super::{INTERRUPTED, jobs};
use crate::cli::Failure;

/// All experiments, by this name.
const ALL: &str = "all";

/// Options of `sealane sim figure`.
#[derive(Debug, Args)]
pub struct FigureCommand {
    /// The experiment, or all of them.
    #[arg(value_name = "NAME|all", value_parser = names())]
    name: String,
    /// Seeds: 7, 1..20 (both ends count), 1,5,9.
    #[arg(long, value_name = "SEEDS", default_value = "1..5", value_parser = seeds::parse)]
    seeds: Seeds,
    /// The same shapes on few hosts, in seconds: to try things, not to quote.
    #[arg(long)]
    small: bool,
    /// Fail (exit status 1) if a claim does not hold.
    #[arg(long)]
    strict: bool,
    /// Runs at a time [default: as many as there are processors]; results do not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    #[command(flatten)]
    output: Output,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Experiment::NAMES.into_iter().chain([ALL]))
}

/// The bar and Ctrl-C, as experiments know them.
struct Watcher<'a> {
    bar: Bar,
    interrupt: &'a Interrupt,
}

impl Watch for Watcher<'_> {
    fn advance(&self, advance: &Advance<'_>) {
        let Advance { done, all, what } = *advance;
        self.bar.set(done as u64, all as u64, what);
    }

    fn stop(&self) -> bool {
        self.interrupt.asked()
    }
}

/// Runs it; returns the exit status.
pub(super) fn run(command: &FigureCommand) -> Result<u8, Failure> {
    let chosen: Vec<Experiment> = match command.name.parse() {
        Ok(experiment) => vec![experiment],
        Err(_) => Experiment::ALL.to_vec(),
    };
    let name = if chosen.len() == 1 { chosen[0].name() } else { "figures" };
    let interrupt = Interrupt::watch()?;
    command.output.prepare(name)?;
    let (mut figures, mut reports) = (Vec::new(), Vec::new());
    for experiment in chosen.iter().take_while(|_| !interrupt.asked()) {
        let figure = measure(*experiment, command, &interrupt)?;
        let report = report::of(&figure, &command.seeds, command.small);
        say(&report::terminal(&report));
        figures.push(figure);
        reports.push(report);
    }
    write(command, name, &reports, chosen.len())?;
    verdict(command, &figures, chosen.len())
}

fn measure(
    experiment: Experiment,
    command: &FigureCommand,
    interrupt: &Interrupt,
) -> Result<Figure, Failure> {
    let options = Options {
        seeds: command.seeds.0.clone(),
        scale: if command.small { Scale::Small } else { Scale::Full },
        threads: command.jobs.unwrap_or_else(jobs::available).max(1),
    };
    let watcher = Watcher { bar: Bar::new(), interrupt };
    let figure = experiment.run(&options, &watcher);
    watcher.bar.finish(figure.as_ref().map_or(0, |figure| figure.events));
    figure.map_err(|error| Failure::Runtime(error.to_string()))
}

/// One experiment has a folder; all have one each, and a page together.
fn write(
    command: &FigureCommand,
    name: &str,
    reports: &[Report],
    chosen: usize,
) -> Result<(), Failure> {
    if chosen == 1 {
        return reports.iter().try_for_each(|report| command.output.write(report));
    }
    if command.output.no_files {
        return Ok(());
    }
    let folder = command.output.folder(name);
    for report in reports {
        let out = Some(folder.join(&report.name));
        Output { out, no_files: false }.write(report)?;
    }
    let path = folder.join("figures.html");
    std::fs::write(&path, page("Sealane: published experiments", reports))
        .map_err(|error| Failure::Runtime(format!("cannot write {}: {error}", path.display())))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

fn verdict(command: &FigureCommand, figures: &[Figure], chosen: usize) -> Result<u8, Failure> {
    let complete = figures.iter().filter(|figure| figure.complete).count();
    if complete < chosen {
        eprintln!("sealane: interrupted with {complete} of {chosen} complete; results are partial");
        return Ok(INTERRUPTED);
    }
    let empty = |figure: &&Figure| {
        figure.panels.iter().flat_map(|panel| &panel.series).all(|series| series.points.is_empty())
    };
    if let Some(figure) = figures.iter().find(empty) {
        return Err(Failure::Runtime(format!("{} has no result", figure.name)));
    }
    if let Some(figure) = figures.iter().find(|figure| !figure.unfinished.is_empty()) {
        let (count, first) = (figure.unfinished.len(), &figure.unfinished[0]);
        let name = &figure.name;
        return Err(Failure::Runtime(format!(
            "{count} runs of {name} ended before their work was done, the first: {first}"
        )));
    }
    let missed =
        figures.iter().flat_map(|figure| &figure.checks).filter(|check| !check.holds).count();
    if command.strict && missed > 0 {
        return Err(Failure::Runtime(format!("{missed} claims do not hold")));
    }
    Ok(0)
}
