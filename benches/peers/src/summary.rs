//! What the rounds come to: medians, percentiles, ratios.

use serde::Serialize;

use crate::peer::Outcome;

/// One peer's figures at one size.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Bytes of the operation.
    pub bytes: usize,
    /// Median over rounds of the mean time, in microseconds.
    pub micros: f64,
    /// Latency percentiles over all iterations, in microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Iterations behind the percentiles.
    pub iterations: usize,
    /// GB/s that the busiest link carries, as nccl-tests count it.
    pub bus: f64,
    /// Seconds of processor time per GB reduced, all sides together.
    pub cpu_per_gb: f64,
    /// Median over rounds of this peer's time divided by Sealane's: above 1, Sealane is faster.
    pub ratio: Option<f64>,
}

/// The figures of one peer's rounds; `ours` are Sealane's, in the same rounds.
pub fn figures(
    bytes: usize,
    factor: f64,
    outcomes: &[Outcome],
    ours: Option<&[Outcome]>,
) -> Figures {
    let seconds = median(outcomes.iter().map(|outcome| outcome.seconds).collect());
    let mut nanos: Vec<u64> =
        outcomes.iter().flat_map(|outcome| outcome.nanos.iter().copied()).collect();
    nanos.sort_unstable();
    let ratio = ours.map(|ours| {
        let pairs = outcomes.iter().zip(ours);
        median(pairs.map(|(theirs, ours)| theirs.seconds / ours.seconds).collect())
    });
    Figures {
        bytes,
        micros: seconds * 1e6,
        p50: percentile(&nanos, 0.5),
        p99: percentile(&nanos, 0.99),
        p999: percentile(&nanos, 0.999),
        iterations: nanos.len(),
        bus: bytes as f64 * factor / seconds / 1e9,
        cpu_per_gb: median(outcomes.iter().map(|outcome| outcome.cpu).collect()) * 1e9
            / bytes as f64,
        ratio,
    }
}

/// The middle value; not a number of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The geometric mean; not a number of none.
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Microseconds that the given share of `sorted` does not exceed.
fn percentile(sorted: &[u64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |nanos| *nanos as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let nanos: Vec<u64> = (1..=1000).map(|micros| micros * 1000).collect();
        assert_eq!(percentile(&nanos, 0.5), 500.0);
        assert_eq!(percentile(&nanos, 0.999), 999.0);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn ratios_are_medians_of_rounds() {
        let outcome = |seconds| Outcome { seconds, nanos: vec![1], cpu: 0.5 };
        let theirs = [outcome(2.0), outcome(9.0), outcome(4.0)];
        let ours = [outcome(1.0), outcome(3.0), outcome(4.0)];
        let found = figures(1_000_000_000, 1.0, &theirs, Some(&ours));
        assert_eq!(found.ratio, Some(2.0));
        assert_eq!((found.bus, found.cpu_per_gb), (0.25, 0.5));
        assert!((geometric_mean(&[2.0, 8.0]) - 4.0).abs() < 1e-9);
    }
}
