#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const BASE: u16 = 1200;

/// A network that passes datagrams up to `passes` bytes, and loses some of them for other reasons.
struct Link {
    now: Time,
    search: MtuSearch,
    passes: u16,
    loss: f64,
    rng: SmallRng,
    probes: usize,
}

impl Link {
    fn new(seed: u64, max: u16, passes: u16, loss: f64) -> Self {
        let (now, rng) = (Time::from_nanos(1), SmallRng::seed_from_u64(seed));
        Self { now, search: MtuSearch::new(now, BASE, max), passes, loss, rng, probes: 0 }
    }

    /// Sends and answers one probe, if one is due.
    fn probe(&mut self) -> bool {
        self.now += Duration::from_micros(300);
        let Some(size) = self.search.poll(self.now) else { return false };
        assert_eq!(self.search.poll(self.now), Some(size), "until it is sent");
        assert!(size > self.search.current(), "nothing is learnt from {size}");
        self.search.on_probe_sent(self.now, size, u32::from(size));
        assert_eq!(self.search.poll(self.now), None, "one at a time");
        assert_eq!(self.search.deadline(), None);
        self.probes += 1;
        self.now += Duration::from_micros(300);
        if size <= self.passes && !self.rng.random_bool(self.loss) {
            self.search.on_probe_acked(self.now, size, u32::from(size));
        } else {
            self.search.on_probe_lost(self.now, size);
        }
        true
    }

    fn finish(&mut self) {
        for _ in 0..200 {
            if !self.probe() {
                return;
            }
        }
        panic!("never ends");
    }

    /// A packet of content of the present size.
    fn content(&mut self) {
        let (sent, bytes) = (self.now, self.search.current());
        self.now += Duration::from_micros(100);
        if bytes <= self.passes && !self.rng.random_bool(self.loss) {
            self.search.on_acked(sent, u32::from(bytes));
        } else {
            self.search.on_lost(self.now, sent, u32::from(bytes));
        }
    }
}

/// RFC 8899 §5.3.2 leaves the search to us: ours ends within its resolution below what passes.
#[test]
fn the_largest_size_that_passes_is_found() {
    for passes in (BASE..=u16::MAX).step_by(331).chain([1452, 1472, 8952, 8972, 8973, 65_507]) {
        for max in [BASE, 1472, 8973, 65_507] {
            let mut link = Link::new(0, max, passes, 0.0);
            link.finish();
            let (found, best) = (link.search.current(), passes.min(max));
            assert!(found <= best && best - found < RESOLUTION, "{found} of {best}, {max}");
            assert!(link.probes <= 60, "{} probes", link.probes);
        }
    }
}

#[test]
fn usual_sizes_are_found_exactly_and_at_once() {
    for (max, passes) in [(65_507, 8952), (65_507, 1472), (8973, 1472), (1472, 1472)] {
        let mut link = Link::new(0, max, passes, 0.0);
        link.finish();
        assert_eq!(link.search.current(), passes);
    }
    let mut link = Link::new(0, 65_507, 65_507, 0.0);
    assert!(link.probe());
    assert_eq!(link.search.current(), 65_507, "the largest is tried first");
}

/// RFC 8899 §5.1.2, MAX_PROBES: a lost probe alone does not mean too large.
#[test]
fn random_loss_rarely_spoils_the_search() {
    let mut exact = 0;
    for seed in 0..200 {
        let mut link = Link::new(seed, 8973, 8973, 0.1);
        link.finish();
        exact += u32::from(link.search.current() == 8973);
        assert!(link.search.current() >= BASE);
    }
    assert!(exact >= 190, "{exact} of 200");
}

/// RFC 8899 §4.3: black hole detection, back to the base, and a new search below.
#[test]
fn a_black_hole_is_left_by_the_way_down() {
    for passes in [BASE, 1472, 5000, 8000] {
        let mut link = Link::new(0, 8973, 8973, 0.0);
        link.finish();
        link.passes = passes;
        for _ in 0..BLACK_HOLE {
            assert_eq!(link.search.current(), 8973);
            link.content();
        }
        assert_eq!(link.search.current(), BASE);
        link.finish();
        let found = link.search.current();
        assert!(found <= passes && passes - found < RESOLUTION, "{found} of {passes}");
    }
}

#[test]
fn heavy_random_loss_is_no_black_hole() {
    for seed in 0..50 {
        let mut link = Link::new(seed, 8973, 8973, 0.0);
        link.finish();
        link.loss = 0.2;
        for _ in 0..5000 {
            link.content();
        }
        assert_eq!(link.search.current(), 8973, "seed {seed}");
    }
}

/// A burst of losses that were found late, after later packets had come through, sent sessions back
/// to 1200 bytes for ten minutes.
#[test]
fn regression_losses_older_than_what_passed_are_no_black_hole() {
    let mut link = Link::new(0, 65_507, 65_507, 0.0);
    link.finish();
    let sent = link.now;
    link.now += Duration::from_millis(1);
    link.search.on_acked(link.now, 65_507);
    for _ in 0..100 {
        link.search.on_lost(link.now, sent, 65_507);
    }
    assert_eq!(link.search.current(), 65_507);
}

/// RFC 8899 §5.1.1, PMTU_RAISE_TIMER.
#[test]
fn the_search_begins_again_after_ten_minutes() {
    let mut link = Link::new(0, 8973, 1472, 0.0);
    link.finish();
    let again = link.search.deadline().unwrap();
    assert_eq!(again.since(link.now), RAISE_AFTER);
    link.passes = 8973;
    link.now = again;
    assert_eq!(link.search.poll(again), Some(8973));
    link.finish();
    assert_eq!(link.search.current(), 8973);
    assert_eq!(link.search.deadline(), None, "there is nothing more to gain");
}

/// RFC 8899 §4.6.1: PTB messages are validated, and only ever lower.
#[test]
fn hints_lower_the_size_and_never_raise_it() {
    for hint in [0, 1, 576, 1199, 1200, 1472, 8000, 9000, u16::MAX] {
        let mut link = Link::new(0, 8973, 8973, 0.0);
        link.finish();
        link.search.on_too_large(link.now, hint);
        let expected = if hint < BASE { 8973 } else { 8973.min(hint) };
        assert_eq!(link.search.current(), expected, "hint {hint}");
        assert!(link.search.current() >= BASE);
    }
}

#[test]
fn a_hint_ends_the_test_under_way_at_once() {
    let mut link = Link::new(0, 65_507, 8952, 0.0);
    let size = link.search.poll(link.now).unwrap();
    link.search.on_probe_sent(link.now, size, u32::from(size));
    link.search.on_too_large(link.now, 8952);
    link.finish();
    assert_eq!(link.search.current(), 8952);
    assert!(link.probes <= 3, "{} probes", link.probes);
}

/// A device whose buffers hold less than it announced.
#[test]
fn a_test_that_was_cut_short_proves_nothing() {
    let mut link = Link::new(0, 65_507, 65_507, 0.0);
    let size = link.search.poll(link.now).unwrap();
    link.search.on_probe_sent(link.now, size, 9000);
    link.search.on_probe_acked(link.now, size, 9000);
    assert_eq!(link.search.current(), BASE);
}
