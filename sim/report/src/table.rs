//! Tables: rows of typed cells under columns with units.

mod csv;
mod json;
mod text;

#[cfg(test)]
mod tests;

use crate::number;
use crate::statistics::Interval;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it says.
    pub name: String,
    /// In which unit; empty if it has none.
    pub unit: String,
}

impl Column {
    /// The column `name` in `unit`, which may be empty.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into() }
    }

    /// `name (unit)`.
    #[must_use]
    pub fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, self.unit)
        }
    }
}

/// What stands in a place of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A measure.
    Number(f64),
    /// A mean of several measures.
    Interval(Interval),
}

impl Cell {
    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(value) => number::short(*value),
            Self::Interval(interval) if interval.ci95.is_nan() => number::short(interval.mean),
            Self::Interval(Interval { mean, ci95, .. }) => {
                format!("{} ± {}", number::short(*mean), rounded(*ci95))
            }
        }
    }

    /// Whether it is read as a number.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        !matches!(self, Self::Empty | Self::Text(_))
    }
}

/// An uncertainty, with the two digits that it deserves.
fn rounded(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return number::short(value);
    }
    let magnitude = value.log10().floor() as i32 - 1;
    let scale = 10_f64.powi(magnitude.min(0));
    number::short((value / scale).round() * scale)
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}
impl From<u32> for Cell {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}
impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}
impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}
impl From<Interval> for Cell {
    fn from(interval: Interval) -> Self {
        Self::Interval(interval)
    }
}
impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What its files are called: letters, digits, `-` and `_`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// What to know when reading it.
    pub notes: Vec<String>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), ..Self::default() }
    }

    /// Adds a row; cells that are missing are empty, those beyond the last column are left out.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = row.into_iter().collect();
        row.resize(self.columns.len(), Cell::Empty);
        self.rows.push(row);
    }

    /// Whether a column holds words.
    pub(crate) fn is_words(&self, column: usize) -> bool {
        self.rows.iter().any(|row| matches!(row[column], Cell::Text(_)))
    }

    /// Whether a column holds intervals.
    fn has_intervals(&self, column: usize) -> bool {
        self.rows.iter().any(|row| matches!(row[column], Cell::Interval(_)))
    }
}
