use crate::limits::{GRANT_WINDOW, GRANULE};
use crate::message::granules::Granules;

use super::harness::{Dice, for_seeds};

#[test]
fn each_byte_is_fresh_once_in_any_order() {
    for_seeds("each_byte_is_fresh_once_in_any_order", 50, |seed| {
        let mut dice = Dice(seed);
        let length = 1 + dice.below(40_000);
        let mut granules = Granules::new(length, 4096 * GRANULE);
        let mut seen = vec![0_u8; length as usize];
        for round in 0..400 {
            if round == 200 {
                granules.widen();
            }
            let start = dice.below(length.div_ceil(GRANULE)) * GRANULE;
            let end = (start + (1 + dice.below(40)) * GRANULE).min(length);
            granules.insert(start, end, |from, to| {
                assert!(start <= from && from < to && to <= end);
                seen[from as usize..to as usize].iter_mut().for_each(|byte| *byte += 1);
            });
            assert!(seen[start as usize..end as usize].iter().all(|count| *count == 1));
        }
        let mut marked = vec![0_u8; length as usize];
        granules.marked(length, |from, to| {
            marked[from as usize..to as usize].iter_mut().for_each(|byte| *byte += 1);
        });
        assert_eq!(marked, seen);
    });
}

#[test]
fn widening_keeps_what_a_slid_window_knows() {
    let length = 10_000 * GRANULE;
    let mut granules = Granules::new(length, 256 * GRANULE);
    granules.insert(0, 130 * GRANULE, |_, _| {});
    granules.insert(200 * GRANULE, 201 * GRANULE, |_, _| {});
    granules.widen();
    let mut fresh = Vec::new();
    granules.insert(0, 9_000 * GRANULE, |from, to| fresh.push((from / GRANULE, to / GRANULE)));
    assert_eq!(fresh, [(130, 200), (201, 9_000)]);
}

#[test]
fn the_bitmap_of_the_longest_message_is_small() {
    let longest = 1 << 40;
    let mut granules = Granules::new(longest, 256 << 10);
    assert_eq!(granules.memory() as u64, (256 << 10) / GRANULE / 8);
    granules.widen();
    assert_eq!(granules.memory() as u64, GRANT_WINDOW / GRANULE / 8);
    // A terabyte in order, through a window of 32 MiB.
    let step = 16 << 20;
    let mut placed = 0;
    for start in (0..longest).step_by(step as usize) {
        assert!(granules.window_end() >= start + step);
        granules.insert(start, start + step, |from, to| placed += to - from);
    }
    assert_eq!(placed, longest);
}
