//! What several runs say together.

use serde::Serialize;

/// A mean and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half of the interval's width; not a number for a single sample.
    pub ci95: f64,
    /// Samples.
    pub samples: usize,
}

impl Interval {
    /// The interval of `samples` by Student's distribution; `None` of nothing.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let count = samples.len();
        if count == 0 {
            return None;
        }
        let mean = samples.iter().sum::<f64>() / count as f64;
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        let ci95 = match count {
            1 => f64::NAN,
            _ => {
                let deviation = (squares / (count - 1) as f64).sqrt();
                student(count - 1) * deviation / (count as f64).sqrt()
            }
        };
        Some(Self { mean, ci95, samples: count })
    }

    /// The lower end; the mean where there is no interval.
    #[must_use]
    pub fn low(&self) -> f64 {
        if self.ci95.is_finite() { self.mean - self.ci95 } else { self.mean }
    }

    /// The upper end; the mean where there is no interval.
    #[must_use]
    pub fn high(&self) -> f64 {
        if self.ci95.is_finite() { self.mean + self.ci95 } else { self.mean }
    }
}

/// The 97.5 % quantile of Student's t by degrees of freedom, from the usual tables.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match freedom {
        0 => f64::NAN,
        1..=30 => TABLE[freedom - 1],
        31..=60 => 2.021,
        61..=120 => 2.0,
        _ => 1.98,
    }
}

/// The value that a share `q` of the samples does not exceed (nearest rank); `None` of nothing.
/// `sorted` is in ascending order.
#[must_use]
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// The cumulative distribution of `samples`: each value, with the share that does not exceed it.
#[must_use]
pub fn distribution(samples: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    (1_u32..).zip(sorted).map(|(rank, value)| (value, f64::from(rank) / count)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_interval_is_students() {
        let five = Interval::of(&[10.0, 12.0, 14.0, 16.0, 18.0]).unwrap();
        assert!((five.mean - 14.0).abs() < 1e-12);
        // Standard error is sqrt(10) / sqrt(5) = 1.4142; times 2.776.
        assert!((five.ci95 - 3.9259).abs() < 1e-3, "{five:?}");
        let one = Interval::of(&[3.0]).unwrap();
        assert!(one.ci95.is_nan() && one.low() == 3.0 && one.high() == 3.0);
        assert_eq!(Interval::of(&[]), None);
    }

    #[test]
    fn quantiles_are_samples() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.5), Some(50.0));
        assert_eq!(quantile(&sorted, 0.99), Some(99.0));
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 1.0), Some(100.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_distribution_rises_to_one() {
        assert_eq!(distribution(&[3.0, 1.0]), [(1.0, 0.5), (3.0, 1.0)]);
    }
}
