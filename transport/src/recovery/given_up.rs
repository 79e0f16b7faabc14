//! What was declared lost lately, to notice when that was wrong.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::PathId;
use crate::time::Time;

use super::Acknowledgement;

/// Numbers remembered: more than a train or two of regret teaches nothing new.
const REMEMBERED: usize = 64;

/// A number that was given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenUp {
    pub number: u64,
    pub path: PathId,
    pub sent: Time,
    lost: Time,
    /// Numbers from here on were not sent yet: what the receiver knows from packets below cannot
    /// count the number as given up, so there "below the base" means "received".
    next: u64,
}

/// See the module's text. Empty while nothing is lost, so it costs nothing then.
#[derive(Debug, Default)]
pub(super) struct Regrets(VecDeque<GivenUp>);

impl Regrets {
    pub(super) fn note(&mut self, now: Time, number: u64, path: PathId, sent: Time, next: u64) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(GivenUp { number, path, sent, lost: now, next });
    }

    /// Forgets what was given up more than `age` ago.
    pub(super) fn expire(&mut self, now: Time, age: Duration) {
        while self.0.front().is_some_and(|front| now.since(front.lost) > age) {
            self.0.pop_front();
        }
    }

    /// Takes out one number that `ack` says was received after all.
    pub(super) fn take(&mut self, ack: &impl Acknowledgement, highest: u64) -> Option<GivenUp> {
        let index = self.0.iter().position(|given_up| {
            let unambiguous = given_up.number >= ack.base() || highest < given_up.next;
            given_up.number <= highest && unambiguous && ack.is_received(given_up.number)
        })?;
        self.0.remove(index)
    }
}
