//! Ring all-reduce by the executor of real jobs, against its formula.

use crate::scenario::{Outcome, Policy, ScenarioError, Workload};

use super::common::{describe, fabric};
use super::measure::{Case, by_seed, measure, project};
use super::{Axis, AxisScale, Check, Figure, Options, Panel, Relation, Series, SeriesKind, Watch};

/// Bytes of each rank's chunk: the vector grows with the ranks.
const CHUNK: u64 = 64 << 10;

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let ranks: &[u32] = options.scaled(&[8, 16, 32, 64, 128, 256, 512, 1024], &[8, 16]);
    let case = |ranks: &u32| {
        let radix = if *ranks <= 16 {
            4
        } else if *ranks <= 128 {
            8
        } else {
            16
        };
        let workload = Workload::AllReduce {
            bytes: u64::from(*ranks) * CHUNK,
            ranks: *ranks,
            algorithm: Some("ring".to_owned()),
        };
        let mut scenario = fabric(radix, workload, Policy::Recycle);
        // A rank of a ring has two neighbours: 32 paths to each are plenty.
        scenario.transport.paths = 32;
        Case::new(format!("{ranks} ranks"), scenario)
    };
    let cases: Vec<Case> = ranks.iter().map(case).collect();
    describe(&mut figure, &cases[0].scenario, ranks.last().copied().unwrap_or_default());
    figure.condition("vector", "64 KiB times the ranks, f32, sum; ranks in the order of hosts");
    let samples = measure(&mut figure, &cases, options, watch, |_, run| times(run))?;
    let mut ours = Series::new("Sealane", SeriesKind::Measured);
    let mut ideal = Series::new("2(N−1)/N·S/B + 2(N−1)·α", SeriesKind::Ideal);
    let mut share = Series::new("Sealane", SeriesKind::Measured);
    let mut whole = Series::new("ideal", SeriesKind::Ideal);
    for (ranks, samples) in ranks.iter().zip(&samples) {
        let x = f64::from(*ranks);
        ours.push(x, "", &project(samples, |(time, _)| *time));
        share.push(x, "", &project(samples, |(time, ideal)| ideal / time));
        whole.set(x, "", 1.0);
        if let Some((_, (_, time))) = samples.first() {
            ideal.set(x, "", *time);
        }
        let ratio = by_seed(samples, samples, |(time, ideal), _| time / ideal);
        let claim = format!("{ranks} ranks: time ÷ formula");
        figure.checks.push(Check::new(claim, &ratio, Relation::AtMost, 1.5, ""));
    }
    let axis = || Axis::new("ranks", "", AxisScale::Log);
    figure.panels.push(Panel {
        title: "Ring all-reduce".to_owned(),
        x: axis(),
        y: Axis::new("time", "µs", AxisScale::Log),
        series: vec![ours, ideal],
    });
    figure.panels.push(Panel {
        title: "Share of the formula's speed".to_owned(),
        x: axis(),
        y: Axis::new("formula ÷ time", "", AxisScale::Linear),
        series: vec![share, whole],
    });
    figure.note(
        "α is what the smallest packet takes to the farther of all neighbours, B the cable's speed in \
         message bytes. The executor, its gates and its cut-through are those of real jobs; adding \
         costs no time here.",
    );
    Ok(figure)
}

/// The run and its ideal, µs.
fn times(outcome: &Outcome) -> (f64, f64) {
    let longest = outcome.collectives.iter().max().map_or(0.0, |time| time.micros());
    (longest, outcome.ideal.map_or(0.0, crate::engine::Picos::micros))
}
