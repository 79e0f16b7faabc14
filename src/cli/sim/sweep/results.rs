//! What a sweep came to: a table of points, a table of runs, and a plot for each metric.

use sealane_report::{
    Axis as PlotAxis, Cell, Column, Interval, Plot, Point, Report, Role, Section, Series, Table,
};

use super::super::metrics::Metrics;
use super::super::output::{facts, file_name};
use super::super::scenario::{Axis, Source};
use super::super::seeds::Seeds;
use super::{Ran, Spot};

/// A number of a run.
type Value = fn(&Metrics) -> Option<f64>;

/// What is compared.
struct Metric {
    /// Its column.
    name: &'static str,
    unit: &'static str,
    value: Value,
    /// Its plot, if it has one: the title, and what is ideal.
    plot: Option<(&'static str, Value)>,
}

const METRICS: [Metric; 6] = [
    Metric {
        name: "all done",
        unit: "µs",
        value: |m| m.total,
        plot: Some(("Time until all is done", |m| m.ideal)),
    },
    Metric {
        name: "median",
        unit: "µs",
        value: |m| m.median,
        plot: Some(("Median completion time", |m| m.alone)),
    },
    Metric { name: "p99", unit: "µs", value: |m| m.p99, plot: None },
    Metric {
        name: "goodput",
        unit: "Gb/s",
        value: |m| m.goodput,
        plot: Some(("Goodput of all hosts together", Metrics::ideal_goodput)),
    },
    Metric {
        name: "sent again",
        unit: "%",
        value: |m| (m.sent > 0).then(|| m.resent as f64 / m.sent as f64 * 100.0),
        plot: None,
    },
    Metric { name: "dropped", unit: "packets", value: |m| Some(m.dropped as f64), plot: None },
];

/// Values that differ by such a factor are drawn by factors.
const FACTOR: f64 = 20.0;

/// What a sweep is called, and what it was made from.
pub(super) struct Named {
    pub name: String,
    title: String,
    seeds: String,
    configuration: String,
}

impl Named {
    pub fn new(source: &Source, title: &str, seeds: &Seeds) -> Self {
        Self {
            name: format!("{}-sweep", file_name(&source.stem())),
            title: title.to_owned(),
            seeds: seeds.text(),
            configuration: source.text.clone(),
        }
    }
}

/// See the module's text. Runs are in the order of points, and of seeds within them.
pub(super) struct Results<'a> {
    axes: &'a [Axis],
    points: &'a [Spot],
    seeds: &'a [u64],
    ran: &'a [Option<Ran>],
}

impl<'a> Results<'a> {
    pub fn new(
        axes: &'a [Axis],
        points: &'a [Spot],
        seeds: &'a [u64],
        ran: &'a [Option<Ran>],
    ) -> Self {
        Self { axes, points, seeds, ran }
    }

    /// Runs that came to something.
    pub fn made(&self) -> usize {
        self.ran.iter().flatten().count()
    }

    pub fn all(&self) -> usize {
        self.ran.len()
    }

    /// Runs that ended before their work was done.
    pub fn unfinished(&self) -> usize {
        self.ran.iter().flatten().filter(|ran| ran.metrics.done < ran.metrics.all).count()
    }

    pub fn violations(&self) -> impl Iterator<Item = &String> {
        self.ran.iter().flatten().flat_map(|ran| &ran.violations)
    }

    pub fn report(&self, named: &Named) -> Report {
        let mut report = Report::new(&named.name, &named.title);
        let command = format!(
            "sealane sim sweep {}.toml --seeds {}",
            named.name.trim_end_matches("-sweep"),
            named.seeds.replace(' ', "")
        );
        facts(&mut report, &named.seeds, &command);
        report.fact("runs", self.made().to_string());
        if self.made() < self.all() {
            let (made, all) = (self.made(), self.all());
            report.warnings.push(format!("Partial: {made} of {all} runs were made."));
        }
        if self.unfinished() > 0 {
            let count = self.unfinished();
            report.warnings.push(format!("{count} runs ended before all of their flows."));
        }
        report.add(self.table());
        for metric in &METRICS {
            let Some((title, ideal)) = metric.plot else { continue };
            let plot = self.plot(metric, title, ideal);
            if !plot.series.is_empty() {
                report.add(plot);
            }
        }
        report.add(self.runs());
        let text = named.configuration.clone();
        report.add(Section::Listing { title: "Configuration".to_owned(), text });
        report.notes.push("Values are means over seeds ± 95 % intervals (Student).".to_owned());
        report
    }

    /// The runs of a point.
    fn runs_of(&self, point: usize) -> impl Iterator<Item = &Ran> {
        let first = point * self.seeds.len();
        self.ran[first..first + self.seeds.len()].iter().flatten()
    }

    fn interval(&self, point: usize, of: Value) -> Option<Interval> {
        let samples: Vec<f64> = self.runs_of(point).filter_map(|ran| of(&ran.metrics)).collect();
        Interval::of(&samples)
    }

    /// The cells that say where a point is.
    fn place(&self, point: usize) -> impl Iterator<Item = Cell> {
        let at = &self.points[point].0;
        self.axes.iter().zip(at).map(|(axis, index)| {
            let value = &axis.values[*index];
            value.number.map_or_else(|| value.text.as_str().into(), Cell::Number)
        })
    }

    fn place_columns(&self) -> impl Iterator<Item = Column> {
        self.axes.iter().map(|axis| Column::new(&axis.key, axis.unit))
    }

    fn table(&self) -> Table {
        let mut table = Table::new("points", "Points of the ranges");
        table.columns = self.place_columns().collect();
        table.columns.push(Column::new("runs", ""));
        table.columns.extend(METRICS.iter().map(|metric| Column::new(metric.name, metric.unit)));
        table.columns.push(Column::new("ideal", "µs"));
        for point in 0..self.points.len() {
            let mut row: Vec<Cell> = self.place(point).collect();
            row.push(self.runs_of(point).count().into());
            row.extend(METRICS.iter().map(|metric| self.interval(point, metric.value).into()));
            row.push(self.interval(point, |m| m.ideal).map(|ideal| ideal.mean).into());
            table.push(row);
        }
        table
    }

    /// Every run by itself.
    fn runs(&self) -> Table {
        let mut table = Table::new("runs", "Runs");
        table.columns = self.place_columns().collect();
        table.columns.extend(["seed", "done", "of"].map(|name| Column::new(name, "")));
        table.columns.extend(METRICS.iter().map(|metric| Column::new(metric.name, metric.unit)));
        table
            .columns
            .extend(["marked", "timeouts", "events", "digest"].map(|n| Column::new(n, "")));
        for point in 0..self.points.len() {
            for Ran { metrics: m, .. } in self.runs_of(point) {
                let mut row: Vec<Cell> = self.place(point).collect();
                row.extend([m.seed.into(), m.done.into(), m.all.into()]);
                row.extend(METRICS.iter().map(|metric| (metric.value)(m).into()));
                row.extend([m.marked.into(), m.timeouts.into(), m.events.into()]);
                row.push(m.digest.as_str().into());
                table.push(row);
            }
        }
        table
    }

    /// The axis along: the one with the most numbers, or the first that there is.
    fn along(&self) -> Option<usize> {
        let numbers = |axis: &Axis| axis.values.iter().all(|value| value.number.is_some());
        let score = |axis: &Axis| if numbers(axis) { axis.values.len() } else { 0 };
        // Of equals, the first.
        (0..self.axes.len()).rev().max_by_key(|index| score(&self.axes[*index]))
    }

    fn plot(&self, metric: &Metric, title: &str, ideal: Value) -> Plot {
        let along = self.along();
        let mut plot = Plot::new(file_name(metric.name), title);
        plot.x = match along {
            Some(index) => x_axis(&self.axes[index]),
            None => PlotAxis::names("", ["all seeds".to_owned()]),
        };
        let lines = self.lines(along);
        for (name, points) in &lines {
            let series = self.series(name, Role::Measured, points, along, metric.value);
            if !series.points.is_empty() {
                plot.series.push(series);
            }
        }
        if !plot.series.is_empty() {
            plot.series.extend(self.ideals(&lines, along, ideal));
        }
        let values = || plot.series.iter().flat_map(|s| &s.points).map(|point| point.y);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        plot.y = if low > 0.0 && high / low >= FACTOR {
            PlotAxis::log(metric.name, metric.unit)
        } else {
            PlotAxis::linear(metric.name, metric.unit)
        };
        plot
    }

    /// Points that are joined by a line: those that differ on the axis along only.
    fn lines(&self, along: Option<usize>) -> Vec<(String, Vec<usize>)> {
        let mut lines: Vec<(String, Vec<usize>)> = Vec::new();
        for point in 0..self.points.len() {
            let name = self.line_name(point, along);
            match lines.iter_mut().find(|(other, _)| *other == name) {
                Some((_, points)) => points.push(point),
                None => lines.push((name, vec![point])),
            }
        }
        lines
    }

    fn series(
        &self,
        name: &str,
        role: Role,
        points: &[usize],
        along: Option<usize>,
        value: Value,
    ) -> Series {
        let place = |point: &usize| Some((self.x(*point, along), self.interval(*point, value)?));
        let mut series = Series::new(name, role).with_points(points.iter().filter_map(place));
        if role == Role::Ideal {
            series.points.iter_mut().for_each(|point| point.spread = None);
        }
        series
    }

    /// The ideal of each line, where it is not the one before it.
    fn ideals(
        &self,
        lines: &[(String, Vec<usize>)],
        along: Option<usize>,
        ideal: Value,
    ) -> Vec<Series> {
        let mut known: Vec<Series> = Vec::new();
        for (name, points) in lines {
            let name = format!("ideal: {name}");
            let series = self.series(&name, Role::Ideal, points, along, ideal);
            let new = known.iter().all(|other| !alike(&other.points, &series.points));
            if new && !series.points.is_empty() {
                known.push(series);
            }
        }
        if let [only] = known.as_mut_slice() {
            "ideal".clone_into(&mut only.name);
        }
        known
    }

    fn x(&self, point: usize, along: Option<usize>) -> f64 {
        let Some(index) = along else { return 0.0 };
        let at = self.points[point].0[index];
        let axis = &self.axes[index];
        if is_numeric(axis) { axis.values[at].number.unwrap_or(at as f64) } else { at as f64 }
    }

    /// What tells a line from the others: its values on all axes but the one along.
    fn line_name(&self, point: usize, along: Option<usize>) -> String {
        let at = &self.points[point].0;
        let others = (0..self.axes.len()).filter(|index| Some(*index) != along);
        let text = |index: usize| {
            let axis = &self.axes[index];
            let key = axis.key.rsplit('.').next().unwrap_or_default();
            format!("{key} {}", axis.values[at[index]].text)
        };
        let names: Vec<String> = others.map(text).collect();
        if names.is_empty() { "measured".to_owned() } else { names.join(", ") }
    }
}

/// Whether lines are the same but for rounding.
fn alike(some: &[Point], others: &[Point]) -> bool {
    let same = |(a, b): (&Point, &Point)| a.x == b.x && (a.y - b.y).abs() <= a.y.abs() * 1e-9;
    some.len() == others.len() && some.iter().zip(others).all(same)
}

fn is_numeric(axis: &Axis) -> bool {
    axis.values.iter().all(|value| value.number.is_some())
}

/// Numbers that span a factor of 8 stand by factors; others evenly; names side by side.
fn x_axis(axis: &Axis) -> PlotAxis {
    let numbers: Vec<f64> = axis.values.iter().filter_map(|value| value.number).collect();
    if !is_numeric(axis) {
        let names = axis.values.iter().map(|value| value.text.clone());
        return PlotAxis::names(&axis.key, names);
    }
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(0.0, f64::max);
    if low > 0.0 && high / low >= 8.0 {
        PlotAxis::log(&axis.key, axis.unit)
    } else {
        PlotAxis::linear(&axis.key, axis.unit)
    }
}
