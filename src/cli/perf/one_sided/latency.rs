//! What many durations come to.

use std::time::Duration;

use serde::Serialize;

/// Latencies in microseconds, as perftest reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    pub min_us: f64,
    pub typical_us: f64,
    pub average_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}

impl Figures {
    /// Of `durations`, in any order; all zero of none.
    pub(super) fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let Some(last) = durations.len().checked_sub(1) else { return Self::default() };
        let us = |duration: Duration| duration.as_nanos() as f64 / 1e3;
        // The nearest rank: a value that occurred.
        let quantile = |q: f64| {
            us(durations[((q * (last + 1) as f64).ceil() as usize).clamp(1, last + 1) - 1])
        };
        let total: Duration = durations.iter().sum();
        Self {
            min_us: us(durations[0]),
            typical_us: quantile(0.5),
            average_us: us(total) / (last + 1) as f64,
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: us(durations[last]),
        }
    }
}
