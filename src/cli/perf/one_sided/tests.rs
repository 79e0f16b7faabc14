#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use sealane::Rank;

use super::Part;
use super::latency::Figures;

#[test]
fn latencies_are_values_that_occurred() {
    let figures = Figures::of((1..=1000).rev().map(Duration::from_micros).collect());
    let Figures { min_us, typical_us, average_us, p99_us, p999_us, max_us } = figures;
    assert_eq!((min_us, typical_us, average_us), (1.0, 500.0, 500.5));
    assert_eq!((p99_us, p999_us, max_us), (990.0, 999.0, 1000.0));
    let one = Figures::of(vec![Duration::from_micros(7)]);
    assert_eq!((one.min_us, one.typical_us, one.p999_us, one.max_us), (7.0, 7.0, 7.0, 7.0));
    assert_eq!(Figures::of(Vec::new()), Figures::default());
}

#[test]
fn ranks_form_pairs() {
    let part = |rank, world, both| {
        let part = Part::of(Rank(rank), world, both);
        (part.partner.map(|rank| rank.0), part.initiates, part.serves)
    };
    assert_eq!(part(0, 2, false), (Some(1), true, false));
    assert_eq!(part(1, 2, false), (Some(0), false, true));
    assert_eq!(part(3, 5, true), (Some(2), true, true));
    assert_eq!(part(4, 5, true), (None, false, false));
}
