//! Some cables are slower than others: who notices?

use crate::engine::Bandwidth;
use crate::engine::Picos;
use crate::scenario::{FaultKind, FaultSpec, Policy, ScenarioError, Target, Workload};

use super::common::{Times, describe, fabric};
use super::measure::{Case, by_seed, measure, project};
use super::{Axis, AxisScale, Check, Figure, Options, Panel, Relation, Series, SeriesKind, Watch};

const POLICIES: [Policy; 2] = [Policy::Recycle, Policy::Random];

/// The speed of slow cables.
const SLOW: Bandwidth = Bandwidth::from_gbps(25);

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let (radix, bytes) = options.scaled((8, 8 << 20), (4, 2 << 20));
    let hosts = radix * radix * radix / 4;
    let core = 2 * hosts;
    // Shares of the cables between switches, in per cent.
    let shares: &[u32] = options.scaled(&[0, 2, 5, 10], &[0, 10]);
    let mut cases = Vec::new();
    for policy in POLICIES {
        for share in shares {
            let mut scenario = fabric(radix, Workload::Permutation { bytes }, policy);
            let count = (core * share).div_ceil(100);
            if count > 0 {
                let kind = FaultKind::Rate(SLOW);
                let fault = FaultSpec::lasting(Target::AnyCables(count), kind, Picos::ZERO);
                scenario.faults.push(fault);
            }
            cases.push(Case::new(format!("{policy}, {share} %"), scenario));
        }
    }
    describe(&mut figure, &cases[0].scenario, hosts);
    figure.condition("flows", format!("a permutation of {} MiB each, 128 paths", bytes >> 20));
    figure.condition("slow cables", "25 Gb/s, between switches, drawn by the seed");
    let samples = measure(&mut figure, &cases, options, watch, |_, run| Times::of(run))?;
    let mut panel = Panel {
        title: "Last completion with slow cables".to_owned(),
        x: Axis::new("slow cables", "%", AxisScale::Linear),
        y: Axis::new("last completion", "µs", AxisScale::Linear),
        series: Vec::new(),
    };
    for (policy, samples) in POLICIES.iter().zip(samples.chunks(shares.len())) {
        let mut series = Series::new(policy.name(), SeriesKind::Measured);
        for (share, samples) in shares.iter().zip(samples) {
            series.push(f64::from(*share), "", &project(samples, Times::last));
        }
        panel.series.push(series);
    }
    let mut ideal = Series::new("ideal, capacity that is left", SeriesKind::Ideal);
    if let Some((_, times)) = samples.iter().flatten().next() {
        for share in shares {
            let left = 1.0 - f64::from(*share) / 100.0 * 0.75;
            ideal.set(f64::from(*share), "", times.ideal / left);
        }
    }
    panel.series.push(ideal);
    figure.panels.push(panel);
    let (recycle, random) = samples.split_at(shares.len());
    if let (Some(recycle), Some(random)) = (recycle.last(), random.last()) {
        let ratio = by_seed(random, recycle, |random, ours| random.last() / ours.last());
        let share = shares.last().copied().unwrap_or_default();
        figure.checks.push(
            Check::new(
                format!("{share} % slow cables: last completion, random ÷ recycling"),
                &ratio,
                Relation::AtLeast,
                1.0,
                "",
            )
            .published("about 1.3 for all-reduce under asymmetry (REPS over the runner-up)"),
        );
    }
    figure.note(
        "The ideal divides by the share of the core's capacity that is left. Flows whose own edge \
         switch has a slow cable cannot reach it.",
    );
    Ok(figure)
}
