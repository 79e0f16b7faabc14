//! The little order that one-sided operations have: fences and flushes (PROTOCOL §12.7). Both are the
//! initiator's own affair; nothing of them is on the wire.

use std::collections::VecDeque;

use crate::event::Event;
use crate::ids::RmaId;

/// Something that waits behind a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Fence,
    Access(u32),
}

#[derive(Clone, Copy, Debug)]
struct Flush {
    rma: RmaId,
    /// Operations before it that have not ended.
    before: u64,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Operations that have not ended, held or not.
    open: u64,
    held: VecDeque<Held>,
    /// Those among `open` that are held.
    held_back: u64,
    flushes: Vec<Flush>,
    flushed: VecDeque<RmaId>,
}

impl Order {
    /// An operation begins; `false` if it must wait behind a fence.
    pub(super) fn begin(&mut self, slot: u32) -> bool {
        self.open += 1;
        if self.held.is_empty() {
            return true;
        }
        self.held.push_back(Held::Access(slot));
        self.held_back += 1;
        false
    }

    /// What begins from here on waits for the end of all before.
    pub(super) fn fence(&mut self) {
        if self.open > 0 && self.held.back() != Some(&Held::Fence) {
            self.held.push_back(Held::Fence);
        }
    }

    /// `rma` is flushed when all before it have ended.
    pub(super) fn flush(&mut self, rma: RmaId) {
        if self.open == 0 {
            self.flushed.push_back(rma);
        } else {
            self.flushes.push(Flush { rma, before: self.open });
        }
    }

    /// An operation has ended, in whatever way.
    pub(super) fn ended(&mut self, rma: RmaId, slot: u32) {
        self.open -= 1;
        if self.held_back > 0 {
            let held = self.held.len();
            self.held.retain(|held| *held != Held::Access(slot));
            self.held_back -= (held - self.held.len()) as u64;
        }
        for flush in self.flushes.iter_mut().filter(|flush| flush.rma > rma) {
            flush.before -= 1;
        }
        let flushed = &mut self.flushed;
        self.flushes.retain(|flush| {
            if flush.before == 0 {
                flushed.push_back(flush.rma);
            }
            flush.before > 0
        });
    }

    /// An operation that need not wait any longer.
    pub(super) fn next_free(&mut self) -> Option<u32> {
        loop {
            match self.held.front()? {
                Held::Access(slot) => {
                    let slot = *slot;
                    self.held.pop_front();
                    self.held_back -= 1;
                    return Some(slot);
                }
                Held::Fence if self.open == self.held_back => {
                    self.held.pop_front();
                }
                Held::Fence => return None,
            }
        }
    }

    /// Reports the flushes that are through.
    pub(super) fn report(&mut self, events: &mut VecDeque<Event>) {
        events.extend(self.flushed.drain(..).map(|rma| Event::RmaDone { rma, value: 0 }));
    }

    /// Withdraws a flush; `false` if it is none.
    pub(super) fn cancel_flush(&mut self, rma: RmaId) -> bool {
        let before = self.flushes.len();
        self.flushes.retain(|flush| flush.rma != rma);
        self.flushes.len() < before
    }

    /// Every flush that is not through.
    pub(super) fn take_flushes(&mut self) -> impl Iterator<Item = RmaId> + '_ {
        self.flushes.drain(..).map(|flush| flush.rma).chain(self.flushed.drain(..))
    }
}
