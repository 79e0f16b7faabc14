//! The receiving side of go-back-N (see [`crate::config::LossPolicy`]): nothing is kept that arrives
//! behind a hole, nor acknowledged.

use crate::seal::ReplayWindow;

/// See the module's text. What was opened is marked in the replay window whether it was kept or not, so
/// the lowest number that was not kept is remembered here; it counts until the sender has given it up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InOrder {
    refused: Option<u64>,
}

impl InOrder {
    /// Decides whether the packet `number`, which was just marked in `window`, is kept. `floor` is the
    /// sender's lowest outstanding number.
    pub(super) fn keeps(&mut self, number: u64, floor: u64, window: &ReplayWindow) -> bool {
        if number < floor {
            // Given up already: nothing is remembered of it, or it would hide what is refused later.
            return false;
        }
        let kept = number <= window.first_missing(floor).min(self.limit(floor));
        if !kept {
            self.refused = Some(number.min(self.limit(floor)));
        }
        kept
    }

    /// Nothing from this number on counts as received.
    pub(super) fn limit(&self, floor: u64) -> u64 {
        self.refused.filter(|refused| *refused >= floor).unwrap_or(u64::MAX)
    }
}
