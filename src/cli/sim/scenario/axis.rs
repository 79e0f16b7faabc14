//! Keys with several values: lists, and ranges such as `"1us..100us"` or `"8..256/6"`.

use std::cell::RefCell;

/// Values of a range that does not say how many.
const STEPS: usize = 5;

/// Values of one axis at most.
const VALUES_MAX: usize = 1000;

/// From where on a range is divided by factors, not by differences.
const GEOMETRIC: f64 = 8.0;

/// A value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisValue {
    /// As it would stand in the file.
    pub text: String,
    /// As a number in the axis's unit; `None` for a name.
    pub number: Option<f64>,
}

/// A key with several values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its path: `transport.paths`.
    pub key: String,
    /// The unit of its numbers.
    pub unit: &'static str,
    /// Its values.
    pub values: Vec<AxisValue>,
}

/// What a key measures, so that its values can be computed and drawn.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    /// The unit on a plot.
    pub unit: &'static str,
    /// From text to a number in that unit.
    pub read: fn(&str) -> Result<f64, String>,
    /// From a number in that unit to text that reads the same.
    pub write: fn(f64) -> String,
}

/// Picks the value of each axis, and notes which axes there are.
#[derive(Debug)]
pub(super) struct Chooser<'a> {
    point: &'a [usize],
    axes: RefCell<Vec<Axis>>,
}

impl<'a> Chooser<'a> {
    pub fn new(point: &'a [usize]) -> Self {
        Self { point, axes: RefCell::new(Vec::new()) }
    }

    pub fn axes(&self) -> Vec<Axis> {
        self.axes.borrow().clone()
    }

    /// The value of the axis `key` at this point.
    pub fn choose(
        &self,
        key: String,
        texts: &[String],
        measure: Option<Measure>,
    ) -> Result<String, String> {
        if texts.is_empty() || texts.len() > VALUES_MAX {
            return Err(format!("an axis has 1 to {VALUES_MAX} values, not {}", texts.len()));
        }
        let number = |text: &String| match measure {
            Some(measure) => (measure.read)(text).map(Some),
            None => Ok(None),
        };
        let value = |text: &String| Ok(AxisValue { text: text.clone(), number: number(text)? });
        let values = texts.iter().map(value).collect::<Result<Vec<_>, String>>()?;
        let mut axes = self.axes.borrow_mut();
        let index = self.point.get(axes.len()).copied().unwrap_or(0);
        let chosen = values.get(index).map(|value| value.text.clone());
        let unit = measure.map_or("", |measure| measure.unit);
        axes.push(Axis { key, unit, values });
        chosen.ok_or_else(|| "a point beyond its axis".to_owned())
    }
}

/// The values of `text` if it is a range: evenly spaced, or by factors if it spans a factor of 8.
pub(super) fn range(text: &str, measure: Measure) -> Option<Result<Vec<String>, String>> {
    let (low, rest) = text.split_once("..")?;
    let (high, steps) = match rest.split_once('/') {
        Some((high, steps)) => (high, steps.trim().parse().ok()),
        None => (rest, Some(STEPS)),
    };
    let expand = || {
        let (low, high) = ((measure.read)(low.trim())?, (measure.read)(high.trim())?);
        let steps = steps.filter(|steps| (2..=VALUES_MAX).contains(steps)).ok_or_else(|| {
            format!("a range is LOW..HIGH or LOW..HIGH/VALUES, with 2 to {VALUES_MAX} values")
        })?;
        if low >= high {
            return Err("a range rises: its first value is less than its last".to_owned());
        }
        let geometric = low > 0.0 && high / low >= GEOMETRIC;
        let value = |step: usize| {
            let share = step as f64 / (steps - 1) as f64;
            match step {
                0 => low,
                _ if step + 1 == steps => high,
                _ if geometric => low * (high / low).powf(share),
                _ => low + (high - low) * share,
            }
        };
        let mut values: Vec<String> = (0..steps).map(|step| (measure.write)(value(step))).collect();
        // Few whole numbers lie between the ends of a short range.
        values.dedup();
        Ok(values)
    };
    Some(expand())
}
