//! The grant pool: how many bytes all peers together may have under way towards us, so that an incast
//! ends in waiting senders and not in overrun buffers (PROTOCOL §6.5).

use std::collections::VecDeque;

use crate::ids::{MessageId, Rank};

/// The most that one message is granted at a turn, and the least that is worth a turn: an eighth of the
/// budget, between these, so that a small budget is shared and not handed to one after the other.
const CHUNK_MAX: u64 = 1 << 20;
const CHUNK_MIN: u64 = 64 << 10;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Pool {
    budget: u64,
    /// Bytes granted that have not arrived.
    used: u64,
    /// Messages that want more, in turn.
    waiting: VecDeque<(Rank, MessageId)>,
}

impl Pool {
    pub(super) const fn new(budget: u64) -> Self {
        Self { budget, used: 0, waiting: VecDeque::new() }
    }

    /// A message wants more; the caller sees to it that it stands here once.
    pub(super) fn want(&mut self, peer: Rank, message: MessageId) {
        self.waiting.push_back((peer, message));
    }

    /// The next message in turn, if there is anything to give.
    pub(super) fn next(&mut self) -> Option<(Rank, MessageId)> {
        if self.used >= self.budget { None } else { self.waiting.pop_front() }
    }

    /// Takes up to `wanted` bytes, one turn's worth.
    pub(super) fn take(&mut self, wanted: u64) -> u64 {
        let given = wanted.min((self.budget / 8).clamp(CHUNK_MIN, CHUNK_MAX));
        self.used += given;
        given
    }

    /// Bytes that were granted have arrived, or never will.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}
