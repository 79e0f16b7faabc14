//! One-sided operations of the peers, and answers to ours (PROTOCOL §12).

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use crate::error::OperationError;
use crate::event::Event;
use crate::ids::{MessageId, Rank};
use crate::limits::{GRANT_WINDOW, IMMEDIATES_MAX, WRITE_WINDOW};
use crate::memory::Memory;
use crate::packet::{AtomicRequest, DataHeader, ReadRequest, WriteHeader};
use crate::rma::{Atomic, Grants, Permissions, Refusal, RemoteAddress, RemoteKey};

use super::super::Outbox;
use super::super::incoming::{Incoming, Target, Write};
use super::peer::{Due, Request};
use super::{Inbox, Piece};

/// What makes a peer's packet a violation of the protocol.
type Violation = &'static str;

const CONTRADICTION: Violation = "message contradicts its earlier packets";

impl Inbox {
    /// Whether a request is new: `false` if it is over or under way, so that its packet says nothing.
    fn is_new(&self, rank: Rank, message: MessageId) -> Result<bool, Violation> {
        let Some(peer) = self.peers.get(&rank) else { return Ok(false) };
        if peer.is_done(message) || peer.requests.contains_key(&message) {
            return Ok(false);
        }
        if message.0 >= peer.message_limit() {
            return Err("message id beyond the window");
        }
        Ok(true)
    }

    /// Takes in a piece of a write.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub(crate) fn on_write(
        &mut self,
        rank: Rank,
        (header, payload): (&WriteHeader, &[u8]),
        grants: &Grants,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Violation> {
        let message = header.message;
        if !self.is_new(rank, message)? {
            return Ok(());
        }
        let begun = self.peers.get(&rank).is_some_and(|peer| peer.messages.contains_key(&message));
        if !begun && let Err(refusal) = self.begin_write(rank, header, grants) {
            self.result(rank, message, refusal.status(), 0);
            return Ok(());
        }
        let incoming = self.peers.get(&rank).and_then(|peer| peer.messages.get(&message));
        let agrees = incoming.is_some_and(|incoming| {
            let Target::Granted(write) = &incoming.target else { return false };
            let said = (incoming.length, write.address, write.immediate);
            said == (header.length, header.address, header.immediate)
        });
        if !agrees {
            return Err(CONTRADICTION);
        }
        let piece = Piece { eager: header.eager, offset: header.offset, payload };
        if self.take(rank, message, piece, memory, events)? {
            self.advance_write(rank, message, events);
        } else {
            self.refuse_write(rank, message, Refusal::Gone);
        }
        Ok(())
    }

    /// A write was heard of for the first time.
    fn begin_write(
        &mut self,
        rank: Rank,
        header: &WriteHeader,
        grants: &Grants,
    ) -> Result<(), Refusal> {
        let WriteHeader { address, length, immediate, .. } = *header;
        let extent = grants.check(rank, &address, length, Permissions::WRITE)?;
        let Some(peer) = self.peers.get_mut(&rank) else { return Err(Refusal::UnknownKey) };
        if immediate.is_some() {
            if peer.immediates >= IMMEDIATES_MAX {
                return Err(Refusal::NotReady);
            }
            peer.immediates += 1;
        }
        self.order += 1;
        let reach = WRITE_WINDOW.max(self.eager_budget);
        let target = Target::Granted(Write { address, extent, immediate });
        let incoming = Incoming::aimed(length, self.order, reach, target);
        peer.messages.insert(header.message, incoming);
        Ok(())
    }

    /// Completes the write if all has arrived, or asks for more of it.
    fn advance_write(&mut self, rank: Rank, message: MessageId, events: &mut VecDeque<Event>) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        let Some(incoming) = peer.messages.get(&message) else { return };
        if !incoming.complete() {
            self.want_more(rank, message);
            return;
        }
        if let Target::Granted(Write { address, immediate: Some(immediate), .. }) = incoming.target
        {
            let RemoteAddress { key, offset, .. } = address;
            let length = incoming.length;
            events.push_back(Event::RmaWritten { peer: rank, key, offset, length, immediate });
        }
        self.forget(rank, message);
        self.result(rank, message, Refusal::DONE, 0);
        self.grant();
    }

    /// Ends a write that has begun, and tells the peer how many of its eager bytes were counted.
    fn refuse_write(&mut self, rank: Rank, message: MessageId, refusal: Refusal) {
        let counted = self.forget(rank, message);
        self.result(rank, message, refusal.status(), counted);
        self.grant();
    }

    /// A one-sided operation of the peer's has ended here. Its id is in use until the peer has heard so.
    fn result(&mut self, rank: Rank, message: MessageId, status: u16, value: u64) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        peer.requests.insert(message, Request::Ended { status, value });
        self.due(rank, Due::Result(message));
    }

    /// The peer has heard how one of its operations ended, or has all of the answer to it.
    pub(crate) fn request_over(&mut self, rank: Rank, message: MessageId) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        if peer.requests.remove(&message).is_some() {
            peer.finish(message);
            self.credit(rank);
        }
    }

    /// Changes eight bytes, once, however often the request arrives.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub(crate) fn on_atomic(
        &mut self,
        rank: Rank,
        request: &AtomicRequest,
        grants: &Grants,
        memory: &mut dyn Memory,
    ) -> Result<(), Violation> {
        let message = request.message;
        if !self.is_new(rank, message)? {
            return Ok(());
        }
        self.is_first(rank, message)?;
        match execute(rank, request, grants, memory) {
            Ok(before) => self.result(rank, message, Refusal::DONE, before),
            Err(refusal) => self.result(rank, message, refusal.status(), 0),
        }
        Ok(())
    }

    /// Answers a read, through the outbox of the peer.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub(crate) fn on_read(
        &mut self,
        rank: Rank,
        request: &ReadRequest,
        grants: &Grants,
        outbox: &mut Outbox,
    ) -> Result<(), Violation> {
        let ReadRequest { message, address, length } = *request;
        if !self.is_new(rank, message)? {
            return Ok(());
        }
        self.is_first(rank, message)?;
        match grants.check(rank, &address, length, Permissions::READ) {
            Ok(extent) => {
                if let Some(peer) = self.peers.get_mut(&rank) {
                    peer.requests.insert(message, Request::Answering);
                }
                outbox.answer(message, address.key, extent, length);
            }
            Err(refusal) => self.result(rank, message, refusal.status(), 0),
        }
        Ok(())
    }

    /// A request that has no bytes must be the first that is heard of its message.
    fn is_first(&self, rank: Rank, message: MessageId) -> Result<(), Violation> {
        let begun = self.peers.get(&rank).is_some_and(|peer| peer.messages.contains_key(&message));
        if begun { Err(CONTRADICTION) } else { Ok(()) }
    }

    /// The memory of an answer is gone: the peer's read fails.
    pub(crate) fn answer_failed(&mut self, rank: Rank, message: MessageId, refusal: Refusal) {
        self.result(rank, message, refusal.status(), 0);
    }

    /// Takes in a piece of the answer to a read of ours.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub(crate) fn on_answer(
        &mut self,
        rank: Rank,
        (header, payload): (&DataHeader, &[u8]),
        outbox: &mut Outbox,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Violation> {
        let (message, Some(request)) = (header.message, header.message.request()) else {
            return Ok(());
        };
        let Some(peer) = self.peers.get_mut(&rank) else { return Ok(()) };
        if let Entry::Vacant(place) = peer.messages.entry(message) {
            // The end of a read is final: what comes later of its answer is dropped.
            let Some((rma, segments)) = outbox.begin_answer(request) else { return Ok(()) };
            if segments.length() != header.length {
                return Err("answer of another length than was asked for");
            }
            self.order += 1;
            let target = Target::Read { rma, segments };
            let incoming = Incoming::aimed(header.length, self.order, GRANT_WINDOW, target);
            place.insert(incoming);
        }
        let Some(incoming) = peer.messages.get(&message) else { return Ok(()) };
        let Target::Read { rma, .. } = incoming.target else { return Err(CONTRADICTION) };
        if !incoming.agrees(header) {
            return Err(CONTRADICTION);
        }
        let piece = Piece { eager: header.eager, offset: header.offset, payload };
        if !self.take(rank, message, piece, memory, events)? {
            self.drop_answer(rank, request);
            outbox.cancel_rma(rma, OperationError::BufferGone, events);
            return Ok(());
        }
        let incoming = self.peers.get(&rank).and_then(|peer| peer.messages.get(&message));
        if incoming.is_some_and(Incoming::complete) {
            self.drop_answer(rank, request);
            outbox.end(rma, Ok(0), events);
        } else {
            self.want_more(rank, message);
        }
        Ok(())
    }

    /// A read of ours has ended: nothing of its answer is placed any more.
    pub(crate) fn drop_answer(&mut self, rank: Rank, request: MessageId) {
        self.forget(rank, request.answer());
        self.credit(rank);
        self.grant();
    }

    /// Nothing is placed under a key any more: the writes that had begun end.
    pub(crate) fn revoke(&mut self, revoked: RemoteKey) {
        let mut ended = Vec::new();
        for (rank, peer) in &self.peers {
            for (message, incoming) in &peer.messages {
                if let Target::Granted(write) = &incoming.target
                    && write.address.key == revoked
                {
                    ended.push((*rank, *message));
                }
            }
        }
        // In an order that does not depend on a table's.
        ended.sort_unstable();
        for (rank, message) in ended {
            self.refuse_write(rank, message, Refusal::Revoked);
        }
    }

    /// An immediate of the peer's was taken; `false` if none is owed.
    pub(crate) fn immediate_taken(&mut self, rank: Rank) -> bool {
        let Some(peer) = self.peers.get_mut(&rank) else { return false };
        let owed = peer.immediates > 0;
        peer.immediates = peer.immediates.saturating_sub(1);
        owed
    }
}

/// What was there before.
fn execute(
    rank: Rank,
    request: &AtomicRequest,
    grants: &Grants,
    memory: &mut dyn Memory,
) -> Result<u64, Refusal> {
    let address = &request.address;
    let extent = grants.check(rank, address, Atomic::BYTES, Permissions::ATOMIC)?;
    if !address.offset.is_multiple_of(Atomic::BYTES) {
        return Err(Refusal::Misaligned);
    }
    let bytes = memory.source(extent.buffer, extent.offset, Atomic::BYTES as usize);
    let bytes: [u8; 8] = bytes.and_then(|b| b.try_into().ok()).ok_or(Refusal::Gone)?;
    let before = u64::from_ne_bytes(bytes);
    let after = request.operation.apply(before).to_ne_bytes();
    let placed = memory.place(extent.buffer, extent.offset, &after);
    if placed { Ok(before) } else { Err(Refusal::Gone) }
}
