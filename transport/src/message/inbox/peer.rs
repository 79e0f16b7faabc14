//! What the inbox knows of one peer.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rustc_hash::FxBuildHasher;

use crate::ids::{MessageId, Tag};
use crate::limits::MESSAGE_WINDOW;

use super::super::incoming::{Incoming, Target};

/// A control frame that waits to be sent; what it says is looked up then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// GRANT for a message.
    Grant(MessageId),
    /// REFUSE a message.
    Refuse(MessageId, u16),
    /// CREDIT.
    Credit,
    /// RESULT of a one-sided operation.
    Result(MessageId),
}

/// A one-sided operation of the peer's that is not over: nothing arrives for it any more, but its id is
/// in use until the peer has heard of its end. So what a peer can have us remember is bounded by its
/// window of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Its answer is under way.
    Answering,
    /// It has ended so.
    Ended { status: u16, value: u64 },
}

/// Ids and tags per peer are bounded by the message window: a fixed hasher serves.
type Table<K, V> = HashMap<K, V, FxBuildHasher>;

/// See the module's text.
#[derive(Debug)]
pub(super) struct PeerInbox {
    pub messages: Table<MessageId, Incoming>,
    pub requests: Table<MessageId, Request>,
    /// Immediates of its writes that are expected or wait to be taken.
    pub immediates: usize,
    /// Messages without a receive, by tag, oldest first.
    unmatched: BTreeMap<Tag, VecDeque<MessageId>>,
    /// Every message below this is done.
    low: u64,
    /// Which of the messages from `low` on are done: a ring of bits.
    done: Vec<u64>,
    /// Message limit that the peer was told last.
    pub messages_advertised: u64,
    pub eager_received: u64,
    pub eager_released: u64,
    /// Eager limit that the peer was told last.
    pub eager_advertised: u64,
    pub due: VecDeque<Due>,
    pub credit_due: bool,
    /// Receives that only this peer can fill.
    pub expected: u64,
}

impl PeerInbox {
    pub(super) fn new(eager_budget: u64) -> Self {
        Self {
            messages: Table::default(),
            requests: Table::default(),
            immediates: 0,
            unmatched: BTreeMap::new(),
            low: 0,
            done: vec![0; (MESSAGE_WINDOW / 64) as usize],
            messages_advertised: MESSAGE_WINDOW,
            eager_received: 0,
            eager_released: 0,
            eager_advertised: eager_budget,
            due: VecDeque::new(),
            credit_due: false,
            expected: 0,
        }
    }

    const fn place(message: u64) -> (usize, u64) {
        ((message % MESSAGE_WINDOW / 64) as usize, 1 << (message % 64))
    }

    /// Whether the message is over.
    pub(super) fn is_done(&self, message: MessageId) -> bool {
        if message.0 >= self.low + MESSAGE_WINDOW {
            return false;
        }
        let (word, bit) = Self::place(message.0);
        message.0 < self.low || self.done[word] & bit != 0
    }

    /// The message is over.
    pub(super) fn finish(&mut self, message: MessageId) {
        if message.0 < self.low || message.0 >= self.low + MESSAGE_WINDOW {
            return;
        }
        let (word, bit) = Self::place(message.0);
        self.done[word] |= bit;
        loop {
            let (word, bit) = Self::place(self.low);
            if self.done[word] & bit == 0 {
                break;
            }
            self.done[word] &= !bit;
            self.low += 1;
        }
    }

    /// Message ids below this may be used now.
    pub(super) const fn message_limit(&self) -> u64 {
        self.low + MESSAGE_WINDOW
    }

    /// A message waits for a receive.
    pub(super) fn wait(&mut self, tag: Tag, message: MessageId) {
        self.unmatched.entry(tag).or_default().push_back(message);
    }

    /// The message that has waited longest with this tag, and since when.
    pub(super) fn first_unmatched(&self, tag: Tag) -> Option<(u64, MessageId)> {
        let message = *self.unmatched.get(&tag)?.front()?;
        self.messages.get(&message).map(|incoming| (incoming.order, message))
    }

    /// The lowest tag under which a message waits.
    pub(super) fn lowest_unmatched(&self) -> Option<Tag> {
        self.unmatched.first_key_value().map(|(tag, _)| *tag)
    }

    /// Takes it.
    pub(super) fn take_unmatched(&mut self, tag: Tag) -> Option<MessageId> {
        let queue = self.unmatched.get_mut(&tag)?;
        let message = queue.pop_front();
        if queue.is_empty() {
            self.unmatched.remove(&tag);
        }
        message
    }

    /// A message will never be matched.
    pub(super) fn forget_unmatched(&mut self, tag: Tag, message: MessageId) {
        if let Some(queue) = self.unmatched.get_mut(&tag) {
            queue.retain(|waiting| *waiting != message);
            if queue.is_empty() {
                self.unmatched.remove(&tag);
            }
        }
    }

    /// Bytes stored for messages without a receive.
    pub(super) fn stored(&self) -> u64 {
        let stored = |incoming: &Incoming| match &incoming.target {
            Target::Storage(bytes) => bytes.len() as u64,
            _ => 0,
        };
        self.messages.values().map(stored).sum()
    }
}
