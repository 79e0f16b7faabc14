//! How many paths are enough, and how rare acknowledgements may be.

use crate::scenario::{Policy, Scenario, ScenarioError, Workload};

use super::common::{Times, describe, fabric};
use super::measure::{Case, Samples, by_seed, measure, project};
use super::{Axis, AxisScale, Check, Figure, Options, Panel, Relation, Series, SeriesKind, Watch};

const POLICIES: [Policy; 2] = [Policy::Recycle, Policy::Random];

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let (radix, bytes) = options.scaled((8, 8 << 20), (4, 1 << 20));
    let paths: &[usize] = options.scaled(&[8, 16, 32, 64, 128, 256], &[8, 64]);
    let ratios: &[u32] = options.scaled(&[1, 2, 4, 8, 16], &[1, 8]);
    let scenario = |policy, paths, ack_every| -> Scenario {
        let mut scenario = fabric(radix, Workload::Permutation { bytes }, policy);
        scenario.transport.paths = paths;
        scenario.transport.ack_every = ack_every;
        scenario
    };
    let mut cases = Vec::new();
    for policy in POLICIES {
        for count in paths {
            cases.push(Case::new(format!("{policy}, {count} paths"), scenario(policy, *count, 8)));
        }
    }
    for policy in POLICIES {
        for ratio in ratios {
            cases.push(Case::new(format!("{policy}, {ratio}:1"), scenario(policy, 128, *ratio)));
        }
    }
    describe(&mut figure, &cases[0].scenario, radix * radix * radix / 4);
    figure.condition("flows", format!("a permutation of {} MiB each", bytes >> 20));
    let samples = measure(&mut figure, &cases, options, watch, |_, run| Times::of(run))?;
    let (by_paths, by_ratio) = samples.split_at(POLICIES.len() * paths.len());
    let x: Vec<f64> = paths.iter().map(|count| *count as f64).collect();
    figure.panels.push(panel("Paths of a session", "paths", &x, by_paths));
    let x: Vec<f64> = ratios.iter().map(|ratio| f64::from(*ratio)).collect();
    let title = "Packets per acknowledgement, 128 paths";
    figure.panels.push(panel(title, "packets per acknowledgement", &x, by_ratio));
    if let (Some(few), Some(many)) =
        (by_paths.get(32_usize.ilog2() as usize - 3), by_paths.get(paths.len() - 1))
    {
        let slower = by_seed(few, many, |few, many| few.last() / many.last());
        let claim =
            if paths.len() > 2 { "32 paths ÷ 256, last completion" } else { "few paths ÷ many" };
        let check = Check::new(claim, &slower, Relation::AtMost, 1.25, "");
        figure.checks.push(check.published("+8 % with 32 values (REPS); oblivious +64 %"));
    }
    if let (Some(one), Some(eight)) = (by_ratio.first(), by_ratio.get(ratios.len().min(4) - 1)) {
        let slower = by_seed(eight, one, |eight, one| eight.last() / one.last());
        let check = Check::new("8:1 ÷ 1:1, last completion", &slower, Relation::AtMost, 1.1, "");
        figure.checks.push(check.published("1.05 (htsim REPS: 208.2 ÷ 198.2 µs)"));
    }
    figure.note(
        "A path is a five-tuple, hashed by every switch; with few, some cables carry more of them \
         than others whatever the policy. Acknowledgements are never later than 3 µs, and at once \
         for marked packets.",
    );
    Ok(figure)
}

fn panel(title: &str, x: &str, values: &[f64], samples: &[Samples<Times>]) -> Panel {
    let mut panel = Panel {
        title: title.to_owned(),
        x: Axis::new(x, "", AxisScale::Log),
        y: Axis::new("last completion ÷ ideal", "", AxisScale::Linear),
        series: Vec::new(),
    };
    for (policy, samples) in POLICIES.iter().zip(samples.chunks(values.len())) {
        let mut series = Series::new(policy.name(), SeriesKind::Measured);
        for (x, samples) in values.iter().zip(samples) {
            series.push(*x, "", &project(samples, |times| times.last() / times.ideal));
        }
        panel.series.push(series);
    }
    let mut ideal = Series::new("ideal", SeriesKind::Ideal);
    for x in values {
        ideal.set(*x, "", 1.0);
    }
    panel.series.push(ideal);
    panel
}
