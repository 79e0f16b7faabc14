#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;
use crate::rng::Rng;

/// Holds the calendar against a plain heap: pushes near, far and equal, pops in between.
#[test]
fn events_come_out_as_from_a_heap() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed, 0);
        let (mut calendar, mut heap) = (EventQueue::default(), BinaryHeap::new());
        let (mut now, mut sequence) = (0_u64, 0_u64);
        for _ in 0..20_000 {
            if rng.chance(0.52) {
                let spans = [1, 10_000, 3_000_000, 300_000_000, 900_000_000_000];
                let span = spans[rng.index(spans.len())];
                let at = now + rng.below(span);
                calendar.push(Picos(at), sequence);
                heap.push(Reverse((at, sequence)));
                sequence += 1;
            } else if let Some(Reverse((at, event))) = heap.pop() {
                assert_eq!(calendar.next_at(), Some(Picos(at)), "seed {seed}");
                assert_eq!(calendar.pop(Picos::MAX), Some((Picos(at), event)), "seed {seed}");
                now = at;
            }
            assert_eq!(calendar.len(), heap.len());
        }
        while let Some(Reverse((at, event))) = heap.pop() {
            assert_eq!(calendar.pop(Picos::MAX), Some((Picos(at), event)), "seed {seed}");
        }
        assert!(calendar.is_empty() && calendar.next_at().is_none());
    }
}

#[test]
fn nothing_comes_out_before_its_time() {
    let mut queue = EventQueue::default();
    queue.push(Picos(500), 'b');
    queue.push(Picos(100), 'a');
    assert_eq!(queue.pop(Picos(99)), None);
    assert_eq!(queue.pop(Picos(100)), Some((Picos(100), 'a')));
    queue.push(Picos(7), 'z');
    assert_eq!(queue.pop(Picos(499)), Some((Picos(7), 'z')), "the past comes next");
    assert_eq!(queue.pop(Picos(499)), None);
    assert_eq!(queue.pop(Picos::MAX), Some((Picos(500), 'b')));
}

#[test]
fn bytes_take_exactly_their_time() {
    assert_eq!(Bandwidth::from_gbps(800).serialise(64), Picos(640));
    assert_eq!(Bandwidth::from_gbps(100).serialise(4150), Picos(332_000));
    let odd = Bandwidth::from_bps(3_000_000_000);
    assert_eq!(odd.serialise(3), Picos(8000));
    assert_eq!(odd.serialise(1), Picos(2667), "rounded up, so that no line is faster than it is");
    assert_eq!(odd.bytes_in(Picos(8000)), 3);
    assert_eq!(Bandwidth::from_bps(0).bps(), 1);
}

#[test]
fn times_are_printed_in_fitting_units() {
    assert_eq!(Picos(1500).to_string(), "1.500 ns");
    assert_eq!(Picos::from_micros(12).to_string(), "12.000 µs");
    assert_eq!(Picos::from_micros(2_500).to_string(), "2.500 ms");
    assert_eq!(Picos::at(Picos::from_nanos(5).time()), Picos(5000));
}
