//! Commands: send, receive, release, cancel, connect, close.

use bytes::Bytes;

use crate::error::{Error, LossCause, OperationError};
use crate::event::Event;
use crate::ids::{Rank, RecvId, SendId, Tag};
use crate::limits;
use crate::memory::Memory;
use crate::message::{Owner, RecvRequest, SendRequest};
use crate::session::Closing;
use crate::time::Time;

use super::Endpoint;
use super::peer::State;

/// Bits of a [`SendId`] that count; the bits above them name the peer's slot.
pub(super) const SEND_COUNTER_BITS: u32 = 40;

/// Control frames that may wait for a session, per peer.
const WAITING_MAX: usize = 64;

impl Endpoint {
    fn known(&self, rank: Rank) -> Result<usize, Error> {
        self.ranks.get(&rank).copied().ok_or(Error::UnknownPeer(rank))
    }

    pub(super) fn alive(&self, rank: Rank) -> Result<usize, Error> {
        let index = self.known(rank)?;
        match &self.peers[index].state {
            State::Lost(cause) => Err(Error::PeerLost { rank, cause: cause.clone() }),
            _ => Ok(index),
        }
    }

    /// Starts forming a session, if there is none. Sends and receives do this by themselves.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`].
    pub fn connect(&mut self, now: Time, peer: Rank) -> Result<(), Error> {
        let index = self.alive(peer)?;
        self.ensure_session(now, index);
        Ok(())
    }

    pub(super) fn ensure_session(&mut self, now: Time, index: usize) {
        let peer = &mut self.peers[index];
        if matches!(peer.state, State::Idle) && !peer.addresses.is_empty() {
            peer.state = State::Connecting;
            self.control.connect(now, peer.rank, &peer.addresses);
            self.drain_control(now);
        }
    }

    /// Sends a message. It is done at [`Event::Sent`]: every byte verified and placed, or buffered
    /// within the eager budget, by the peer.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`], [`Error::TooLong`].
    pub fn send(&mut self, now: Time, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        let index = self.alive(peer)?;
        if request.length > limits::MESSAGE_BYTES_MAX {
            return Err(Error::TooLong(request.length));
        }
        let send = SendId((index as u64) << SEND_COUNTER_BITS | self.operation());
        self.peers[index].outbox.open(send, request);
        self.ensure_session(now, index);
        self.touch(index);
        Ok(send)
    }

    pub(super) fn operation(&mut self) -> u64 {
        self.next_operation += 1;
        self.next_operation & ((1 << SEND_COUNTER_BITS) - 1)
    }

    fn send_index(&self, send: SendId) -> Result<usize, Error> {
        let index = (send.0 >> SEND_COUNTER_BITS) as usize;
        if index < self.peers.len() { Ok(index) } else { Err(Error::UnknownSend(send)) }
    }

    /// Lets `length` bytes at `offset` of a gated send go out. Ranges may be released in any order,
    /// each byte once; they begin at multiples of 64 and end at one or at the message's end.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSend`].
    pub fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        let index = self.send_index(send)?;
        if !self.peers[index].outbox.release(send, offset, length) {
            return Err(Error::UnknownSend(send));
        }
        self.touch(index);
        Ok(())
    }

    /// Posts a receive. It is done at [`Event::Received`]. A receive that names a peer forms the
    /// session too, so that the peer's death is noticed.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`], [`Error::TooLong`].
    pub fn post_recv(
        &mut self,
        now: Time,
        request: RecvRequest,
        memory: &mut dyn Memory,
    ) -> Result<RecvId, Error> {
        if request.capacity > limits::MESSAGE_BYTES_MAX {
            return Err(Error::TooLong(request.capacity));
        }
        let index = request.from.map(|rank| self.alive(rank)).transpose()?;
        let recv = RecvId(self.operation());
        self.inbox.post(recv, request, memory, &mut self.events);
        if let Some(index) = index {
            self.ensure_session(now, index);
            self.touch(index);
        }
        self.touch_granted();
        Ok(recv)
    }

    /// Whether a message of a peer has come that waits for a receive of this tag.
    #[must_use]
    pub fn has_unmatched(&self, from: Rank, tag: Tag) -> bool {
        self.inbox.has_unmatched(from, tag)
    }

    /// The lowest tag under which a message has come that no receive has taken, and from whom.
    #[must_use]
    pub fn lowest_unmatched(&self) -> Option<(Rank, Tag)> {
        self.inbox.lowest_unmatched()
    }

    /// Withdraws a send. Its buffer is the caller's again when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSend`] if it is done already.
    pub fn cancel_send(&mut self, send: SendId) -> Result<(), Error> {
        let index = self.send_index(send)?;
        if !self.peers[index].outbox.cancel(Owner::Send(send)) {
            return Err(Error::UnknownSend(send));
        }
        self.events.push_back(Event::SendFailed { send, error: OperationError::Cancelled });
        self.touch(index);
        Ok(())
    }

    /// Withdraws a receive. Its buffer is the caller's again when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecv`] if it is done already.
    pub fn cancel_recv(&mut self, recv: RecvId) -> Result<(), Error> {
        let Some(from) = self.inbox.cancel(recv) else { return Err(Error::UnknownRecv(recv)) };
        if let Some(index) = from.and_then(|rank| self.ranks.get(&rank).copied()) {
            self.touch(index);
        }
        self.events.push_back(Event::RecvFailed { recv, error: OperationError::Cancelled });
        self.touch_granted();
        Ok(())
    }

    /// Sends a frame of the application on the authenticated control stream: reliable, in order.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`], [`Error::Limit`] when the frame is over 1 MiB or
    /// too many wait for the session.
    pub fn send_control(
        &mut self,
        now: Time,
        peer: Rank,
        kind: u16,
        body: Bytes,
    ) -> Result<(), Error> {
        let index = self.alive(peer)?;
        if body.len() > limits::CONTROL_FRAME_MAX {
            return Err(Error::Limit("bytes of a control frame"));
        }
        if matches!(self.peers[index].state, State::Established(_)) {
            self.control.send(peer, kind, body)?;
        } else {
            if self.peers[index].waiting.len() >= WAITING_MAX {
                return Err(Error::Limit("control frames waiting for a session"));
            }
            self.peers[index].waiting.push((kind, body));
            self.ensure_session(now, index);
        }
        self.drain_control(now);
        Ok(())
    }

    /// Ends the session with a peer and fails what is in progress with it. `code` 0 is an orderly end.
    pub fn close_peer(&mut self, now: Time, peer: Rank, code: u16, reason: &str) {
        if let Ok(index) = self.alive(peer) {
            let cause = LossCause::Closed { code, reason: reason.to_owned() };
            let closing = Closing { code, reason: reason.to_owned() };
            self.lose(now, index, &cause, Some(closing));
        }
    }

    /// Ends every session.
    pub fn close(&mut self, now: Time, code: u16, reason: &str) {
        for index in 0..self.peers.len() {
            self.close_peer(now, self.peers[index].rank, code, reason);
        }
    }

    /// The peer is gone: everything in progress with it fails, once each, and then the peer is
    /// reported lost.
    pub(super) fn lose(
        &mut self,
        now: Time,
        index: usize,
        cause: &LossCause,
        farewell: Option<Closing>,
    ) {
        let peer = &mut self.peers[index];
        if matches!(peer.state, State::Lost(_)) {
            return;
        }
        let rank = peer.rank;
        let state = std::mem::replace(&mut peer.state, State::Lost(cause.clone()));
        if let State::Established(session) = state {
            self.sessions.remove(&session.agreed().local_id);
            if let Some(closing) = farewell {
                self.control.close(now, rank, closing.code, &closing.reason);
                self.farewells.push((*session, closing));
            }
        }
        self.control.forget(rank);
        self.stats.peers_lost += 1;
        let error = OperationError::PeerLost { rank, cause: cause.clone() };
        for owner in self.peers[index].outbox.fail_all() {
            let error = error.clone();
            match owner {
                Owner::Send(send) => self.events.push_back(Event::SendFailed { send, error }),
                Owner::Rma(rma) => self.events.push_back(Event::RmaFailed { rma, error }),
                Owner::Answer(_) => {}
            }
        }
        self.peers[index].waiting.clear();
        self.inbox.fail_peer(rank, cause, &mut self.events);
        self.events.push_back(Event::PeerLost { peer: rank, cause: cause.clone() });
        self.touch(index);
    }
}
