//! Two cables die in the middle of a permutation.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::engine::Picos;
use crate::fabric::{Address, Drop, LinkId, Packet};
use crate::scenario::{
    self, FaultKind, FaultSpec, Policy, Scenario, ScenarioError, Target, Workload,
};
use crate::world::{Detail, Observer, Progress};

use super::common::{Times, bars, describe, fabric};
use super::measure::{Case, Samples, by_seed, measure_by, project};
use super::statistics::quantile;
use super::{Check, Figure, Options, Relation, Series, SeriesKind, Watch};

/// When the cables die.
const DEATH: Picos = Picos::from_micros(100);

/// The least length of a packet that is no probe: on a dead path, probes go on.
const FULL_PACKET: u16 = 1000;

/// The path's round trip without load, µs.
const RTT: f64 = 12.0;

/// What a run shows.
#[derive(Clone, Debug, Default)]
struct Seen {
    times: Times,
    /// Packets that the dead cables swallowed.
    lost: f64,
    /// By five-tuple that met a dead cable: from its first loss to its last full packet, µs, sorted.
    leaving: Vec<f64>,
}

/// Watches what dead cables swallow.
struct Deaths<'a> {
    watch: &'a dyn Watch,
    lost: u64,
    paths: BTreeMap<(Address, Address), (Picos, Picos)>,
}

impl Observer for Deaths<'_> {
    fn detail(&self) -> Detail {
        Detail::Packets
    }

    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        if self.watch.stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn dropped(&mut self, now: Picos, _link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        if cause != Drop::Blackhole {
            return;
        }
        self.lost += 1;
        if length >= FULL_PACKET {
            let path = self.paths.entry((packet.from, packet.to)).or_insert((now, now));
            path.1 = now;
        }
    }
}

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let (radix, bytes) = options.scaled((16, 8 << 20), (4, 2 << 20));
    let scenario = |policy: Policy, dies: bool| {
        let mut scenario = fabric(radix, Workload::Permutation { bytes }, policy);
        if dies {
            let death = FaultSpec::lasting(Target::AnyCables(2), FaultKind::Blackhole, DEATH);
            scenario.faults.push(death);
        }
        scenario
    };
    let cases = [
        Case::new("recycle, no failure", scenario(Policy::Recycle, false)),
        Case::new("recycle", scenario(Policy::Recycle, true)),
        Case::new("random", scenario(Policy::Random, true)),
    ];
    describe(&mut figure, &cases[0].scenario, radix * radix * radix / 4);
    figure.condition("flows", format!("a permutation of {} MiB each, 128 paths", bytes >> 20));
    figure
        .condition("failure", "2 cables between switches, drawn by the seed, dead from 100 µs on");
    let run = |case: &Case, seed| see(&case.scenario, seed, watch);
    let samples = measure_by(&mut figure, &cases, options, watch, run)?;
    figure.panels.push(completion(&cases, &samples));
    figure.panels.push(leaving(&cases[1..], &samples[1..]));
    checks(&mut figure, &samples);
    figure.note(
        "A path has left when its last full-sized packet was swallowed; PINGs that ask whether it \
         lives again are not counted. Nobody tells the hosts, and routing does not converge.",
    );
    figure.note(
        "Published: REPS moves within 100 µs, more than 35 % faster with 2.5 times fewer drops than \
         oblivious spraying, on permutations of 64 MiB.",
    );
    Ok(figure)
}

fn see(
    scenario: &Scenario,
    seed: u64,
    watch: &dyn Watch,
) -> Result<(crate::world::Ended, u64, Seen), ScenarioError> {
    let mut deaths = Deaths { watch, lost: 0, paths: BTreeMap::new() };
    let outcome = scenario::run(scenario, seed, &mut deaths)?;
    let mut leaving: Vec<f64> =
        deaths.paths.values().map(|(first, last)| last.since(*first).micros()).collect();
    leaving.sort_by(f64::total_cmp);
    let seen = Seen { times: Times::of(&outcome), lost: deaths.lost as f64, leaving };
    Ok((outcome.ended, outcome.events, seen))
}

fn completion(cases: &[Case], samples: &[Samples<Seen>]) -> super::Panel {
    let mut last = Series::new("last completion", SeriesKind::Measured);
    let mut median = Series::new("median", SeriesKind::Measured);
    let mut ideal = Series::new("ideal without failure", SeriesKind::Ideal);
    for (index, (case, samples)) in cases.iter().zip(samples).enumerate() {
        let x = index as f64;
        last.push(x, &case.label, &project(samples, |seen| seen.times.last()));
        median.push(x, &case.label, &project(samples, |seen| seen.times.at(0.5)));
        if let Some((_, seen)) = samples.first() {
            ideal.set(x, &case.label, seen.times.ideal);
        }
    }
    let series = vec![last, median, ideal];
    bars("Completion", "policy", "completion", "µs", series)
}

fn leaving(cases: &[Case], samples: &[Samples<Seen>]) -> super::Panel {
    let mut mean = Series::new("median", SeriesKind::Measured);
    let mut most = Series::new("longest", SeriesKind::Measured);
    let mut bound = Series::new("4 × RTT + 100 µs", SeriesKind::Ideal);
    for (index, (case, samples)) in cases.iter().zip(samples).enumerate() {
        let x = index as f64;
        mean.push(x, &case.label, &project(samples, |seen| quantile(&seen.leaving, 0.5)));
        most.push(x, &case.label, &project(samples, |seen| quantile(&seen.leaving, 1.0)));
        bound.set(x, &case.label, 4.0 * RTT + 100.0);
    }
    let title = "Time from a path's first loss to its last packet";
    bars(title, "policy", "time", "µs", vec![mean, most, bound])
}

fn checks(figure: &mut Figure, samples: &[Samples<Seen>]) {
    let [calm, recycle, random] = samples else { return };
    let worst = by_seed(recycle, recycle, |seen, _| quantile(&seen.leaving, 1.0));
    figure.checks.push(
        Check::new(
            "time to leave a dead path, the longest of all",
            &worst,
            Relation::AtMost,
            4.0 * RTT + 100.0,
            "µs",
        )
        .published("below 100 µs (REPS)"),
    );
    let slower = by_seed(recycle, calm, |dead, calm| dead.times.last() / calm.times.last());
    let claim = "last completion ÷ that without failure";
    figure.checks.push(Check::new(claim, &slower, Relation::AtMost, 1.5, ""));
    let fewer = by_seed(random, recycle, |random, ours| random.lost / ours.lost.max(1.0));
    figure.checks.push(
        Check::new("packets lost, random spray ÷ recycling", &fewer, Relation::AtLeast, 1.0, "")
            .published("2.5 (REPS against oblivious)"),
    );
    let lost: Vec<f64> = recycle.iter().map(|(_, seen)| seen.lost).collect();
    let mean = lost.iter().sum::<f64>() / lost.len().max(1) as f64;
    figure.note(format!("Recycling lost {mean:.0} packets to the dead cables on average."));
}
