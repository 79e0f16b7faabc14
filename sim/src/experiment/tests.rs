#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn small(seeds: u64, threads: usize) -> Options {
    Options { seeds: (1..=seeds).collect(), scale: Scale::Small, threads }
}

#[test]
fn experiments_are_found_by_their_names() {
    for experiment in Experiment::ALL {
        assert_eq!(experiment.name().parse(), Ok(experiment));
        assert!(!experiment.title().is_empty());
    }
    let error = "incasts".parse::<Experiment>().unwrap_err();
    assert!(error.contains("incast, srd"), "{error}");
}

/// The shape of every figure: an ideal line in each panel, a sample for each seed, claims, conditions.
#[test]
fn every_experiment_runs_small_and_has_an_ideal_line() {
    for experiment in Experiment::ALL {
        let figure = experiment.run(&small(2, 2), &Unwatched).unwrap();
        assert!(figure.complete && !figure.full_scale, "{experiment}");
        assert!(figure.unfinished.is_empty(), "{experiment}: {:?}", figure.unfinished);
        assert!(!figure.checks.is_empty() && !figure.conditions.is_empty(), "{experiment}");
        for panel in &figure.panels {
            let kinds: Vec<SeriesKind> = panel.series.iter().map(|series| series.kind).collect();
            assert!(kinds.contains(&SeriesKind::Ideal), "{experiment}: {}", panel.title);
            assert!(kinds.contains(&SeriesKind::Measured), "{experiment}: {}", panel.title);
            for point in panel.series.iter().flat_map(|series| &series.points) {
                assert!(point.mean.is_finite() && point.x.is_finite(), "{experiment}: {point:?}");
                assert!(matches!(point.samples.len(), 0 | 2), "{experiment}: {point:?}");
            }
        }
        assert!(figure.events > 0);
    }
}

#[test]
fn one_flow_takes_what_arithmetic_says() {
    let figure = Experiment::Calibrate.run(&small(1, 1), &Unwatched).unwrap();
    assert!(figure.holds(), "{:?}", figure.checks);
}

#[test]
fn figures_do_not_depend_on_threads() {
    let [one, three] =
        [1, 3].map(|threads| Experiment::Loss.run(&small(2, threads), &Unwatched).unwrap());
    assert_eq!(one, three);
}

#[test]
fn an_experiment_that_is_stopped_says_so() {
    struct After(AtomicUsize, usize);
    impl Watch for After {
        fn advance(&self, advance: &Advance<'_>) {
            assert!(advance.done <= advance.all);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn stop(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= self.1
        }
    }
    let figure = Experiment::Loss.run(&small(1, 1), &After(AtomicUsize::new(0), 2)).unwrap();
    assert!(!figure.complete && !figure.holds());
    let points = figure.panels.iter().flat_map(|panel| &panel.series).flat_map(|s| &s.points);
    assert!(points.filter(|point| !point.samples.is_empty()).count() >= 1, "what was done is kept");
}
