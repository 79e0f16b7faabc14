//! What an experiment comes to: panels to plot, claims to check, conditions to know.

use serde::Serialize;

use super::{Estimate, Experiment, Options, Scale};

/// How an axis is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Evenly.
    #[default]
    Linear,
    /// By powers.
    Log,
    /// By names: the labels of the points, whose `x` counts them.
    Category,
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// What it shows.
    pub label: String,
    /// In which unit; empty for plain numbers.
    pub unit: String,
    /// How it is divided.
    pub scale: AxisScale,
}

impl Axis {
    pub(super) fn new(label: &str, unit: &str, scale: AxisScale) -> Self {
        Self { label: label.to_owned(), unit: unit.to_owned(), scale }
    }
}

/// What a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    /// Our runs.
    Measured,
    /// Arithmetic.
    Ideal,
    /// What others have published, under their own conditions.
    Published,
}

/// A point of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Where it is; of a category, which.
    pub x: f64,
    /// Its name, where the axis has names.
    pub label: String,
    /// What each seed gave, where there were several.
    pub samples: Vec<(u64, f64)>,
    /// Their mean.
    pub mean: f64,
    /// Half the width of its 95 % confidence interval.
    pub ci95: f64,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// What it is.
    pub kind: SeriesKind,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// A plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// How a measured value must stand to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// No more than it.
    AtMost,
    /// No less than it.
    AtLeast,
}

/// A claim, and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What is claimed.
    pub claim: String,
    /// What was measured: the mean over seeds.
    pub measured: f64,
    /// Half the width of its 95 % confidence interval.
    pub ci95: f64,
    /// How it must stand to the limit.
    pub relation: Relation,
    /// The limit.
    pub limit: f64,
    /// The unit of both; empty for ratios.
    pub unit: String,
    /// Whether it does.
    pub holds: bool,
    /// What others have published.
    pub published: Option<String>,
}

impl Check {
    pub(super) fn new(
        claim: impl Into<String>,
        samples: &[f64],
        relation: Relation,
        limit: f64,
        unit: &str,
    ) -> Self {
        let Estimate { mean, ci95 } = Estimate::of(samples);
        let holds = !samples.is_empty()
            && match relation {
                Relation::AtMost => mean <= limit,
                Relation::AtLeast => mean >= limit,
            };
        let (claim, unit) = (claim.into(), unit.to_owned());
        Self { claim, measured: mean, ci95, relation, limit, unit, holds, published: None }
    }

    pub(super) fn published(mut self, text: &str) -> Self {
        self.published = Some(text.to_owned());
        self
    }
}

/// What an experiment comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// The experiment's name.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Under which conditions: what, and how much.
    pub conditions: Vec<(String, String)>,
    /// What to plot.
    pub panels: Vec<Panel>,
    /// What is claimed.
    pub checks: Vec<Check>,
    /// What to know when comparing.
    pub notes: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Whether it is at the published scale.
    pub full_scale: bool,
    /// Whether all runs were made; others were stopped, and what is here is a part.
    pub complete: bool,
    /// Runs that ended before their work was done: case and seed.
    pub unfinished: Vec<String>,
    /// Events handled in all runs.
    pub events: u64,
}

impl Figure {
    pub(super) fn named(mut self, experiment: Experiment, options: &Options) -> Self {
        self.name = experiment.name().to_owned();
        self.title = experiment.title().to_owned();
        self.seeds.clone_from(&options.seeds);
        self.full_scale = options.scale == Scale::Full;
        self
    }

    /// With nothing in it yet.
    pub(super) fn begin() -> Self {
        Self { complete: true, ..Self::default() }
    }

    pub(super) fn condition(&mut self, what: &str, value: impl Into<String>) {
        self.conditions.push((what.to_owned(), value.into()));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Whether all claims hold, of a complete run.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.complete && self.unfinished.is_empty() && self.checks.iter().all(|check| check.holds)
    }
}

impl Series {
    pub(super) fn new(name: &str, kind: SeriesKind) -> Self {
        Self { name: name.to_owned(), kind, points: Vec::new() }
    }

    /// Adds a point with what each seed gave.
    pub(super) fn push(&mut self, x: f64, label: &str, samples: &[(u64, f64)]) {
        let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        if values.is_empty() {
            return;
        }
        let Estimate { mean, ci95 } = Estimate::of(&values);
        let (label, samples) = (label.to_owned(), samples.to_vec());
        self.points.push(Point { x, label, samples, mean, ci95 });
    }

    /// Adds a point that is a number and nothing else.
    pub(super) fn set(&mut self, x: f64, label: &str, mean: f64) {
        let point = Point { x, label: label.to_owned(), samples: Vec::new(), mean, ci95: 0.0 };
        self.points.push(point);
    }
}
