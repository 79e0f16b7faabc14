//! What the points of a plot span.

use super::{Mark, Plot, Point, Role, Scale, Series};

/// Points of a series beyond which lines are thinned and marks left out.
const POINTS_MAX: usize = 400;

/// Points of a series up to which each has a mark.
pub(super) const MARKS_MAX: usize = 40;

impl Plot {
    /// The least and the greatest value along; `None` if nothing can be drawn.
    pub(super) fn reach_x(&self) -> Option<(f64, f64)> {
        let points = self.series.iter().filter(|series| !series.level).flat_map(|s| &s.points);
        reach(points.map(|point| point.x).filter(|x| drawable(*x, self.x.scale)))
    }

    /// The same up, with intervals; of what is never negative, an interval does not reach below 0.
    pub(super) fn reach_y(&self) -> Option<(f64, f64)> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let least = points().map(|point| point.y).fold(f64::INFINITY, f64::min);
        let floor = if least >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        let values = points().flat_map(|point| {
            let (low, high) = point.spread.unwrap_or((point.y, point.y));
            [point.y, low.max(floor), high]
        });
        reach(values.filter(|y| drawable(*y, self.y.scale)))
    }

    /// The values along at which something is, if they are few: the best places for ticks.
    pub(super) fn few_x(&self) -> Option<Vec<f64>> {
        let points = self.series.iter().filter(|series| !series.level).flat_map(|s| &s.points);
        let mut values: Vec<f64> = points.map(|point| point.x).filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        (values.len() <= 12).then_some(values)
    }
}

/// Whether an axis has a place for `value`.
pub(super) fn drawable(value: f64, scale: Scale) -> bool {
    value.is_finite() && (scale != Scale::Log || value > 0.0)
}

fn reach(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |reach, value| {
        let (low, high) = reach.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

impl Series {
    /// The points that are drawn, in order; thinned evenly where there are very many.
    pub(super) fn thinned(&self, scales: (Scale, Scale)) -> Vec<Point> {
        let fits = |p: &&Point| drawable(p.x, scales.0) && drawable(p.y, scales.1);
        let points: Vec<Point> = self.points.iter().filter(fits).copied().collect();
        if points.len() <= POINTS_MAX {
            return points;
        }
        let last = points.len() - 1;
        (0..POINTS_MAX).map(|index| points[index * last / (POINTS_MAX - 1)]).collect()
    }

    /// Whether its points have marks.
    pub(super) fn has_marks(&self) -> bool {
        let few = self.points.len() <= MARKS_MAX && self.mark != Mark::Steps;
        let lone = self.role != Role::Ideal || self.points.len() == 1;
        !self.level && self.role != Role::Limit && lone && (few || self.mark == Mark::Dots)
    }
}
