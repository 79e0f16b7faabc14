//! From values to places.

use super::data::drawable;
use super::text::width;
use super::{Axis, Scale, ticks};
use crate::number;

/// An axis that knows where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Values, and what is written at them.
    pub ticks: Vec<(f64, String)>,
}

/// Size of tick labels, in pixels.
pub(super) const LABEL: f64 = 12.0;

/// The least room between two labels along.
const GAP: f64 = 14.0;

impl Placed {
    /// The axis up the side, of which the range holds `reach`.
    pub fn up(axis: &Axis, reach: (f64, f64), (from, to): (f64, f64)) -> Self {
        let (mut low, mut high) = reach;
        let values = if axis.scale == Scale::Log {
            (low, high) = (low / 1.2, high * 1.2);
            ticks::log(low, high, 8)
        } else {
            low = low.min(0.0);
            high = if high > low { high } else { low + 1.0 };
            let values = ticks::linear(low, high, 6);
            low = values.first().copied().unwrap_or(low);
            high = values.last().copied().unwrap_or(high);
            values
        };
        let ticks = values.into_iter().map(|value| (value, number::tick(value))).collect();
        Self { scale: axis.scale, low, high, from, to, ticks }
    }

    /// The axis along, with as many ticks as have room; at the data if that is at `few` places.
    pub fn along(
        axis: &Axis,
        reach: (f64, f64),
        few: Option<Vec<f64>>,
        (from, to): (f64, f64),
    ) -> Self {
        let (mut low, mut high) = reach;
        match axis.scale {
            Scale::Log => (low, high) = (low / 1.1, high * 1.1),
            Scale::Linear if high > low => {
                let margin = (high - low) * 0.03;
                (low, high) = (low - margin, high + margin);
            }
            Scale::Linear => (low, high) = (low - 1.0, high + 1.0),
            Scale::Category => (low, high) = (0.0, axis.categories.len().max(1) as f64 - 1.0),
        }
        let mut placed = Self { scale: axis.scale, low, high, from, to, ticks: Vec::new() };
        placed.ticks = match axis.scale {
            Scale::Category => {
                let names = axis.categories.iter().cloned();
                (0_u32..).map(f64::from).zip(names).collect()
            }
            Scale::Log if few.is_some() => placed.spaced(few.unwrap_or_default()),
            _ => placed.fitting(),
        };
        placed
    }

    /// Round ticks, as many as fit beside each other.
    fn fitting(&self) -> Vec<(f64, String)> {
        for most in (2..=9).rev() {
            let values = match self.scale {
                Scale::Log => ticks::log(self.low, self.high, most),
                _ => ticks::linear(self.low, self.high, most),
            };
            let ticks: Vec<(f64, String)> = values
                .into_iter()
                .filter(|value| (self.low..=self.high).contains(value))
                .map(|value| (value, number::tick(value)))
                .collect();
            let pairs = ticks.windows(2).all(|pair| self.apart(&pair[0], &pair[1]));
            if pairs {
                return ticks;
            }
        }
        Vec::new()
    }

    /// Those of `values` whose labels have room after the one before.
    fn spaced(&self, values: Vec<f64>) -> Vec<(f64, String)> {
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for value in values {
            let tick = (value, number::tick(value));
            if ticks.last().is_none_or(|last| self.apart(last, &tick)) {
                ticks.push(tick);
            }
        }
        ticks
    }

    fn apart(&self, left: &(f64, String), right: &(f64, String)) -> bool {
        let (Some(a), Some(b)) = (self.at(left.0), self.at(right.0)) else { return true };
        b - a >= (width(&left.1, LABEL) + width(&right.1, LABEL)) / 2.0 + GAP
    }

    /// The place of a value, if it has one.
    pub fn at(&self, value: f64) -> Option<f64> {
        if !drawable(value, self.scale) {
            return None;
        }
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Category => (value + 0.5) / (self.high + 1.0),
        };
        share.is_finite().then_some(self.from + share * (self.to - self.from))
    }

    /// The width of a category.
    pub fn band(&self) -> f64 {
        (self.to - self.from).abs() / (self.high + 1.0)
    }

    pub const fn is_category(&self) -> bool {
        matches!(self.scale, Scale::Category)
    }
}
