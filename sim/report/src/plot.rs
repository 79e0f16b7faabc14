//! Plots: what is drawn, apart from how.

mod axis;
mod canvas;
mod data;
mod draw;
mod json;
mod legend;
mod text;
mod ticks;

#[cfg(test)]
mod tests;

use crate::statistics::Interval;

pub(crate) use text::escape;

/// How an axis maps values to places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By factors; values that are not above 0 are left out.
    Log,
    /// One place per name of [`Axis::categories`]; the value is an index into them.
    Category,
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// In which unit; empty if it has none.
    pub unit: String,
    /// How.
    pub scale: Scale,
    /// Names of places, for [`Scale::Category`].
    pub categories: Vec<String>,
}

impl Axis {
    fn new(label: impl Into<String>, unit: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), unit: unit.into(), scale, categories: Vec::new() }
    }

    /// An even axis. One up the side of a plot begins at 0.
    #[must_use]
    pub fn linear(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self::new(label, unit, Scale::Linear)
    }

    /// A logarithmic axis.
    #[must_use]
    pub fn log(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self::new(label, unit, Scale::Log)
    }

    /// An axis of names.
    #[must_use]
    pub fn names(label: impl Into<String>, names: impl IntoIterator<Item = String>) -> Self {
        let categories = names.into_iter().collect();
        Self { categories, ..Self::new(label, "", Scale::Category) }
    }

    fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.label.clone()
        } else {
            format!("{} ({})", self.label, self.unit)
        }
    }
}

/// What a series is, which decides how it looks in every plot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Measured here.
    #[default]
    Measured,
    /// What cannot be beaten: a dashed line.
    Ideal,
    /// What others published: hollow marks.
    Published,
    /// A line that a result must not cross: dotted.
    Limit,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// A line through its points.
    #[default]
    Line,
    /// Steps, as a distribution has.
    Steps,
    /// Points alone.
    Dots,
}

/// A place of a plot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Along.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// The ends of its interval, if it has one.
    pub spread: Option<(f64, f64)>,
}

impl From<(f64, f64)> for Point {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y, spread: None }
    }
}

impl From<(f64, Interval)> for Point {
    fn from((x, interval): (f64, Interval)) -> Self {
        let spread = interval.ci95.is_finite().then(|| (interval.low(), interval.high()));
        Self { x, y: interval.mean, spread }
    }
}

/// Points that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What they are.
    pub name: String,
    /// Whose.
    pub role: Role,
    /// How they are drawn.
    pub mark: Mark,
    /// The points, in order of `x`.
    pub points: Vec<Point>,
    /// They hold for all `x`: a single point is drawn from side to side.
    pub level: bool,
}

impl Series {
    /// A series without points.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, ..Self::default() }
    }

    /// The same value from side to side.
    #[must_use]
    pub fn level(name: impl Into<String>, role: Role, y: f64) -> Self {
        Self { level: true, ..Self::new(name, role).with_points([(0.0, y)]) }
    }

    /// With these points.
    #[must_use]
    pub fn with_points<P: Into<Point>>(mut self, points: impl IntoIterator<Item = P>) -> Self {
        self.points = points.into_iter().map(Into::into).collect();
        self
    }

    /// Drawn so.
    #[must_use]
    pub const fn with_mark(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// What its file is called: letters, digits, `-` and `_`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Along.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
    /// What to know when reading it.
    pub notes: Vec<String>,
}

impl Plot {
    /// An empty plot.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), ..Self::default() }
    }

    /// The plot as a file of its own, which follows its viewer's colour scheme.
    #[must_use]
    pub fn svg(&self) -> String {
        draw::svg(self, Some(STYLE))
    }

    /// The plot as part of a page that has [`STYLE`].
    pub(crate) fn inline(&self) -> String {
        draw::svg(self, None)
    }
}

/// Colours and fonts of plots.
pub(crate) const STYLE: &str = include_str!("plot/style.css");
