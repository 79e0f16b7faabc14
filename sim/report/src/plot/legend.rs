//! Which mark is which series: rows above the plot, where nothing can be hidden.

use super::canvas::{Anchor, Canvas, Shape};
use super::draw::Look;
use super::text::{width, wrap};
use super::{Plot, Role, Scale};

/// Size of names, in pixels.
const NAME: f64 = 12.0;
/// From one row to the next.
const ROW: f64 = 18.0;
/// Length of the sample in front of a name, with its gap.
const SAMPLE: f64 = 34.0;
/// Between two entries.
const GAP: f64 = 20.0;

/// An entry: which series, where, and the lines of its name.
struct Entry {
    series: usize,
    at: (f64, f64),
    lines: Vec<String>,
}

/// The legend of a plot, laid out below `top` from `left` to `right`.
pub(super) struct Legend {
    entries: Vec<Entry>,
    /// Where it ends.
    pub bottom: f64,
}

impl Legend {
    pub fn new(plot: &Plot, top: f64, (left, right): (f64, f64)) -> Self {
        let (mut x, mut y, mut deep) = (left, top, 1);
        let mut entries: Vec<Entry> = Vec::new();
        for (series, it) in plot.series.iter().enumerate() {
            let lines = wrap(&it.name, NAME, right - left - SAMPLE);
            let wide = lines.iter().map(|line| width(line, NAME)).fold(0.0, f64::max) + SAMPLE;
            if x > left && x + wide > right {
                (x, y) = (left, y + ROW * deep as f64);
                deep = 1;
            }
            deep = deep.max(lines.len());
            entries.push(Entry { series, at: (x, y), lines });
            x += wide + GAP;
        }
        let bottom = if entries.is_empty() { top } else { y + ROW * deep as f64 };
        Self { entries, bottom }
    }

    pub fn draw(&self, plot: &Plot, looks: &[Look], canvas: &mut Canvas) {
        for Entry { series, at: (x, y), lines } in &self.entries {
            let (it, look) = (&plot.series[*series], &looks[*series]);
            let middle = y + 9.0;
            if look.has_line || matches!(it.role, Role::Ideal | Role::Limit) {
                canvas.line(&format!("line {}", look.stroke), (*x, middle), (x + 26.0, middle));
            }
            // Across a category, an ideal is a line however many points it has.
            let across = it.role == Role::Ideal && plot.x.scale == Scale::Category;
            if it.has_marks() && !across {
                let shape = if it.role == Role::Published { Shape::Diamond } else { look.shape };
                canvas.mark(&look.fill, shape, (x + 13.0, middle), 4.0, "");
            }
            for (line, text) in (0_u32..).zip(lines) {
                let below = middle + 4.0 + ROW * f64::from(line);
                canvas.text("name", (x + SAMPLE, below), Anchor::Start, text);
            }
        }
    }
}
