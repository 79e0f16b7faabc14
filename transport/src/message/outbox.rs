//! Messages to one peer: ids, budgets, and whose turn it is (PROTOCOL §6.1, §6.4).

mod fragment;
mod order;
mod rma;

use std::collections::{HashMap, VecDeque};

use rustc_hash::FxBuildHasher;

use crate::ids::{MessageId, RmaId, SendId};

use super::outgoing::{Kind, Outgoing};
use super::{ControlFrame, FragmentRef, SendRequest};

pub use fragment::{FRAGMENT_ROOM_MIN, Fragment, FragmentHeader};
use order::Order;
pub(crate) use rma::Access;

/// Fragments of one message in a row before the next has its turn.
const QUANTUM: u32 = 16;

/// Ids are numbered by us: a fixed hasher serves.
type Table<K> = HashMap<K, u32, FxBuildHasher>;

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A send of the user's.
    Send(SendId),
    /// A one-sided operation of the user's.
    Rma(RmaId),
    /// The peer, who asked for it.
    Answer(MessageId),
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Outbox {
    slots: Vec<Option<Outgoing>>,
    free: Vec<u32>,
    by_owner: Table<Owner>,
    by_id: Table<MessageId>,
    /// Messages that wait for an id, in order.
    unopened: VecDeque<u32>,
    /// Messages with something to send, in turn.
    queue: VecDeque<u32>,
    turn: u32,
    next_id: u64,
    message_limit: u64,
    eager_limit: u64,
    eager_charged: u64,
    cancels: VecDeque<MessageId>,
    order: Order,
    uses: u32,
}

impl Outbox {
    /// Empty, and without any budget until the peer's parameters give one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a message.
    pub fn open(&mut self, send: SendId, request: SendRequest) {
        let slot = self.insert(Owner::Send(send), request, Kind::Send);
        self.unopened.push_back(slot);
        self.open_next();
    }

    fn insert(&mut self, owner: Owner, request: SendRequest, kind: Kind) -> u32 {
        self.uses = self.uses.wrapping_add(1);
        let outgoing = Some(Outgoing::new(owner, request, kind, self.uses));
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(slot as usize) {
            Some(free) => *free = outgoing,
            None => self.slots.push(outgoing),
        }
        self.by_owner.insert(owner, slot);
        slot
    }

    /// Gives ids to messages, as far as the peer's window goes.
    fn open_next(&mut self) {
        while self.next_id < self.message_limit {
            let Some(slot) = self.unopened.pop_front() else { return };
            let Some(outgoing) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else {
                continue;
            };
            let id = MessageId(self.next_id);
            self.next_id += 1;
            outgoing.id = Some(id);
            self.by_id.insert(id, slot);
            self.enqueue(slot);
        }
    }

    /// Charges the eager budget for a message that has just got something to send.
    fn start(&mut self, slot: u32) {
        let left = self.eager_limit.saturating_sub(self.eager_charged);
        let Some(outgoing) = self.get(slot) else { return };
        if outgoing.startable() {
            outgoing.start(left);
            let charged = outgoing.eager_end;
            self.eager_charged += charged;
        }
    }

    fn get(&mut self, slot: u32) -> Option<&mut Outgoing> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    fn enqueue(&mut self, slot: u32) {
        self.start(slot);
        if let Some(outgoing) = self.get(slot)
            && !outgoing.queued
            && outgoing.sendable()
        {
            outgoing.queued = true;
            self.queue.push_back(slot);
        }
    }

    /// Lets a range of a gated message go; `false` if there is no such message or range.
    pub fn release(&mut self, send: SendId, offset: u64, length: u64) -> bool {
        let Some(slot) = self.by_owner.get(&Owner::Send(send)).copied() else { return false };
        let Some(end) = offset.checked_add(length) else { return false };
        let released = self.get(slot).is_some_and(|outgoing| outgoing.release(offset, end));
        self.enqueue(slot);
        released
    }

    /// Whether [`next_fragment`](Self::next_fragment) has one.
    #[must_use]
    pub fn has_fragment(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether the next piece has more than `capacity` bytes.
    #[must_use]
    pub fn exceeds(&self, capacity: usize) -> bool {
        let next = self.queue.front().and_then(|slot| self.slots.get(*slot as usize)?.as_ref());
        next.is_some_and(|outgoing| outgoing.exceeds(capacity as u64))
    }

    /// The next piece to send, behind a DATA header with at most `capacity` bytes of payload, which are
    /// at least [`FRAGMENT_ROOM_MIN`]; less behind a longer header.
    pub fn next_fragment(&mut self, capacity: usize) -> Option<Fragment> {
        loop {
            let slot = *self.queue.front()?;
            let taken = self.get(slot).and_then(|outgoing| outgoing.take_behind_header(capacity));
            self.turn += 1;
            let more = self.get(slot).is_some_and(|outgoing| outgoing.sendable());
            if !more || self.turn >= QUANTUM {
                self.turn = 0;
                self.queue.pop_front();
                if more {
                    self.queue.push_back(slot);
                } else if let Some(outgoing) = self.get(slot) {
                    outgoing.queued = false;
                }
            }
            if let Some((start, end)) = taken {
                return self.fragment(slot, start, end);
            }
        }
    }

    fn find(&mut self, fragment: FragmentRef) -> Option<&mut Outgoing> {
        self.get(fragment.slot).filter(|outgoing| outgoing.use_count == fragment.use_count)
    }

    /// A piece was acknowledged; returns whose message that completes, if any. One-sided operations
    /// complete by their results.
    pub fn on_acked(&mut self, fragment: FragmentRef) -> Option<Owner> {
        let outgoing = self.find(fragment)?;
        if !outgoing.on_acked(u64::from(fragment.length)) {
            return None;
        }
        let owner = outgoing.owner;
        if matches!(owner, Owner::Rma(_)) {
            return None;
        }
        self.remove(fragment.slot);
        Some(owner)
    }

    /// A piece was lost.
    pub fn on_lost(&mut self, fragment: FragmentRef) {
        if let Some(outgoing) = self.find(fragment) {
            outgoing.on_lost(fragment.offset, fragment.offset + u64::from(fragment.length));
            self.enqueue(fragment.slot);
        }
    }

    fn remove(&mut self, slot: u32) -> Option<Outgoing> {
        let outgoing = self.slots.get_mut(slot as usize)?.take()?;
        if outgoing.queued {
            self.queue.retain(|queued| *queued != slot);
        }
        self.by_owner.remove(&outgoing.owner);
        match outgoing.id {
            Some(id) => {
                self.by_id.remove(&id);
            }
            None => self.unopened.retain(|waiting| *waiting != slot),
        }
        if let Owner::Rma(rma) = outgoing.owner {
            self.order.ended(rma, slot);
            self.open_held();
        }
        self.free.push(slot);
        Some(outgoing)
    }

    /// The peer allows more eager bytes or messages.
    pub fn on_credit(&mut self, eager_limit: u64, message_limit: u64) {
        self.eager_limit = self.eager_limit.max(eager_limit);
        self.message_limit = self.message_limit.max(message_limit);
        self.open_next();
    }

    /// The peer allows more of one message.
    pub fn on_grant(&mut self, message: MessageId, limit: u64) {
        let Some(slot) = self.by_id.get(&message).copied() else { return };
        if let Some(outgoing) = self.get(slot) {
            outgoing.granted = outgoing.granted.max(limit.min(outgoing.request.length));
        }
        self.enqueue(slot);
    }

    /// The peer will not take a message; returns whose fails. One-sided operations are ended by the
    /// caller.
    pub fn on_refuse(&mut self, message: MessageId) -> Option<Owner> {
        let slot = self.by_id.get(&message).copied()?;
        let owner = self.get(slot)?.owner;
        if !matches!(owner, Owner::Rma(_)) {
            self.remove(slot);
        }
        Some(owner)
    }

    /// Withdraws a message; `false` if it is not in progress.
    pub fn cancel(&mut self, owner: Owner) -> bool {
        let Some(slot) = self.by_owner.get(&owner).copied() else { return false };
        let Some(outgoing) = self.remove(slot) else { return false };
        if !matches!(owner, Owner::Answer(_)) {
            self.cancels.extend(outgoing.id);
        }
        true
    }

    /// Whether [`next_control`](Self::next_control) has one.
    #[must_use]
    pub fn has_control(&self) -> bool {
        !self.cancels.is_empty()
    }

    /// The next control frame to send.
    pub fn next_control(&mut self) -> Option<ControlFrame> {
        self.cancels.pop_front().map(|message| ControlFrame::Cancel { message })
    }

    /// A CANCEL was lost.
    pub fn on_cancel_lost(&mut self, message: MessageId) {
        self.cancels.push_back(message);
    }

    /// The peer is gone: whose messages fail.
    pub fn fail_all(&mut self) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.by_owner.keys().copied().collect();
        owners.extend(self.order.take_flushes().map(Owner::Rma));
        owners.sort_unstable();
        *self = Self { uses: self.uses, ..Self::default() };
        owners
    }

    /// Whether nothing is in progress.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.by_owner.is_empty() && self.cancels.is_empty()
    }

    /// A new session begins: ids and budgets start over. Only when nothing has an id.
    pub fn reset(&mut self) {
        self.next_id = 0;
        self.message_limit = 0;
        self.eager_limit = 0;
        self.eager_charged = 0;
    }
}
