//! One-sided operations on their way out, and answers to those of the peer (PROTOCOL §12).

use std::collections::VecDeque;

use crate::error::OperationError;
use crate::event::Event;
use crate::ids::{BufferId, MessageId, RmaId, Tag};
use crate::rma::{Atomic, Extent, Refusal, RemoteAddress, RemoteKey, Segments};

use super::super::SendRequest;
use super::super::outgoing::Kind;
use super::{Outbox, Owner};

/// What to do to granted memory, and the local memory that takes part.
#[derive(Debug)]
pub(crate) enum Access {
    /// Write `source`, and tell the target `immediate` when it is there.
    Write { source: Segments, immediate: Option<u32> },
    /// Read into `target`.
    Read { target: Segments },
    /// Change eight bytes.
    Atomic(Atomic),
}

/// A message without bytes, or with `length` of `buffer`.
fn request(buffer: BufferId, length: u64) -> SendRequest {
    // Results and answers bring the acknowledgement along.
    SendRequest { tag: Tag(0), buffer, length, immediate: 0, gated: false, deferred_ack: true }
}

impl Outbox {
    /// Takes in a one-sided operation.
    pub(crate) fn access(&mut self, rma: RmaId, address: RemoteAddress, access: Access) {
        let mut gather = None;
        let (base, request, kind) = match access {
            Access::Write { source, immediate } => {
                let length = source.length();
                let (buffer, base) = source.single().unwrap_or_else(|| {
                    gather = Some(source);
                    (BufferId::default(), 0)
                });
                (base, request(buffer, length), Kind::Write { address, immediate })
            }
            Access::Read { target } => {
                let length = target.length();
                let kind = Kind::Read { address, length, target: Some(target) };
                (0, request(BufferId::default(), 0), kind)
            }
            Access::Atomic(operation) => {
                (0, request(BufferId::default(), 0), Kind::Atomic { address, operation })
            }
        };
        let slot = self.insert(Owner::Rma(rma), request, kind);
        if let Some(outgoing) = self.get(slot) {
            outgoing.base = base;
            outgoing.gather = gather;
        }
        if self.order.begin(slot) {
            self.unopened.push_back(slot);
            self.open_next();
        }
    }

    /// One-sided operations from here on wait until all before have ended.
    pub(crate) fn fence(&mut self) {
        self.order.fence();
    }

    /// `rma` is done when all one-sided operations before it have ended.
    pub(crate) fn flush(&mut self, rma: RmaId, events: &mut VecDeque<Event>) {
        self.order.flush(rma);
        self.order.report(events);
    }

    /// Opens what a fence has held back long enough.
    pub(super) fn open_held(&mut self) {
        while let Some(slot) = self.order.next_free() {
            self.unopened.push_back(slot);
        }
        self.open_next();
    }

    /// Sends memory that the peer asked for.
    pub(crate) fn answer(
        &mut self,
        message: MessageId,
        key: RemoteKey,
        extent: Extent,
        length: u64,
    ) {
        let owner = Owner::Answer(message);
        let slot = self.insert(owner, request(extent.buffer, length), Kind::Answer { key });
        if let Some(outgoing) = self.get(slot) {
            outgoing.base = extent.offset;
            outgoing.id = Some(message.answer());
        }
        self.by_id.insert(message.answer(), slot);
        self.enqueue(slot);
    }

    /// The answer to a read begins: whose it is, and where it goes. `None` if there is no such read, or
    /// its answer has begun before.
    pub(crate) fn begin_answer(&mut self, message: MessageId) -> Option<(RmaId, Segments)> {
        let slot = self.by_id.get(&message).copied()?;
        let outgoing = self.get(slot)?;
        match (&mut outgoing.kind, outgoing.owner) {
            (Kind::Read { target, .. }, Owner::Rma(rma)) => Some((rma, target.take()?)),
            _ => None,
        }
    }

    /// How one of our operations ended at the target. `eager` bytes of a refused write were counted
    /// there; the rest of its prefix is ours to use again.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub(crate) fn on_result(
        &mut self,
        message: MessageId,
        status: u16,
        value: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<(), &'static str> {
        let Some(slot) = self.by_id.get(&message).copied() else { return Ok(()) };
        let Some(outgoing) = self.get(slot) else { return Ok(()) };
        let Owner::Rma(rma) = outgoing.owner else { return Err("result of a send") };
        let refusal = Refusal::from_status(status);
        let refund = match (&outgoing.kind, refusal) {
            (Kind::Read { .. }, None) => return Err("a read ends by its answer"),
            (Kind::Write { .. }, None) if !outgoing.all_sent() => {
                return Err("done before everything was sent");
            }
            (Kind::Write { .. }, Some(_)) => outgoing.eager_end.saturating_sub(value),
            _ => 0,
        };
        self.eager_charged -= refund.min(self.eager_charged);
        let ended = match refusal {
            None => Ok(value),
            Some(refusal) => Err(OperationError::RemoteAccess(refusal)),
        };
        self.end(rma, ended, events);
        Ok(())
    }

    /// The answer to a read is complete, or cannot be taken.
    pub(crate) fn end(
        &mut self,
        rma: RmaId,
        ended: Result<u64, OperationError>,
        events: &mut VecDeque<Event>,
    ) {
        let Some(slot) = self.by_owner.get(&Owner::Rma(rma)).copied() else { return };
        self.remove(slot);
        events.push_back(match ended {
            Ok(value) => Event::RmaDone { rma, value },
            Err(error) => Event::RmaFailed { rma, error },
        });
        self.order.report(events);
    }

    /// Withdraws one of our operations; returns its message, if it has one, and `None` if it is not in
    /// progress.
    pub(crate) fn cancel_rma(
        &mut self,
        rma: RmaId,
        error: OperationError,
        events: &mut VecDeque<Event>,
    ) -> Option<Option<MessageId>> {
        let slot = self.by_owner.get(&Owner::Rma(rma)).copied();
        let Some(slot) = slot else {
            let cancelled = self.order.cancel_flush(rma);
            if cancelled {
                events.push_back(Event::RmaFailed { rma, error });
            }
            return cancelled.then_some(None);
        };
        let message = self.get(slot).and_then(|outgoing| outgoing.id);
        self.end(rma, Err(error), events);
        self.cancels.extend(message);
        Some(message)
    }

    /// Ends every one-sided operation.
    pub(crate) fn fail_rma(&mut self, error: &OperationError, events: &mut VecDeque<Event>) {
        let mut open: Vec<RmaId> = self
            .by_owner
            .keys()
            .filter_map(|owner| if let Owner::Rma(rma) = owner { Some(*rma) } else { None })
            .collect();
        open.sort_unstable();
        for rma in open {
            self.end(rma, Err(error.clone()), events);
        }
    }

    /// Stops answering under a key; returns the requests.
    pub(crate) fn stop_answers(&mut self, revoked: RemoteKey) -> Vec<MessageId> {
        let mut stopped = Vec::new();
        for outgoing in self.slots.iter().flatten() {
            if let (Kind::Answer { key }, Owner::Answer(message)) = (&outgoing.kind, outgoing.owner)
                && *key == revoked
            {
                stopped.push(message);
            }
        }
        for message in &stopped {
            self.cancel(Owner::Answer(*message));
        }
        stopped
    }
}
