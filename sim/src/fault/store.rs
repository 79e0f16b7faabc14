//! Packets that wait for others to pass them.

use sealane_transport::device::{Ecn, Received, Route};

/// Packets held at a time; beyond it a packet that should wait is lost, as in any queue.
const HELD_MAX: usize = 1024;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) route: Route,
    pub(super) ecn: Ecn,
    pub(super) bytes: Vec<u8>,
    due: u64,
}

impl Held {
    pub(super) fn received(&mut self) -> Received<'_> {
        let stride = self.bytes.len().max(1);
        Received { route: self.route, ecn: self.ecn, stride, bytes: &mut self.bytes }
    }
}

/// Held packets, and memory for the next ones. Time is counted in turns: packets and polls.
#[derive(Debug, Default)]
pub(super) struct Store {
    clock: u64,
    held: Vec<Held>,
    spare: Vec<Vec<u8>>,
}

impl Store {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Holds a copy of `bytes` for `turns` turns.
    pub(super) fn put(&mut self, route: Route, ecn: Ecn, bytes: &[u8], turns: u32) {
        if self.held.len() == HELD_MAX {
            return;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        let due = self.clock + u64::from(turns);
        self.held.push(Held { route, ecn, bytes: copy, due });
    }

    /// Lets one turn pass.
    pub(super) fn tick(&mut self) {
        self.clock += 1;
    }

    /// Hands every packet that is due to `sink`, in the order in which they fell due; returns how many.
    pub(super) fn release(&mut self, mut sink: impl FnMut(&mut Held)) -> usize {
        let mut released = 0;
        loop {
            let earliest = (0..self.held.len()).min_by_key(|&at| self.held[at].due);
            let Some(at) = earliest.filter(|&at| self.held[at].due <= self.clock) else {
                return released;
            };
            let mut held = self.held.remove(at);
            sink(&mut held);
            self.spare.push(held.bytes);
            released += 1;
        }
    }
}
