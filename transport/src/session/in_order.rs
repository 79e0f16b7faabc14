//! The receiving side of go-back-N (see [`crate::config::LossPolicy`]): nothing is kept that arrives
//! behind a hole, nor acknowledged.

use std::collections::BTreeSet;

use crate::seal::ReplayWindow;

/// See the module's text. What was opened is marked in the replay window whether it was kept or not, so
/// the numbers that were not kept are remembered here until their sender has given them up; the span of
/// outstanding numbers bounds how many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct InOrder {
    refused: BTreeSet<u64>,
}

impl InOrder {
    /// Decides whether the packet `number`, which was just marked in `window`, is kept. `floor` is the
    /// sender's lowest outstanding number.
    pub(super) fn keeps(&mut self, number: u64, floor: u64, window: &ReplayWindow) -> bool {
        if self.refused.first().is_some_and(|first| *first < floor) {
            self.refused = self.refused.split_off(&floor);
        }
        if number < floor {
            return false;
        }
        let kept = number <= window.first_missing(floor).min(self.limit(floor));
        if !kept {
            self.refused.insert(number);
        }
        kept
    }

    /// Nothing from this number on counts as received.
    pub(super) fn limit(&self, floor: u64) -> u64 {
        self.refused.range(floor..).next().copied().unwrap_or(u64::MAX)
    }
}
