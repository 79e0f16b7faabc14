//! One flow, and two opposite ones, against arithmetic: whatever differs here differs everywhere.

use crate::engine::Picos;
use crate::scenario::{Outcome, Policy, Scenario, ScenarioError, Workload, ideal};
use crate::workload::FlowSpec;

use super::common::{FLOW_BYTES, bars, describe, fabric};
use super::measure::{Case, measure, project};
use super::{Check, Figure, Options, Relation, Series, SeriesKind, Watch};

/// What htsim gives, µs: `sim/datacenter/connection_matrices`, one flow and bidirectional.
const PUBLISHED: [f64; 2] = [176.2, 176.8];

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let flow = FlowSpec { from: 0, to: 15, bytes: FLOW_BYTES, start: Picos::ZERO };
    let cases = [
        Case::new("one flow", fabric(4, Workload::Flows(vec![flow]), Policy::Recycle)),
        Case::new(
            "two opposite flows",
            fabric(4, Workload::Opposite { bytes: FLOW_BYTES }, Policy::Recycle),
        ),
    ];
    describe(&mut figure, &cases[0].scenario, 16);
    let samples = measure(&mut figure, &cases, options, watch, |_, outcome| longest(outcome))?;
    let ideal = ideal_time(&cases[0].scenario, &flow)?.micros();
    let mut ours = Series::new("Sealane", SeriesKind::Measured);
    let mut ideals = Series::new("ideal", SeriesKind::Ideal);
    let mut published = Series::new("htsim", SeriesKind::Published);
    for (index, (case, samples)) in cases.iter().zip(&samples).enumerate() {
        let x = index as f64;
        ours.push(x, &case.label, &project(samples, |time| *time));
        ideals.set(x, &case.label, ideal);
        published.set(x, &case.label, PUBLISHED[index]);
        let ratios: Vec<f64> = samples.iter().map(|(_, time)| time / ideal).collect();
        let claim = format!("{}: completion at the sender ÷ ideal", case.label);
        let check = Check::new(claim, &ratios, Relation::AtMost, 1.02, "");
        figure.checks.push(check.published(&format!("{} µs (htsim)", PUBLISHED[index])));
    }
    let series = vec![ours, ideals, published];
    figure.panels.push(bars("Completion of a 2 MB flow", "", "completion", "µs", series));
    figure.note(
        "The time is the sender's: from the start until everything is acknowledged. The ideal is \
         all packets at line speed, store and forward at every hop, and an acknowledgement back.",
    );
    figure.note(
        "htsim's packets are 4150 B with 64 B of header and no encryption; ours carry 130 B \
         besides 4096 of message, so our ideal is higher by the tag and the true Ethernet frame.",
    );
    Ok(figure)
}

/// Until all flows are acknowledged, µs.
fn longest(outcome: &Outcome) -> f64 {
    let ends = outcome.flows.iter().filter_map(|flow| flow.acknowledged);
    ends.max().map_or(0.0, Picos::micros)
}

fn ideal_time(scenario: &Scenario, flow: &FlowSpec) -> Result<Picos, ScenarioError> {
    let graph = scenario.graph()?;
    let packets = ideal::Packets::of(&scenario.nic, scenario.wire_overhead);
    let there = ideal::flow(&graph, &packets, flow).unwrap_or_default();
    let back = ideal::acknowledgement(&graph, scenario.wire_overhead, flow.to, flow.from);
    Ok(there + back.unwrap_or_default())
}
