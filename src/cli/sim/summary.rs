//! A run's outcome as a report.

use sealane_report::statistics::distribution;
use sealane_report::{Axis, Cell, Column, Mark, Plot, Report, Role, Section, Series, Table};
use sealane_sim::engine::Picos;
use sealane_sim::scenario::Outcome;
use sealane_sim::world::Ended;
use serde_json::json;

use super::metrics::{Alone, Metrics, durations};
use super::output::{facts, file_name};
use super::scenario::{Plan, Source};

/// Links that the report names: the busiest.
const LINKS: usize = 12;

/// What is ideal of flows.
const IDEAL_OF_FLOWS: &str = "Ideals count headers, tags and gaps, the way of the last packet, and no \
                              acknowledgements: no protocol can be faster.";

/// What is ideal of collectives.
const IDEAL_OF_COLLECTIVES: &str = "The ideal of a ring all-reduce is its formula, 2(N−1)/N·S/B + 2(N−1)·α, \
                                    with α to the farthest neighbour: where neighbours differ in \
                                    distance, or bytes are passed on as they arrive, a run can be \
                                    faster. Of anything else it is what no algorithm can beat: the \
                                    ranks' cables are busy with what must at least be sent, in full \
                                    packets, or one packet travels from the first rank to the farthest.";

/// What a run is called, and what it was made from.
pub(super) struct Named {
    pub name: String,
    title: String,
    seed: u64,
    configuration: String,
    command: String,
}

impl Named {
    pub fn new(source: &Source, plan: &Plan, seed: u64) -> Self {
        let name = file_name(&source.stem());
        let command = format!("sealane sim run {name}.toml --seed {seed}");
        let (title, configuration) = (plan.title.clone(), source.text.clone());
        Self { name, title, seed, configuration, command }
    }
}

/// Everything that a run has to say.
pub(super) fn report(named: &Named, alone: Option<&Alone>, outcome: &Outcome) -> Report {
    let alone = alone.map(|alone| alone.times(outcome)).unwrap_or_default();
    let mut report = Report::new(&named.name, &named.title);
    facts(&mut report, &named.seed.to_string(), &named.command);
    report.fact("digest", &outcome.digest);
    report.fact("events", outcome.events.to_string());
    report.fact("virtual time", outcome.time.to_string());
    report.fact("ended", ended(outcome.ended));
    if outcome.unfinished() > 0 {
        let (done, all) = outcome.done;
        let why = ended(outcome.ended);
        report.warnings.push(format!("Partial: {done} of {all} flows or calls ended ({why})."));
    }
    for violation in &outcome.violations {
        report.warnings.push(format!("Violation: {violation}"));
    }
    report.add(figures(outcome));
    report.add(plot(outcome, &alone));
    if !alone.is_empty() {
        report.add(slowdown(outcome, &alone));
    }
    report.add(links(outcome));
    report.add(flows(outcome, &alone));
    report.add(Section::Listing {
        title: "Configuration".to_owned(),
        text: named.configuration.clone(),
    });
    let ideal = if outcome.collectives.is_empty() { IDEAL_OF_FLOWS } else { IDEAL_OF_COLLECTIVES };
    report.notes.push(ideal.to_owned());
    report.data.insert("outcome".to_owned(), json!(outcome));
    report
}

/// What is printed on the terminal: the title and the first table.
pub(super) fn terminal(report: &Report) -> String {
    let mut text = format!("{}\n", report.title);
    for warning in &report.warnings {
        text.push_str(warning);
        text.push('\n');
    }
    for table in report.tables().take(1) {
        text.push_str(&table.text());
    }
    text
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "all done",
        Ended::Quiescent => "nothing more would happen",
        Ended::Deadline => "virtual time was up",
        Ended::Interrupted => "interrupted",
    }
}

/// The numbers of a run, one a line.
fn figures(outcome: &Outcome) -> Table {
    let m = Metrics::of(outcome, None);
    let ratio = m.total.zip(m.ideal).map(|(total, ideal)| total / ideal);
    let (fabric, hosts) = (&outcome.fabric, &outcome.hosts);
    let mut table = Table::new("summary", "Summary");
    table.columns =
        vec![Column::new("what", ""), Column::new("value", ""), Column::new("unit", "")];
    let mut row = |what: &str, value: Cell, unit: &str| {
        if value != Cell::Empty {
            table.push([what.into(), value, unit.into()]);
        }
    };
    row("done", m.done.into(), "flows or calls");
    row("not done", outcome.unfinished().into(), "flows or calls");
    row("first completion", m.first.into(), "µs");
    row("median completion", m.median.into(), "µs");
    row("99th percentile", m.p99.into(), "µs");
    row("last completion", m.last.into(), "µs");
    row("all done after", m.total.into(), "µs");
    row("ideal for all", m.ideal.into(), "µs");
    row("all done ÷ ideal", ratio.into(), "");
    row("goodput of all hosts", m.goodput.into(), "Gb/s");
    for (what, count) in [
        ("sent", hosts.sent),
        ("sent again", hosts.resent),
        ("acknowledgements alone", hosts.acks),
        ("declared lost", hosts.lost),
        ("declared lost in error", hosts.spurious),
        ("dropped: queue full", fabric.overflowed),
        ("dropped: lost by chance", fabric.lost),
        ("dropped: dead link or no route", fabric.blackholed),
        ("trimmed", fabric.trimmed),
        ("marked (ECN)", fabric.marked),
        ("corrupted", fabric.corrupted),
        ("duplicated", fabric.duplicated),
        ("reordered", fabric.reordered),
        ("did not open", hosts.unopened),
    ] {
        row(what, count.into(), "packets");
    }
    row("probe timeouts of paths", hosts.timeouts.into(), "");
    row("peers given up", hosts.peers_lost.into(), "");
    table
}

/// The distribution of completion times, beside that of flows which are alone.
fn plot(outcome: &Outcome, alone: &[f64]) -> Plot {
    let times = durations(outcome);
    let what = if outcome.collectives.is_empty() { "flows" } else { "calls" };
    let mut plot = Plot::new("completion", format!("Completion times of {} {what}", times.len()));
    plot.x = span(&times, "completion time", "µs");
    plot.y = Axis::linear(format!("share of {what}"), "");
    if times.is_empty() {
        return plot;
    }
    let points = distribution(&times);
    plot.series.push(Series::new(what, Role::Measured).with_mark(Mark::Steps).with_points(points));
    if !alone.is_empty() {
        let ideal = Series::new("ideal: each flow alone", Role::Ideal).with_mark(Mark::Steps);
        plot.series.push(ideal.with_points(distribution(alone)));
    } else if let Some(ideal) = outcome.ideal.map(Picos::micros) {
        let line = [(ideal, 0.0), (ideal, 1.0)];
        plot.series.push(Series::new("ideal", Role::Ideal).with_points(line));
    }
    plot
}

/// How many times longer flows took than alone.
fn slowdown(outcome: &Outcome, alone: &[f64]) -> Plot {
    let took = outcome.flows.iter().map(|flow| flow.duration().map(Picos::micros));
    let ratios: Vec<f64> =
        took.zip(alone).filter_map(|(took, alone)| Some(took? / alone)).collect();
    let title = "Slowdown: completion time ÷ that of the flow alone";
    let mut plot = Plot::new("slowdown", title);
    plot.x = span(&ratios, "slowdown", "");
    plot.y = Axis::linear("share of flows", "");
    if !ratios.is_empty() {
        let flows = Series::new("flows", Role::Measured).with_mark(Mark::Steps);
        plot.series.push(flows.with_points(distribution(&ratios)));
        plot.series.push(Series::new("ideal", Role::Ideal).with_points([(1.0, 0.0), (1.0, 1.0)]));
    }
    plot
}

/// An axis for `values`: by factors if a few would hide the others.
fn span(values: &[f64], label: &str, unit: &str) -> Axis {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if low > 0.0 && high / low >= 10.0 { Axis::log(label, unit) } else { Axis::linear(label, unit) }
}

/// The links with the longest queues.
fn links(outcome: &Outcome) -> Table {
    let mut table = Table::new("links", "Links with the longest queues");
    table.columns = vec![
        Column::new("link", ""),
        Column::new("packets", ""),
        Column::new("carried", "B"),
        Column::new("longest wait", "µs"),
        Column::new("marked", "packets"),
        Column::new("no room", "packets"),
    ];
    let mut links: Vec<_> = outcome.links.iter().collect();
    links.sort_by_key(|link| std::cmp::Reverse((link.overflowed, link.longest)));
    for link in links.into_iter().take(LINKS) {
        table.push([
            link.name.as_str().into(),
            link.packets.into(),
            link.bytes.into(),
            link.longest.micros().into(),
            link.marked.into(),
            link.overflowed.into(),
        ]);
    }
    table
}

/// Every flow, or every call.
fn flows(outcome: &Outcome, alone: &[f64]) -> Table {
    let mut table = Table::new("flows", "Flows");
    if outcome.flows.is_empty() {
        table = Table::new("calls", "Calls");
        table.columns = vec![Column::new("call", ""), Column::new("took", "µs")];
        for (call, took) in outcome.collectives.iter().enumerate() {
            table.push([call.into(), took.micros().into()]);
        }
        return table;
    }
    table.columns = vec![
        Column::new("flow", ""),
        Column::new("from", "host"),
        Column::new("to", "host"),
        Column::new("size", "B"),
        Column::new("started", "µs"),
        Column::new("took", "µs"),
        Column::new("alone", "µs"),
        Column::new("acknowledged after", "µs"),
        Column::new("state", ""),
    ];
    for (index, flow) in outcome.flows.iter().enumerate() {
        let state = match (flow.failed, flow.received) {
            (true, _) => "failed",
            (false, Some(_)) => "received",
            (false, None) => "unfinished",
        };
        table.push([
            flow.flow.into(),
            flow.spec.from.into(),
            flow.spec.to.into(),
            flow.spec.bytes.into(),
            flow.started.micros().into(),
            flow.duration().map(Picos::micros).into(),
            alone.get(index).copied().into(),
            flow.acknowledged.map(|at| at.since(flow.started).micros()).into(),
            state.into(),
        ]);
    }
    table
}
