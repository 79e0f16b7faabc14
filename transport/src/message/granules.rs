//! Which granules of a message have arrived: the bitmap that makes placement exactly-once
//! (PROTOCOL §6.3).

use crate::limits::{GRANT_WINDOW, GRANULE};

/// Granules of the window that a bitmap covers at most.
const WINDOW: u64 = GRANT_WINDOW / GRANULE;

/// A sliding bitmap over the granules of one message. Everything before `base` has arrived; the window
/// of at most [`WINDOW`] granules from there is a ring of words.
#[derive(Clone, Debug)]
pub(super) struct Granules {
    words: Vec<u64>,
    /// First granule of the window, a multiple of 64.
    base: u64,
    /// Granules of the message.
    total: u64,
}

impl Granules {
    /// None of a message of `length` bytes, with a window of `reach` bytes until it is widened.
    pub(super) fn new(length: u64, reach: u64) -> Self {
        let total = length.div_ceil(GRANULE);
        let words = Self::words_for(total.min(reach.div_ceil(GRANULE)));
        Self { words: vec![0; words], base: 0, total }
    }

    const fn words_for(granules: u64) -> usize {
        let granules = if granules < WINDOW { granules } else { WINDOW };
        let words = granules.div_ceil(64);
        if words == 0 { 1 } else { words as usize }
    }

    /// Gives the window its full size: only messages that a receive has matched are worth that much
    /// memory, since a peer can open many more.
    pub(super) fn widen(&mut self) {
        let words = Self::words_for(self.total);
        if words <= self.words.len() {
            return;
        }
        let mut wider = vec![0; words];
        let first = self.base / 64;
        for word in first..first + self.words.len() as u64 {
            let narrow = (word % self.words.len() as u64) as usize;
            wider[(word % words as u64) as usize] = self.words[narrow];
        }
        self.words = wider;
    }

    /// Bytes that the bitmap takes.
    #[cfg(test)]
    pub(super) const fn memory(&self) -> usize {
        self.words.len() * 8
    }

    const fn slot(&self, granule: u64) -> usize {
        (granule / 64 % self.words.len() as u64) as usize
    }

    /// The first byte beyond the window.
    pub(super) const fn window_end(&self) -> u64 {
        (self.base + 64 * self.words.len() as u64) * GRANULE
    }

    /// Marks the bytes from `start` to `end`, the former a multiple of 64, the latter one too or the
    /// message's end, and calls `fresh` with each maximal run of bytes that were not marked before.
    /// The range must end within the window.
    pub(super) fn insert(&mut self, start: u64, end: u64, mut fresh: impl FnMut(u64, u64)) {
        let (mut granule, last) = ((start / GRANULE).max(self.base), end.div_ceil(GRANULE));
        let mut run: Option<u64> = None;
        while granule < last {
            let slot = self.slot(granule);
            let shift = granule % 64;
            let count = (64 - shift).min(last - granule);
            let mask = (u64::MAX >> (64 - count)) << shift;
            let new = mask & !self.words[slot];
            self.words[slot] |= mask;
            if new == mask {
                run.get_or_insert(granule);
            } else {
                for bit in shift..shift + count {
                    let at = granule - shift + bit;
                    if new >> bit & 1 != 0 {
                        run.get_or_insert(at);
                    } else if let Some(from) = run.take() {
                        fresh(from * GRANULE, at * GRANULE);
                    }
                }
            }
            granule += count;
        }
        if let Some(from) = run {
            fresh(from * GRANULE, end);
        }
        self.slide();
    }

    /// Calls `run` with each maximal run of marked bytes before `end`, in order. Only for messages that
    /// have not outgrown the window's first position plus what has slid by, as stored ones have not.
    pub(super) fn marked(&self, end: u64, mut run: impl FnMut(u64, u64)) {
        let last = end.div_ceil(GRANULE);
        let mut from: Option<u64> = None;
        for granule in 0..last {
            let marked =
                granule < self.base || self.words[self.slot(granule)] >> (granule % 64) & 1 != 0;
            if marked {
                from.get_or_insert(granule);
            } else if let Some(from) = from.take() {
                run(from * GRANULE, granule * GRANULE);
            }
        }
        if let Some(from) = from {
            run(from * GRANULE, end);
        }
    }

    /// Moves the window past what has arrived without a gap.
    fn slide(&mut self) {
        while self.words[self.slot(self.base)] == u64::MAX && self.base + 64 < self.total {
            let slot = self.slot(self.base);
            self.words[slot] = 0;
            self.base += 64;
        }
    }
}
