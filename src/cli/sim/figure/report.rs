//! An experiment's figure as a report.

use sealane_report::{
    Axis, Cell, Column, Interval, Plot, Point, Report, Role, Series, Table, number,
};
use sealane_sim::experiment::{
    self as experiment, AxisScale, Check, Figure, Panel, Relation, SeriesKind,
};
use serde_json::json;

use super::super::output::facts;
use super::super::seeds::Seeds;

/// Everything that a figure has to say.
pub(super) fn of(figure: &Figure, seeds: &Seeds, small: bool) -> Report {
    let mut report = Report::new(&figure.name, &figure.title);
    let command = format!(
        "sealane sim figure {} --seeds {}{}",
        figure.name,
        seeds.text().replace(' ', ""),
        if small { " --small" } else { "" }
    );
    facts(&mut report, &seeds.text(), &command);
    for (what, value) in &figure.conditions {
        report.fact(what, value);
    }
    report.fact("events", figure.events.to_string());
    if !figure.complete {
        report.warnings.push("Partial: not all runs were made.".to_owned());
    }
    if !figure.full_scale {
        report.warnings.push("At a small scale: to try things, not to quote.".to_owned());
    }
    for unfinished in &figure.unfinished {
        report.warnings.push(format!("Ended before its work was done: {unfinished}"));
    }
    if !figure.checks.is_empty() {
        report.add(claims(&figure.checks));
    }
    for (index, panel) in figure.panels.iter().enumerate() {
        report.add(plot(&format!("{}-{}", figure.name, index + 1), panel));
    }
    report.add(points(figure));
    report.notes.clone_from(&figure.notes);
    report.data.insert("figure".to_owned(), json!(figure));
    report
}

/// What is printed on the terminal: claims, warnings, notes.
pub(super) fn terminal(report: &Report) -> String {
    let mut text = format!("{}\n", report.title);
    for warning in &report.warnings {
        text.push_str(&format!("{warning}\n"));
    }
    if let Some(table) = report.tables().next() {
        text.push_str(&table.text());
    }
    for note in &report.notes {
        text.push_str(&format!("{note}\n"));
    }
    text.push('\n');
    text
}

fn claims(checks: &[Check]) -> Table {
    let mut table = Table::new("claims", "Claims");
    let names = ["claim", "measured", "limit", "unit", "holds", "published"];
    table.columns = names.map(|name| Column::new(name, "")).to_vec();
    for check in checks {
        let relation = match check.relation {
            Relation::AtMost => "≤",
            Relation::AtLeast => "≥",
        };
        table.push([
            check.claim.as_str().into(),
            measured(check.measured, check.ci95).into(),
            format!("{relation} {}", number::short(check.limit)).into(),
            check.unit.as_str().into(),
            if check.holds { "yes" } else { "NO" }.into(),
            check.published.as_deref().unwrap_or_default().into(),
        ]);
    }
    table
}

fn measured(mean: f64, ci95: f64) -> String {
    Cell::Interval(Interval { mean, ci95, samples: 0 }).text()
}

fn plot(name: &str, panel: &Panel) -> Plot {
    let mut plot = Plot::new(name, &panel.title);
    plot.x = axis(&panel.x);
    plot.y = axis(&panel.y);
    if panel.x.scale == AxisScale::Category {
        plot.x.categories = categories(panel);
    }
    for series in panel.series.iter().filter(|series| !series.points.is_empty()) {
        let role = match series.kind {
            SeriesKind::Measured => Role::Measured,
            SeriesKind::Ideal => Role::Ideal,
            SeriesKind::Published => Role::Published,
        };
        let points = series.points.iter().map(point);
        plot.series.push(Series::new(&series.name, role).with_points(points));
    }
    if panel.series.iter().flat_map(|s| &s.points).any(|point| point.samples.len() > 1) {
        plot.notes.push("Whiskers are 95 % intervals over seeds.".to_owned());
    }
    plot
}

fn axis(axis: &experiment::Axis) -> Axis {
    match axis.scale {
        AxisScale::Linear => Axis::linear(&axis.label, &axis.unit),
        AxisScale::Log => Axis::log(&axis.label, &axis.unit),
        AxisScale::Category => Axis::names(&axis.label, []),
    }
}

/// The labels of a panel's points, by their number.
fn categories(panel: &Panel) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for point in panel.series.iter().flat_map(|series| &series.points) {
        let index = point.x.max(0.0) as usize;
        if index >= names.len() {
            names.resize(index + 1, String::new());
        }
        names[index].clone_from(&point.label);
    }
    names
}

fn point(point: &experiment::Point) -> Point {
    let several = point.samples.len() > 1 && point.ci95.is_finite();
    let spread = several.then_some((point.mean - point.ci95, point.mean + point.ci95));
    Point { x: point.x, y: point.mean, spread }
}

/// Every point of every panel.
fn points(figure: &Figure) -> Table {
    let mut table = Table::new("points", "Points");
    table.columns = ["panel", "series", "at", "value", "unit", "seeds"]
        .map(|name| Column::new(name, ""))
        .to_vec();
    for panel in &figure.panels {
        for series in &panel.series {
            for point in &series.points {
                let at = match panel.x.scale {
                    AxisScale::Category => point.label.clone(),
                    _ => format!("{} {}", number::tick(point.x), panel.x.unit).trim().to_owned(),
                };
                let value = match point.samples.len() {
                    0 | 1 => Cell::Number(point.mean),
                    samples => Interval { mean: point.mean, ci95: point.ci95, samples }.into(),
                };
                let seeds = (!point.samples.is_empty()).then_some(point.samples.len());
                table.push([
                    panel.title.as_str().into(),
                    series.name.as_str().into(),
                    at.into(),
                    value,
                    panel.y.unit.as_str().into(),
                    seeds.into(),
                ]);
            }
        }
    }
    table
}
