//! One-sided operations: granting memory, and using what others granted (PROTOCOL §12).

use std::collections::VecDeque;

use crate::error::{Error, OperationError};
use crate::event::Event;
use crate::ids::{Rank, RmaId};
use crate::message::Access;
use crate::rma::{Atomic, Exposure, Grant, Refusal, RemoteAddress, RemoteKey, Segment, Segments};
use crate::time::Time;

use super::Endpoint;
use super::operations::SEND_COUNTER_BITS;
use super::peer::State;

impl Endpoint {
    /// Lets peers use memory without this process's doing anything. The memory must be there until the
    /// grant is revoked, and nobody else may use it while packets are handled.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when too many grants stand; [`Error::Config`] for a range that is none.
    pub fn grant(&mut self, exposure: Exposure) -> Result<Grant, Error> {
        self.grants.grant(exposure)
    }

    /// Takes a grant back: when this returns, nothing is read or written under its key any more.
    /// Operations that are under way are refused.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownGrant`].
    pub fn revoke(&mut self, key: RemoteKey) -> Result<(), Error> {
        if !self.grants.revoke(key) {
            return Err(Error::UnknownGrant);
        }
        self.stop_using(key);
        Ok(())
    }

    fn stop_using(&mut self, key: RemoteKey) {
        self.inbox.revoke(key);
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            for request in peer.outbox.stop_answers(key) {
                self.inbox.answer_failed(peer.rank, request, Refusal::Revoked);
            }
        }
        self.touch_granted();
    }

    /// Ends the epoch, and with it every grant. Returns the new one.
    pub fn advance_epoch(&mut self) -> u32 {
        for key in self.grants.advance_epoch() {
            self.stop_using(key);
        }
        self.grants.epoch()
    }

    /// Whether peers may use memory of this process.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.grants.is_empty()
    }

    /// An [`Event::RmaWritten`] of the peer's was seen to: it may send another. `false` if none was
    /// owed.
    pub fn immediate_taken(&mut self, peer: Rank) -> bool {
        self.inbox.immediate_taken(peer)
    }

    /// Writes `source`, end to end, to `address` of the peer. Done ([`Event::RmaDone`]) when the peer has
    /// verified and placed every byte; with an immediate, the peer gets an [`Event::RmaWritten`] too.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`]; [`Error::Limit`] for more than 1024 segments, ones
    /// that are no ranges, or more than 2^40 bytes.
    pub fn write(
        &mut self,
        now: Time,
        peer: Rank,
        address: RemoteAddress,
        source: &[Segment],
        immediate: Option<u32>,
    ) -> Result<RmaId, Error> {
        let source = segments(source)?;
        self.access(now, peer, address, Access::Write { source, immediate })
    }

    /// Reads into `target`, end to end, from `address` of the peer. Done when every byte is there.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn read(
        &mut self,
        now: Time,
        peer: Rank,
        address: RemoteAddress,
        target: &[Segment],
    ) -> Result<RmaId, Error> {
        let target = segments(target)?;
        self.access(now, peer, address, Access::Read { target })
    }

    /// Changes eight bytes at `address` of the peer, exactly once. Done with what was there before.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`].
    pub fn atomic(
        &mut self,
        now: Time,
        peer: Rank,
        address: RemoteAddress,
        operation: Atomic,
    ) -> Result<RmaId, Error> {
        self.access(now, peer, address, Access::Atomic(operation))
    }

    fn access(
        &mut self,
        now: Time,
        rank: Rank,
        address: RemoteAddress,
        access: Access,
    ) -> Result<RmaId, Error> {
        let index = self.alive(rank)?;
        let rma = self.rma_id(index);
        self.peers[index].outbox.access(rma, address, access);
        if let State::Established(session) = &self.peers[index].state
            && !session.agreed().one_sided
        {
            let outbox = &mut self.peers[index].outbox;
            outbox.cancel_rma(rma, OperationError::Unsupported, &mut self.events);
        }
        self.ensure_session(now, index);
        self.touch(index);
        Ok(rma)
    }

    fn rma_id(&mut self, index: usize) -> RmaId {
        RmaId((index as u64) << SEND_COUNTER_BITS | self.operation())
    }

    /// One-sided operations with the peer from here on begin when all before have ended.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`].
    pub fn fence(&mut self, peer: Rank) -> Result<(), Error> {
        let index = self.alive(peer)?;
        self.peers[index].outbox.fence();
        Ok(())
    }

    /// Done when all one-sided operations with the peer that have begun before have ended, in whatever
    /// way.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`].
    pub fn flush(&mut self, peer: Rank) -> Result<RmaId, Error> {
        let index = self.alive(peer)?;
        let rma = self.rma_id(index);
        self.peers[index].outbox.flush(rma, &mut self.events);
        Ok(rma)
    }

    /// Withdraws a one-sided operation. Its local buffers are the caller's again when this returns;
    /// whether, and how far, it was carried out is not known.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRma`] if it is done already.
    pub fn cancel_rma(&mut self, rma: RmaId) -> Result<(), Error> {
        let index = (rma.0 >> SEND_COUNTER_BITS) as usize;
        let peer = self.peers.get_mut(index).ok_or(Error::UnknownRma(rma))?;
        let events: &mut VecDeque<Event> = &mut self.events;
        let cancelled = peer.outbox.cancel_rma(rma, OperationError::Cancelled, events);
        if let Some(message) = cancelled.ok_or(Error::UnknownRma(rma))? {
            self.inbox.drop_answer(peer.rank, message);
        }
        self.touch(index);
        self.touch_granted();
        Ok(())
    }
}

fn segments(list: &[Segment]) -> Result<Segments, Error> {
    Segments::new(list).ok_or(Error::Limit("segments of a one-sided operation"))
}
