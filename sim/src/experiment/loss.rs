//! Random loss: sending again what was lost, against starting again from there.

use crate::engine::Picos;
use crate::fabric::Stage;
use crate::scenario::{FaultKind, FaultSpec, Outcome, Policy, ScenarioError, Target, Workload};

use super::common::{describe, fabric};
use super::measure::{Case, by_seed, measure, project};
use super::{Axis, AxisScale, Check, Figure, Options, Panel, Relation, Series, SeriesKind, Watch};

const POLICIES: [Policy; 3] = [Policy::Recycle, Policy::Single, Policy::GoBackN];

/// Loss rates, per cent.
const FULL: [f64; 7] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
const SMALL: [f64; 2] = [0.1, 1.0];

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let (bytes, rates) = options.scaled((16 << 20, &FULL[..]), (2 << 20, &SMALL[..]));
    let mut cases = Vec::new();
    for policy in POLICIES {
        for rate in rates {
            let mut scenario = fabric(4, Workload::Opposite { bytes }, policy);
            let kind = FaultKind::Impair(vec![Stage::Loss(rate / 100.0)]);
            scenario.faults.push(FaultSpec::lasting(Target::CoreCables, kind, Picos::ZERO));
            cases.push(Case::new(format!("{policy}, {rate} %"), scenario));
        }
    }
    describe(&mut figure, &cases[0].scenario, 16);
    figure.condition("flows", format!("two opposite ones of {} MiB between pods", bytes >> 20));
    figure.condition("loss", "on each of the four cables between switches, acknowledgements too");
    let samples = measure(&mut figure, &cases, options, watch, |_, run| goodput(run, bytes))?;
    let mut panel = Panel {
        title: "Goodput under random loss".to_owned(),
        x: Axis::new("loss on each cable", "%", AxisScale::Log),
        y: Axis::new("goodput", "Gb/s", AxisScale::Linear),
        series: Vec::new(),
    };
    for (policy, samples) in POLICIES.iter().zip(samples.chunks(rates.len())) {
        let mut series = Series::new(policy.name(), SeriesKind::Measured);
        for (rate, samples) in rates.iter().zip(samples) {
            series.push(*rate, "", &project(samples, |goodput| *goodput));
        }
        panel.series.push(series);
    }
    let mut ideal = Series::new("ideal: what is lost is sent again", SeriesKind::Ideal);
    for rate in rates {
        // Four lossy cables on the way.
        ideal.set(*rate, "", 100.0 * 4096.0 / 4226.0 * (1.0 - rate / 100.0).powi(4));
    }
    panel.series.push(ideal);
    figure.panels.push(panel);
    let (ours, theirs) = (&samples[..rates.len()], &samples[2 * rates.len()..]);
    for ((rate, ours), theirs) in rates.iter().zip(ours).zip(theirs) {
        let ratio = by_seed(ours, theirs, |ours, theirs| ours / theirs);
        let check = Check::new(
            format!("{rate} % loss: goodput, selective with spraying ÷ go-back-N"),
            &ratio,
            Relation::AtLeast,
            if *rate >= 0.5 { 2.0 } else { 1.0 },
            "",
        );
        figure.checks.push(check.published("2 to 4 at 0.5 to 10 % (MP-RDMA against one path)"));
    }
    figure.note(
        "Go-back-N is the same core told to keep nothing that arrives behind a hole; it asks at once, \
         as RoCE does by its NAK, and has the same congestion control. `single` shows how much of \
         the difference is selective repeat, and how much the paths.",
    );
    Ok(figure)
}

/// The mean over flows, Gb/s; of those that did not end, what a whole run gave them at most.
fn goodput(outcome: &Outcome, bytes: u64) -> f64 {
    let one = |duration: Picos| bytes as f64 * 8.0 / duration.micros() / 1000.0;
    let goodputs = outcome.flows.iter().map(|flow| one(flow.duration().unwrap_or(outcome.time)));
    goodputs.sum::<f64>() / outcome.flows.len().max(1) as f64
}
