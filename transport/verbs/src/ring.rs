//! What is posted on one send queue, and when it comes back.
//!
//! Completions of a send queue come in order, so one that is asked for tells of all before it. Asking
//! for each would cost the device a write and us a look per packet; asking for too few would leave
//! slots with the device for long. So every n-th request asks, and every train does while slots are scarce.

use std::collections::VecDeque;

/// Requests between two that ask for a completion.
pub const SIGNAL_EVERY: u32 = 16;

#[derive(Debug)]
struct Entry<T> {
    requests: u32,
    held: T,
}

/// Trains posted on a send queue, oldest first, each with what it holds until it is done.
#[derive(Debug)]
pub struct Ring<T> {
    capacity: u32,
    used: u32,
    entries: VecDeque<Entry<T>>,
    /// Number of the oldest train.
    first: u32,
    /// Requests since one asked for a completion.
    silent: u32,
}

impl<T> Ring<T> {
    /// An empty ring for a queue of so many requests.
    pub fn new(capacity: u32) -> Self {
        let entries = VecDeque::with_capacity(capacity as usize);
        Self { capacity, used: 0, entries, first: 0, silent: 0 }
    }

    /// Whether a train of so many requests fits.
    pub fn has_room(&self, requests: u32) -> bool {
        self.capacity - self.used >= requests
    }

    /// Adds a train that fits; returns its number, and whether its last request is to ask for a
    /// completion.
    pub fn push(&mut self, requests: u32, held: T, scarce: bool) -> (u32, bool) {
        debug_assert!(self.has_room(requests));
        let number = self.first.wrapping_add(self.entries.len() as u32);
        self.used += requests;
        self.entries.push_back(Entry { requests, held });
        self.silent += requests;
        let asks = scarce
            || self.silent >= SIGNAL_EVERY
            || self.capacity - self.used < self.capacity.min(2 * SIGNAL_EVERY);
        if asks {
            self.silent = 0;
        }
        (number, asks)
    }

    /// What the train of this number holds, if it is posted.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number.wrapping_sub(self.first) as usize).map(|entry| &entry.held)
    }

    /// Gives back what all trains up to and with this number held; none if it is not posted.
    pub fn retire(&mut self, number: u32, mut give: impl FnMut(T)) {
        let done = number.wrapping_sub(self.first) as usize;
        if done >= self.entries.len() {
            return;
        }
        for entry in self.entries.drain(..=done) {
            self.used -= entry.requests;
            self.first = self.first.wrapping_add(1);
            give(entry.held);
        }
    }

    /// Gives back everything: the queue was reset.
    pub fn clear(&mut self, mut give: impl FnMut(T)) {
        for entry in self.entries.drain(..) {
            self.first = self.first.wrapping_add(1);
            give(entry.held);
        }
        self.used = 0;
        self.silent = 0;
    }

    /// What all posted trains hold, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.held)
    }
}
