#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const PROMISED: Duration = Duration::from_millis(1);
const GRANULARITY: Duration = Duration::from_micros(500);

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// RFC 9002 §5.2 and §5.3: the first sample is minimum and mean, its half the variance.
#[test]
fn the_first_sample_is_taken_whole() {
    let mut rtt = RttEstimate::default();
    assert!(!rtt.is_sampled());
    assert_eq!(rtt.update(at(1), micros(800), Duration::ZERO, PROMISED), micros(800));
    assert_eq!((rtt.min(), rtt.smoothed, rtt.variance()), (micros(800), micros(800), micros(400)));
}

/// RFC 9002 §5.3: `smoothed = 7/8 smoothed + 1/8 sample`, `rttvar = 3/4 rttvar + 1/4 |smoothed - sample|`
/// with the smoothed value from before.
#[test]
fn further_samples_are_smoothed() {
    let mut rtt = RttEstimate::default();
    rtt.update(at(1), micros(800), Duration::ZERO, PROMISED);
    rtt.update(at(2), micros(1600), Duration::ZERO, PROMISED);
    assert_eq!(rtt.latest(), micros(1600));
    assert_eq!(rtt.smoothed, micros(900));
    assert_eq!(rtt.variance(), micros(500));
}

/// RFC 9002 §5.3: the delay is taken off, but never below the minimum; §5.2: the minimum itself trusts
/// no more than what the peer promised.
#[test]
fn a_delay_is_taken_off_but_not_below_the_minimum() {
    let mut rtt = RttEstimate::default();
    rtt.update(at(1), micros(800), Duration::ZERO, PROMISED);
    assert_eq!(rtt.update(at(2), micros(1500), micros(300), PROMISED), micros(1200));
    assert_eq!(rtt.update(at(3), micros(1500), micros(1400), PROMISED), micros(500));
    assert_eq!(rtt.min(), micros(500), "a promised millisecond is trusted");
    assert_eq!(rtt.update(at(4), micros(3000), Duration::from_secs(4), PROMISED), micros(500));
    assert_eq!(rtt.min(), micros(500), "four seconds are not");
}

/// RFC 9002 §6.2.1: `PTO = smoothed_rtt + max(4*rttvar, kGranularity)`, the delay added by the caller.
#[test]
fn the_probe_timeout_has_a_floor_of_the_granularity() {
    let mut rtt = RttEstimate::default();
    for millis in 0..100 {
        rtt.update(at(millis), micros(100), Duration::ZERO, PROMISED);
    }
    assert!(rtt.variance() < micros(1));
    assert_eq!(rtt.pto(GRANULARITY), micros(100) + GRANULARITY);
    rtt.update(at(101), micros(8100), Duration::ZERO, PROMISED);
    assert_eq!(rtt.smoothed, micros(1100));
    assert_eq!(rtt.pto(GRANULARITY), rtt.smoothed + rtt.variance() * 4);
}

/// RFC 9002 §5.2 asks to re-establish the minimum now and then: paths change.
#[test]
fn a_minimum_is_forgotten_but_not_for_one_noisy_sample() {
    let mut rtt = RttEstimate::default();
    rtt.update(at(0), micros(100), Duration::ZERO, PROMISED);
    let mut now = 0;
    while rtt.min() == micros(100) {
        now += 100;
        rtt.update(at(now), micros(400), Duration::ZERO, PROMISED);
        assert!(now < 25_000, "for ever");
    }
    assert!(now > 10_000, "after {now} ms");
    assert_eq!(rtt.min(), micros(400));
}

/// Whatever the samples are: the mean stays between them, the minimum is one of them, and the timeout
/// is above the mean.
#[test]
fn estimates_stay_within_their_samples() {
    for seed in 0..50 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut rtt = RttEstimate::default();
        let (mut least, mut most) = (Duration::MAX, Duration::ZERO);
        for step in 0..500 {
            let raw = Duration::from_nanos(rng.random_range(1_000..50_000_000));
            let delay = Duration::from_nanos(rng.random_range(0..5_000_000));
            let sample = rtt.update(at(step), raw, delay, PROMISED);
            assert!(sample <= raw, "seed {seed}");
            (least, most) = (least.min(sample), most.max(sample));
            assert!(rtt.min() <= sample, "seed {seed}");
            assert!(rtt.smoothed <= most && rtt.smoothed >= rtt.min(), "seed {seed}");
            assert!(rtt.pto(GRANULARITY) >= rtt.smoothed + GRANULARITY, "seed {seed}");
        }
    }
}
