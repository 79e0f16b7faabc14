//! Every host sends to one other: what spraying is for.

use crate::scenario::{Policy, ScenarioError, Workload};

use super::common::{FLOW_BYTES, Times, bars, describe, distribution, fabric};
use super::measure::{Case, Samples, by_seed, measure, project};
use super::{Axis, AxisScale, Check, Figure, Options, Panel, Relation, Series, SeriesKind, Watch};

const POLICIES: [Policy; 3] = [Policy::Recycle, Policy::Random, Policy::Single];

/// htsim's last completion, µs, with NSCC: REPS with coalesced acknowledgements, oblivious spraying,
/// one path. Its switches trim.
const PUBLISHED: [f64; 3] = [208.2, 212.8, 890.0];

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let radix = options.scaled(16, 4);
    let case = |policy: Policy| {
        Case::new(policy.name(), fabric(radix, Workload::Permutation { bytes: FLOW_BYTES }, policy))
    };
    let cases = POLICIES.map(case);
    describe(&mut figure, &cases[0].scenario, radix * radix * radix / 4);
    figure.condition("paths", "128 a session; one for `single`");
    let samples = measure(&mut figure, &cases, options, watch, |_, run| Times::of(run))?;
    figure.panels.push(tails(&cases, &samples));
    figure.panels.push(distributions(&cases, &samples));
    let [recycle, _, single] = &samples[..] else { return Ok(figure) };
    let shorter = by_seed(single, recycle, |single, ours| single.last() / ours.last());
    figure.checks.push(
        Check::new(
            "last completion, one path ÷ spraying",
            &shorter,
            Relation::AtLeast,
            options.scaled(4.0, 1.5),
            "",
        )
        .published("4.4 to 5.2 (htsim)"),
    );
    let ratio = by_seed(recycle, recycle, |ours, _| ours.last() / ours.ideal);
    figure.checks.push(
        Check::new("last completion ÷ ideal", &ratio, Relation::AtMost, 1.25, "")
            .published("1.18 to 1.23 (htsim: 200.5 to 208.2 µs of 170)"),
    );
    figure.note("htsim's switches trim what does not fit; ours drop it, as commodity switches do.");
    Ok(figure)
}

fn tails(cases: &[Case], samples: &[Samples<Times>]) -> Panel {
    let mut last = Series::new("last completion", SeriesKind::Measured);
    let mut median = Series::new("median", SeriesKind::Measured);
    let mut ideal = Series::new("ideal", SeriesKind::Ideal);
    let mut published = Series::new("htsim, last completion", SeriesKind::Published);
    for (index, (case, samples)) in cases.iter().zip(samples).enumerate() {
        let x = index as f64;
        last.push(x, &case.label, &project(samples, Times::last));
        median.push(x, &case.label, &project(samples, |times| times.at(0.5)));
        if let Some((_, times)) = samples.first() {
            ideal.set(x, &case.label, times.ideal);
        }
        published.set(x, &case.label, PUBLISHED[index]);
    }
    let series = vec![last, median, ideal, published];
    bars("Completion of 2 MB flows", "policy", "completion", "µs", series)
}

fn distributions(cases: &[Case], samples: &[Samples<Times>]) -> Panel {
    let all = |samples: &Samples<Times>| {
        let mut all: Vec<f64> =
            samples.iter().flat_map(|(_, times)| times.sorted.iter().copied()).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let mut series: Vec<Series> = cases
        .iter()
        .zip(samples)
        .map(|(case, samples)| distribution(&case.label, &all(samples)))
        .collect();
    if let Some((_, times)) = samples.iter().flatten().next() {
        let mut ideal = Series::new("ideal", SeriesKind::Ideal);
        ideal.set(times.ideal, "", 0.0);
        ideal.set(times.ideal, "", 100.0);
        series.push(ideal);
    }
    Panel {
        title: "How many flows are done by when, all seeds".to_owned(),
        x: Axis::new("completion", "µs", AxisScale::Log),
        y: Axis::new("flows", "%", AxisScale::Linear),
        series,
    }
}
