//! The replay window: which of the last 8192 packet numbers were opened (PROTOCOL §4.5).
//!
//! It is also what acknowledgements are made of, so reading ranges works on whole words.

use super::OpenError;
use crate::limits::{PACKET_NUMBER_MAX, REPLAY_WINDOW};

const BITS: u64 = u64::BITS as u64;
const WORDS: usize = (REPLAY_WINDOW / BITS) as usize;

/// A sliding bitmap of exactly [`REPLAY_WINDOW`] numbers that ends with the highest one marked.
///
/// A ring: number `n` has bit `n mod 8192`. Bits of numbers above the highest alias those of the
/// window's oldest, so every read masks to the window, and sliding clears what enters it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    ring: Box<[u64; WORDS]>,
    /// One more than the highest number marked; 0 while nothing is.
    end: u64,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayWindow {
    /// A window that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { ring: Box::new([0; WORDS]), end: 0 }
    }

    /// Whether `number` may still be marked.
    ///
    /// # Errors
    ///
    /// [`OpenError::Replay`] if it is marked already, [`OpenError::TooOld`] if the window has
    /// passed it, [`OpenError::Malformed`] if it is no packet number.
    pub fn check(&self, number: u64) -> Result<(), OpenError> {
        if number > PACKET_NUMBER_MAX {
            Err(OpenError::Malformed)
        } else if number >= self.end {
            Ok(())
        } else if number < self.start() {
            Err(OpenError::TooOld)
        } else if self.bit(number) {
            Err(OpenError::Replay)
        } else {
            Ok(())
        }
    }

    /// Checks and marks `number`. Call it only for packets that are authentic.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check); nothing changes then.
    pub fn mark(&mut self, number: u64) -> Result<(), OpenError> {
        self.check(number)?;
        if number >= self.end {
            self.clear(self.end.max((number + 1).saturating_sub(REPLAY_WINDOW)), number + 1);
            self.end = number + 1;
        }
        self.ring[slot(number)] |= 1 << (number % BITS);
        Ok(())
    }

    /// The highest number marked.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.end.checked_sub(1)
    }

    /// Whether `number` is marked; `false` for numbers that the window has passed.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        (self.start()..self.end).contains(&number) && self.bit(number)
    }

    /// The lowest number, not below `floor`, that is not marked. Numbers that the window has passed
    /// count as marked: nothing can be said of them, and their sender has given them up.
    #[must_use]
    pub fn first_missing(&self, floor: u64) -> u64 {
        let mut number = floor.max(self.start());
        while number < self.end {
            let run = u64::from((self.word(number)).trailing_ones());
            number += run;
            if run < BITS {
                break;
            }
        }
        number
    }

    /// Fills `words` with the marks from `base` on: bit `i` of word `w`, LSB first, is number
    /// `base + 64w + i`. Returns how many words hold any range up to the highest number marked, at
    /// most all; the others are zeroed.
    pub fn fill(&self, base: u64, words: &mut [u64]) -> usize {
        let range = self.end.saturating_sub(base).div_ceil(BITS);
        let used = usize::try_from(range).unwrap_or(usize::MAX).min(words.len());
        let (filled, unused) = words.split_at_mut(used);
        unused.fill(0);
        if base < self.start() {
            for (number, word) in (base..).step_by(BITS as usize).zip(filled) {
                *word = self.word(number);
            }
            return used;
        }
        // Inside the window only the last word needs a mask.
        let shift = base % BITS;
        let mut slot = slot(base);
        let mut low = self.ring[slot];
        let mut number = base;
        for word in &mut *filled {
            slot = (slot + 1) % WORDS;
            let high = self.ring[slot];
            *word = low >> shift | (high << 1) << (BITS - 1 - shift);
            low = high;
            number += BITS;
        }
        if let Some(last) = filled.last_mut() {
            *last &= u64::MAX >> number.saturating_sub(self.end);
        }
        used
    }

    /// The oldest number that the window remembers.
    const fn start(&self) -> u64 {
        self.end.saturating_sub(REPLAY_WINDOW)
    }

    /// The mark of a number inside the window.
    fn bit(&self, number: u64) -> bool {
        self.ring[slot(number)] >> (number % BITS) & 1 != 0
    }

    /// The marks of the 64 numbers from `from` on; clear outside the window.
    fn word(&self, from: u64) -> u64 {
        let start = self.start();
        if from >= self.end || from + BITS <= start {
            return 0;
        }
        let shift = from % BITS;
        let low = self.ring[slot(from)] >> shift;
        // In two steps, because a shift by 64 is none.
        let high = (self.ring[slot(from + BITS)] << 1) << (BITS - 1 - shift);
        let above = BITS - (self.end - from).min(BITS);
        let below = start.saturating_sub(from);
        (low | high) & (u64::MAX >> above) & (u64::MAX << below)
    }

    /// Clears the marks of `from..to`, at most the whole ring.
    fn clear(&mut self, from: u64, to: u64) {
        let mut number = from;
        while number < to {
            let shift = number % BITS;
            let count = (BITS - shift).min(to - number);
            self.ring[slot(number)] &= !((u64::MAX >> (BITS - count)) << shift);
            number += count;
        }
    }
}

/// The word of the ring that holds `number`.
const fn slot(number: u64) -> usize {
    (number / BITS) as usize % WORDS
}
