//! One deadline per connection and per attempt, in order.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Rank;
use crate::time::Time;

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A QUIC connection's.
    Link(usize),
    /// An attempt's to reach a peer.
    Attempt(Rank),
}

/// All deadlines. Setting replaces; order of equal times is by [`Timer`], so runs repeat.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_owner: BTreeMap<Timer, Time>,
    by_time: BTreeSet<(Time, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<Time>) {
        let old = match deadline {
            Some(time) => self.by_owner.insert(timer, time),
            None => self.by_owner.remove(&timer),
        };
        if let Some(old) = old {
            self.by_time.remove(&(old, timer));
        }
        if let Some(time) = deadline {
            self.by_time.insert((time, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Removes and returns everything due at `now`.
    pub(super) fn take_due(&mut self, now: Time) -> Vec<Timer> {
        let mut due = Vec::new();
        while let Some((time, timer)) = self.by_time.first().copied() {
            if time > now {
                break;
            }
            self.set(timer, None);
            due.push(timer);
        }
        due
    }
}
