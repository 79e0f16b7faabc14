//! What is posted comes back once, in order, however seldom completions are asked for.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::ring::{Ring, SIGNAL_EVERY};

const CAPACITY: u32 = 64;

/// Trains of these sizes through a ring whose device completes as it likes, but in order.
fn run(trains: &[(u32, bool)], completes: &[bool]) -> Result<(), TestCaseError> {
    let mut ring = Ring::new(CAPACITY);
    let mut signalled = VecDeque::new();
    let (mut returned, mut used, mut silent) = (Vec::new(), 0, 0);
    let mut sizes = VecDeque::new();
    let mut ends = completes.iter().copied().cycle();
    for (index, (requests, scarce)) in trains.iter().copied().enumerate() {
        while used + requests > CAPACITY || ends.next() == Some(true) {
            // A full ring always has something that will complete.
            let Some(number) = signalled.pop_front() else {
                prop_assert!(used + requests <= CAPACITY, "full, and nothing was asked for");
                break;
            };
            ring.retire(number, |train| returned.push(train));
            while sizes.len() > index - returned.len() {
                used -= sizes.pop_front().unwrap_or(0);
            }
        }
        prop_assert!(ring.has_room(requests));
        let (number, asks) = ring.push(requests, index, scarce);
        used += requests;
        silent += requests;
        sizes.push_back(requests);
        prop_assert!(asks || (!scarce && silent < SIGNAL_EVERY));
        if asks {
            signalled.push_back(number);
            silent = 0;
        }
    }
    ring.clear(|train| returned.push(train));
    prop_assert_eq!(returned, (0..trains.len()).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #[test]
    fn every_train_comes_back_once_and_in_order(
        trains in prop::collection::vec((1_u32..=16, any::<bool>()), 1..300),
        completes in prop::collection::vec(any::<bool>(), 1..50),
    ) {
        prop_assume!(completes.contains(&false));
        run(&trains, &completes)?;
    }
}

#[test]
fn one_in_sixteen_single_packets_asks() {
    let mut ring = Ring::new(1024);
    let asked = (0..160).filter(|i| ring.push(1, *i, false).1).count();
    assert_eq!(asked, 10);
}

#[test]
fn a_completion_of_nothing_that_is_posted_frees_nothing() {
    let mut ring = Ring::new(64);
    let (number, _) = ring.push(4, 'a', true);
    assert_eq!(ring.held().collect::<Vec<_>>(), [&'a']);
    ring.retire(number.wrapping_add(1), |_| panic!("not posted"));
    ring.retire(number.wrapping_sub(1), |_| panic!("not posted"));
    let mut freed = Vec::new();
    ring.retire(number, |held| freed.push(held));
    ring.retire(number, |held| freed.push(held));
    assert_eq!(freed, ['a']);
    assert!(ring.has_room(64) && ring.get(number).is_none());
}
