//! What the paths that were heard from lately say of congestion, and their median.

use std::time::Duration;

use crate::ids::PathId;
use crate::time::Time;

/// Paths whose latest signal is kept; odd, so that there is a middle.
const PATHS: usize = 15;

#[derive(Clone, Copy, Debug)]
struct Signal {
    path: PathId,
    at: Time,
    queueing: Duration,
    ce: bool,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Signals {
    latest: Vec<Signal>,
}

/// The middle of what the paths say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Median {
    /// Of the queueing delays.
    pub queueing: Duration,
    /// More than half the paths are marked.
    pub marked: bool,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { latest: Vec::with_capacity(PATHS) }
    }

    /// `path` took so long, and was marked or not.
    pub(super) fn note(&mut self, at: Time, path: PathId, queueing: Duration, ce: bool) {
        let signal = Signal { path, at, queueing, ce };
        if let Some(known) = self.latest.iter_mut().find(|known| known.path == path) {
            *known = signal;
        } else if self.latest.len() < PATHS {
            self.latest.push(signal);
        } else if let Some(oldest) = self.latest.iter_mut().min_by_key(|known| known.at) {
            *oldest = signal;
        }
    }

    /// `path` was marked; how long it took is not known.
    pub(super) fn mark(&mut self, path: PathId) {
        if let Some(known) = self.latest.iter_mut().find(|known| known.path == path) {
            known.ce = true;
        }
    }

    /// The median of what was said since `since`; nothing to complain of if that is nothing.
    pub(super) fn median(&self, since: Time) -> Median {
        let mut delays = [Duration::ZERO; PATHS];
        let (mut count, mut marked) = (0, 0);
        for signal in self.latest.iter().filter(|signal| signal.at >= since) {
            delays[count] = signal.queueing;
            count += 1;
            marked += usize::from(signal.ce);
        }
        delays[..count].sort_unstable();
        // The lower middle of an even number: two paths, one of them bad, are no reason to slow down.
        let queueing = delays[count.saturating_sub(1) / 2];
        Median { queueing, marked: 2 * marked > count }
    }
}
