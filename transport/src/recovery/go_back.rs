//! Go back N, as RoCE does it: the baseline that selective repeat is compared with.
//!
//! The receiver keeps nothing that arrives behind a hole, and says at once that there is one; then the
//! sender starts again from there. What was received behind the hole is named in the bitmap all the
//! same, so only what lies below the first hole counts as acknowledged.

use crate::congestion::Congestion;
use crate::time::Time;

use super::{Outcome, Recovery, SentKind};

impl<C: Copy> Recovery<C> {
    /// The receiver has everything below `kept`, and something up to `highest` that it did not keep:
    /// all that is in flight goes again. Numbers sent since are above `highest`, so that one hole is
    /// acted on once.
    pub(super) fn go_back(&mut self, now: Time, kept: u64, highest: u64, outcome: &mut Outcome<C>) {
        let Some(first) = self.ledger.first().filter(|first| *first <= highest) else { return };
        if kept > highest {
            return;
        }
        let Some(sent) = self.ledger.get(first) else { return };
        let (path, at, bytes, kind) = (sent.path, sent.at, sent.bytes, sent.kind);
        while let Some(first) = self.ledger.first() {
            self.lose(now, first, outcome);
        }
        if kind == SentKind::Data {
            self.paths.on_lost(path);
            self.controller.on_loss(now, at, u64::from(bytes));
        }
    }
}
