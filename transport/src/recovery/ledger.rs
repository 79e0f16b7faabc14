//! What is in flight: a queue indexed by packet number, threaded by one list per path.

use std::collections::VecDeque;
use std::ops::Range;

use crate::ids::PathId;
use crate::time::Time;

use super::SentKind;

/// End of a list.
const NONE: u64 = u64::MAX;

/// A packet in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<C> {
    pub path: PathId,
    pub bytes: u32,
    pub at: Time,
    pub content: C,
    pub kind: SentKind,
    /// Neighbours in sending order on the same path.
    before: u64,
    after: u64,
}

impl<C> Sent<C> {
    pub(super) const fn new(
        path: PathId,
        bytes: u32,
        at: Time,
        content: C,
        kind: SentKind,
    ) -> Self {
        Self { path, bytes, at, content, kind, before: NONE, after: NONE }
    }
}

/// The packets in flight on one path, in sending order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathList {
    head: u64,
    tail: u64,
}

impl Default for PathList {
    fn default() -> Self {
        Self { head: NONE, tail: NONE }
    }
}

impl PathList {
    pub(crate) const fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// The packet that was sent first.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.head != NONE).then_some(self.head)
    }
}

/// See the module's text. Its front is always a packet in flight, so its length is the span of the
/// outstanding numbers, at most [`crate::limits::OUTSTANDING_MAX`].
#[derive(Debug)]
pub(super) struct Ledger<C> {
    base: u64,
    entries: VecDeque<Option<Sent<C>>>,
    /// Which numbers are in flight, from `64 * (base / 64)` on: an acknowledgement is compared with
    /// 64 of them at a time.
    bits: VecDeque<u64>,
}

impl<C> Default for Ledger<C> {
    fn default() -> Self {
        Self { base: 0, entries: VecDeque::new(), bits: VecDeque::new() }
    }
}

impl<C> Ledger<C> {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The lowest number in flight.
    pub(super) fn first(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.base)
    }

    /// The words that hold the numbers in flight: word `w` has `64 * w` and the 63 after it.
    pub(super) fn words(&self) -> Range<u64> {
        let first = self.base / 64;
        first..first + self.bits.len() as u64
    }

    /// Bit `i`: number `64 * word + i` is in flight.
    pub(super) fn word(&self, word: u64) -> u64 {
        let index = word.checked_sub(self.base / 64).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.bits.get(index).copied()).unwrap_or(0)
    }

    fn flip(&mut self, number: u64) {
        let index = (number / 64 - self.base / 64) as usize;
        if index >= self.bits.len() {
            self.bits.resize(index + 1, 0);
        }
        self.bits[index] ^= 1 << (number % 64);
    }

    pub(super) fn get(&self, number: u64) -> Option<&Sent<C>> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.entries.get(index)?.as_ref()
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Sent<C>> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.entries.get_mut(index)?.as_mut()
    }

    /// Adds a packet. Numbers only grow; those skipped carried nothing that must be acknowledged.
    pub(super) fn insert(&mut self, number: u64, mut sent: Sent<C>, list: &mut PathList) {
        if self.entries.is_empty() {
            self.base = number;
        }
        self.flip(number);
        while self.base + (self.entries.len() as u64) < number {
            self.entries.push_back(None);
        }
        sent.before = list.tail;
        if let Some(tail) = self.get_mut(list.tail) {
            tail.after = number;
        } else {
            list.head = number;
        }
        list.tail = number;
        self.entries.push_back(Some(sent));
    }

    /// Takes a packet out.
    pub(super) fn remove(&mut self, number: u64, list: &mut PathList) -> Option<Sent<C>> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let sent = self.entries.get_mut(index)?.take()?;
        self.flip(number);
        match self.get_mut(sent.before) {
            Some(before) => before.after = sent.after,
            None => list.head = sent.after,
        }
        match self.get_mut(sent.after) {
            Some(after) => after.before = sent.before,
            None => list.tail = sent.before,
        }
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base += 1;
            if self.base.is_multiple_of(64) {
                self.bits.pop_front();
            }
        }
        if self.entries.is_empty() {
            self.bits.clear();
        }
        Some(sent)
    }
}
