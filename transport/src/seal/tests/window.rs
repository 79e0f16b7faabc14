use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::ReplayWindow;
use super::*;
use crate::limits::{PACKET_NUMBER_MAX, REPLAY_WINDOW};

/// What the window means, spelled out.
#[derive(Default)]
struct Model {
    marked: BTreeSet<u64>,
}

impl Model {
    fn start(&self) -> u64 {
        self.marked.last().map_or(0, |highest| (highest + 1).saturating_sub(REPLAY_WINDOW))
    }

    fn mark(&mut self, number: u64) -> Result<(), OpenError> {
        if number < self.start() {
            Err(OpenError::TooOld)
        } else if self.marked.insert(number) {
            let start = self.start();
            self.marked = self.marked.split_off(&start);
            Ok(())
        } else {
            Err(OpenError::Replay)
        }
    }

    fn first_missing(&self, floor: u64) -> u64 {
        (floor.max(self.start())..).find(|number| !self.marked.contains(number)).unwrap()
    }

    fn word(&self, from: u64) -> u64 {
        (0..64).filter(|bit| self.marked.contains(&(from + bit))).map(|bit| 1 << bit).sum()
    }
}

/// Numbers that wander: close by, around the window's edges, far ahead.
fn step() -> impl Strategy<Value = i64> {
    let window = REPLAY_WINDOW as i64;
    prop_oneof![
        6 => 0i64..4,
        6 => -300i64..300,
        2 => -window - 3..=-window + 3,
        1 => window - 3..=window + 3,
        1 => -100_000i64..100_000,
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_set(
        steps in proptest::collection::vec(step(), 1..300),
        floor in 0u64..30_000,
        words in 0usize..70,
    ) {
        let (mut window, mut model) = (ReplayWindow::new(), Model::default());
        let mut number = 10_000i64;
        for step in steps {
            number = number.saturating_add(step).max(0);
            let candidate = number as u64;
            let before = window.clone();
            let expected = model.mark(candidate);
            prop_assert_eq!(window.check(candidate), expected);
            prop_assert_eq!(window.mark(candidate), expected);
            if expected.is_err() {
                prop_assert_eq!(&window, &before);
            }
            prop_assert_eq!(window.highest(), model.marked.last().copied());
        }
        let highest = window.highest().unwrap();
        for number in highest.saturating_sub(REPLAY_WINDOW + 70)..highest + 70 {
            prop_assert_eq!(window.contains(number), model.marked.contains(&number));
        }
        for floor in [0, floor, highest.saturating_sub(100), highest, highest + 1, highest + 99] {
            let base = window.first_missing(floor);
            prop_assert_eq!(base, model.first_missing(floor));
            let mut filled = vec![u64::MAX; words];
            window.fill(base, &mut filled);
            prop_assert_eq!(filled.first().map_or(0, |word| word & 1), 0, "the base is missing");
            // From the base, as acknowledgements do, and from anywhere.
            let far = highest.saturating_sub(REPLAY_WINDOW + 200);
            for base in [base, floor, far, far + 190, far + 201] {
                let mut filled = vec![u64::MAX; words];
                let used = window.fill(base, &mut filled) as u64;
                let range = (highest + 1).saturating_sub(base).div_ceil(64);
                prop_assert_eq!(used, range.min(words as u64));
                for (index, word) in filled.iter().enumerate() {
                    prop_assert_eq!(*word, model.word(base + 64 * index as u64));
                }
            }
        }
    }
}

#[test]
fn remembers_exactly_8192_numbers() {
    for highest in [8191, 8192, 10_000, PACKET_NUMBER_MAX] {
        let mut window = ReplayWindow::new();
        window.mark(highest).unwrap();
        let oldest = highest - (REPLAY_WINDOW - 1);
        assert_eq!(window.check(oldest), Ok(()), "W - 1 back");
        if oldest > 0 {
            assert_eq!(window.check(oldest - 1), Err(OpenError::TooOld), "W back");
        }
        window.mark(oldest).unwrap();
        assert_eq!(window.mark(oldest), Err(OpenError::Replay));
        assert_eq!(window.first_missing(0), oldest + 1);
    }
    let window = ReplayWindow::new();
    assert_eq!(window.check(PACKET_NUMBER_MAX + 1), Err(OpenError::Malformed));
    assert_eq!(window.highest(), None);
    assert_eq!(window.first_missing(5), 5);
    assert_eq!(window.fill(0, &mut [1, 2]), 0);
}

/// The cases that anti-replay self-tests of VPNs go through: edges, sweeps up and down, jumps.
#[test]
fn sweeps_and_jumps() {
    let mut window = ReplayWindow::new();
    for number in 0..3 * REPLAY_WINDOW {
        window.mark(number).unwrap();
        assert_eq!(window.mark(number), Err(OpenError::Replay));
    }
    assert_eq!(window.check(2 * REPLAY_WINDOW - 1), Err(OpenError::TooOld));
    assert_eq!(window.check(2 * REPLAY_WINDOW), Err(OpenError::Replay));
    assert_eq!(window.first_missing(0), 3 * REPLAY_WINDOW);

    let mut window = ReplayWindow::new();
    for number in (0..REPLAY_WINDOW).rev() {
        window.mark(number).unwrap();
    }
    for number in 0..REPLAY_WINDOW {
        assert_eq!(window.mark(number), Err(OpenError::Replay));
    }
    // Further than the window is long: nothing of the old content may shine through.
    window.mark(5 * REPLAY_WINDOW + 17).unwrap();
    for number in 4 * REPLAY_WINDOW + 18..5 * REPLAY_WINDOW + 17 {
        assert!(!window.contains(number), "{number}");
    }
}
