//! Messages from all peers: matching, placement, budgets (PROTOCOL §6.2 to §6.6).

mod budget;
mod matching;
mod peer;
mod rma;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::error::{LossCause, OperationError};
use crate::event::Event;
use crate::ids::{MessageId, Rank, RecvId, Tag};
use crate::memory::Memory;
use crate::packet::DataHeader;

use super::incoming::{Incoming, Target};
use super::pool::Pool;
use super::{ControlFrame, RecvRequest, refuse};

use matching::Receives;
use peer::{Due, PeerInbox};

/// Some bytes of a message.
struct Piece<'a> {
    /// They are charged to the eager budget.
    eager: bool,
    offset: u64,
    payload: &'a [u8],
}

/// See the module's text.
#[derive(Debug)]
pub struct Inbox {
    eager_budget: u64,
    peers: BTreeMap<Rank, PeerInbox>,
    receives: Receives,
    /// Peers of whom messages wait for receives.
    unmatched: BTreeSet<Rank>,
    pool: Pool,
    /// Peers that have a control frame to send.
    ready: VecDeque<Rank>,
    /// Messages heard of so far, in the order in which any-source receives take them.
    order: u64,
}

impl Inbox {
    /// Empty. Each peer may send `eager_budget` bytes unasked; all together are granted at most
    /// `grant_budget` at a time.
    #[must_use]
    pub fn new(eager_budget: u64, grant_budget: u64) -> Self {
        Self {
            eager_budget,
            peers: BTreeMap::new(),
            receives: Receives::default(),
            unmatched: BTreeSet::new(),
            pool: Pool::new(grant_budget),
            ready: VecDeque::new(),
            order: 0,
        }
    }

    /// Makes a peer known.
    pub fn add_peer(&mut self, rank: Rank) {
        self.peers.entry(rank).or_insert_with(|| PeerInbox::new(self.eager_budget));
    }

    /// A new session with a peer begins: its message ids and budgets start over.
    pub fn reset_peer(&mut self, rank: Rank) {
        if let Some(peer) = self.peers.get_mut(&rank) {
            for incoming in peer.messages.values() {
                self.pool.give_back(incoming.outstanding());
            }
            let expected = peer.expected;
            *peer = PeerInbox::new(self.eager_budget);
            peer.expected = expected;
            self.unmatched.remove(&rank);
        }
    }

    /// Posts a receive; a message that waits for it is matched at once.
    pub fn post(
        &mut self,
        recv: RecvId,
        request: RecvRequest,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) {
        let from = request.from;
        if let Some(peer) = from.and_then(|rank| self.peers.get_mut(&rank)) {
            peer.expected += 1;
        }
        let Some((rank, message)) = self.oldest_unmatched(&request) else {
            self.receives.post(recv, request);
            return;
        };
        if from.is_none() {
            self.expect(rank, 1);
        }
        self.receives.bind(recv, request, rank, message);
        self.match_message(rank, message, recv, &request, memory, events);
        self.advance(rank, message, events);
    }

    fn expect(&mut self, rank: Rank, change: i64) {
        if let Some(peer) = self.peers.get_mut(&rank) {
            peer.expected = peer.expected.saturating_add_signed(change);
        }
    }

    /// The message that has waited longest for a receive like this.
    fn oldest_unmatched(&mut self, request: &RecvRequest) -> Option<(Rank, MessageId)> {
        let rank = if let Some(rank) = request.from {
            rank
        } else {
            let waiting = self.unmatched.iter().filter_map(|rank| {
                let (order, _) = self.peers.get(rank)?.first_unmatched(request.tag)?;
                Some((order, *rank))
            });
            waiting.min()?.1
        };
        let peer = self.peers.get_mut(&rank)?;
        let message = peer.take_unmatched(request.tag)?;
        if peer.lowest_unmatched().is_none() {
            self.unmatched.remove(&rank);
        }
        Some((rank, message))
    }

    /// `message` and `recv` have found each other. It is not advanced yet: of a message first heard of,
    /// more is asked for only once the piece that told of it is placed, or every eager message would owe
    /// its sender a grant that is stale by the time it is sent.
    fn match_message(
        &mut self,
        rank: Rank,
        message: MessageId,
        recv: RecvId,
        request: &RecvRequest,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        let Some(incoming) = peer.messages.get_mut(&message) else { return };
        let (length, capacity) = (incoming.length, request.capacity);
        let released = incoming.eager;
        if length > capacity || request.exact && length != capacity {
            let error = OperationError::Length { length, capacity };
            self.fail_message(rank, message, refuse::LENGTH, error, events);
            return;
        }
        let (buffer, progress) = (request.buffer, request.progress);
        let target = Target::Buffer { recv, buffer, progress };
        let present = incoming.retarget(target, memory, events);
        peer.eager_released += released;
        self.credit(rank);
        if !present {
            let error = OperationError::BufferGone;
            self.fail_message(rank, message, refuse::BUFFER_GONE, error, events);
        }
    }

    /// Withdraws a receive; `None` if it is not in progress, else the peer that was to fill it, if one
    /// was named or had begun.
    pub fn cancel(&mut self, recv: RecvId) -> Option<Option<Rank>> {
        let (request, bound) = self.receives.remove(recv)?;
        let from = bound.map_or(request.from, |(rank, _)| Some(rank));
        match bound {
            None => {
                if let Some(rank) = request.from {
                    self.expect(rank, -1);
                }
            }
            Some((rank, message)) => {
                self.expect(rank, -1);
                self.drop_message(rank, message);
                self.due(rank, Due::Refuse(message, refuse::CANCELLED));
            }
        }
        Some(from)
    }

    /// Takes in a piece of a message. Returns whether that completes a message whose sender waits for
    /// the acknowledgement of the whole: its last piece may have come before others.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub fn on_data(
        &mut self,
        rank: Rank,
        header: &DataHeader,
        payload: &[u8],
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, &'static str> {
        let message = header.message;
        let Some(peer) = self.peers.get_mut(&rank) else { return Ok(false) };
        if peer.is_done(message) {
            return Ok(false);
        }
        if message.0 >= peer.message_limit() {
            return Err("message id beyond the window");
        }
        if let Entry::Vacant(place) = peer.messages.entry(message) {
            if peer.requests.contains_key(&message) {
                return Err("data of a one-sided operation's message");
            }
            self.order += 1;
            place.insert(Incoming::new(header, self.order, self.eager_budget));
            self.first_heard(rank, header, memory, events);
        }
        let Some(peer) = self.peers.get_mut(&rank) else { return Ok(false) };
        // It may have been refused in the same breath.
        let Some(incoming) = peer.messages.get_mut(&message) else { return Ok(false) };
        if !incoming.agrees(header) || incoming.is_one_sided() {
            return Err("message contradicts its earlier packets");
        }
        let end = header.offset + payload.len() as u64;
        incoming.ack_now |= header.ack_now && end == header.length;
        let piece = Piece { eager: header.eager, offset: header.offset, payload };
        let present = self.take(rank, message, piece, memory, events)?;
        let whole = self.is_awaited_whole(rank, message);
        if present {
            self.advance(rank, message, events);
        } else {
            let error = OperationError::BufferGone;
            self.fail_message(rank, message, refuse::BUFFER_GONE, error, events);
        }
        Ok(whole)
    }

    /// Whether all of a message is there whose sender waits for the acknowledgement of the whole.
    fn is_awaited_whole(&self, rank: Rank, message: MessageId) -> bool {
        let incoming = self.peers.get(&rank).and_then(|peer| peer.messages.get(&message));
        incoming.is_some_and(|incoming| incoming.ack_now && incoming.complete())
    }

    /// Checks a piece of a message against what was allowed, and places what is new of it. Returns
    /// whether its memory is still there.
    fn take(
        &mut self,
        rank: Rank,
        message: MessageId,
        piece: Piece<'_>,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, &'static str> {
        let Piece { eager, offset, payload } = piece;
        let Some(peer) = self.peers.get_mut(&rank) else { return Ok(true) };
        let Some(incoming) = peer.messages.get_mut(&message) else { return Ok(true) };
        let end = offset + payload.len() as u64;
        if eager && end > self.eager_budget || !eager && end > incoming.granted {
            return Err("bytes beyond what was allowed");
        }
        if eager {
            let further = end.saturating_sub(incoming.eager);
            if peer.eager_received + further > peer.eager_advertised {
                return Err("eager bytes beyond the budget");
            }
            incoming.eager += further;
            peer.eager_received += further;
            if !matches!(incoming.target, Target::Storage(_)) {
                peer.eager_released += further;
            }
        }
        let before = incoming.outstanding();
        let present = incoming.place(offset, payload, memory, events);
        self.pool.give_back(before - incoming.outstanding());
        if eager {
            self.credit(rank);
        }
        Ok(present)
    }

    /// A message was heard of for the first time: match it, or let it wait.
    fn first_heard(
        &mut self,
        rank: Rank,
        header: &DataHeader,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) {
        let message = header.message;
        let Some((recv, request)) = self.receives.take(rank, header.tag) else {
            if let Some(peer) = self.peers.get_mut(&rank) {
                peer.wait(header.tag, message);
                self.unmatched.insert(rank);
            }
            return;
        };
        if request.from.is_none() {
            self.expect(rank, 1);
        }
        self.receives.bind(recv, request, rank, message);
        self.match_message(rank, message, recv, &request, memory, events);
    }

    /// Completes the message if all has arrived, or asks for more of it.
    fn advance(&mut self, rank: Rank, message: MessageId, events: &mut VecDeque<Event>) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        let Some(incoming) = peer.messages.get_mut(&message) else { return };
        let Target::Buffer { recv, .. } = incoming.target else { return };
        if !incoming.complete() {
            self.want_more(rank, message);
            return;
        }
        let (tag, length, immediate) = (incoming.tag, incoming.length, incoming.immediate);
        events.push_back(Event::Received { recv, peer: rank, tag, length, immediate });
        self.receives.remove(recv);
        self.expect(rank, -1);
        self.drop_message(rank, message);
    }

    /// Has more of a message granted, in turn.
    fn want_more(&mut self, rank: Rank, message: MessageId) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        let Some(incoming) = peer.messages.get_mut(&message) else { return };
        if !incoming.wants && incoming.grantable() > 0 {
            incoming.wants = true;
            self.pool.want(rank, message);
        }
        self.grant();
    }

    /// Ends a message, matched or not, and tells the peer and the caller why.
    fn fail_message(
        &mut self,
        rank: Rank,
        message: MessageId,
        code: u16,
        error: OperationError,
        events: &mut VecDeque<Event>,
    ) {
        if let Some(recv) = self.receives.bound_to(rank, message) {
            self.receives.remove(recv);
            self.expect(rank, -1);
            events.push_back(Event::RecvFailed { recv, error });
        }
        self.drop_message(rank, message);
        self.due(rank, Due::Refuse(message, code));
    }

    /// Forgets a message, but not that it was there.
    fn drop_message(&mut self, rank: Rank, message: MessageId) {
        self.forget(rank, message);
        if let Some(peer) = self.peers.get_mut(&rank) {
            peer.finish(message);
        }
        self.credit(rank);
        self.grant();
    }

    /// Forgets a message, whose id stays in use. Returns the end of the bytes that came on the eager
    /// budget.
    fn forget(&mut self, rank: Rank, message: MessageId) -> u64 {
        let Some(peer) = self.peers.get_mut(&rank) else { return 0 };
        let Some(incoming) = peer.messages.remove(&message) else { return 0 };
        self.pool.give_back(incoming.outstanding());
        match incoming.target {
            Target::Storage(_) => {
                peer.eager_released += incoming.eager;
                peer.forget_unmatched(incoming.tag, message);
                if peer.lowest_unmatched().is_none() {
                    self.unmatched.remove(&rank);
                }
            }
            Target::Granted(write) if write.immediate.is_some() && !incoming.complete() => {
                peer.immediates = peer.immediates.saturating_sub(1);
            }
            _ => {}
        }
        incoming.eager
    }

    /// The peer withdraws a message.
    ///
    /// # Errors
    ///
    /// A text saying how it breaks the protocol.
    pub fn on_cancel(
        &mut self,
        rank: Rank,
        message: MessageId,
        events: &mut VecDeque<Event>,
    ) -> Result<(), &'static str> {
        let Some(peer) = self.peers.get_mut(&rank) else { return Ok(()) };
        if peer.is_done(message) {
            return Ok(());
        }
        if message.0 >= peer.message_limit() {
            return Err("message id beyond the window");
        }
        if let Some(recv) = self.receives.bound_to(rank, message) {
            self.receives.remove(recv);
            self.expect(rank, -1);
            let error = OperationError::Refused(refuse::CANCELLED);
            events.push_back(Event::RecvFailed { recv, error });
        }
        if let Some(peer) = self.peers.get_mut(&rank) {
            peer.requests.remove(&message);
        }
        self.drop_message(rank, message);
        Ok(())
    }

    /// The peer is gone: every receive that only it could fill fails.
    pub fn fail_peer(&mut self, rank: Rank, cause: &LossCause, events: &mut VecDeque<Event>) {
        for recv in self.receives.take_all_of(rank) {
            let error = OperationError::PeerLost { rank, cause: cause.clone() };
            events.push_back(Event::RecvFailed { recv, error });
        }
        self.reset_peer(rank);
        if let Some(peer) = self.peers.get_mut(&rank) {
            peer.expected = 0;
        }
        self.grant();
    }

    /// Whether a message of a peer waits for a receive of this tag.
    #[must_use]
    pub fn has_unmatched(&self, rank: Rank, tag: Tag) -> bool {
        self.peers.get(&rank).is_some_and(|peer| peer.first_unmatched(tag).is_some())
    }

    /// The lowest tag under which a message waits for a receive, and whose message it is.
    #[must_use]
    pub fn lowest_unmatched(&self) -> Option<(Rank, Tag)> {
        let lowest = |rank: &Rank| Some((self.peers.get(rank)?.lowest_unmatched()?, *rank));
        self.unmatched.iter().filter_map(lowest).min().map(|(tag, rank)| (rank, tag))
    }

    /// Whether a receive waits that only this peer can fill.
    #[must_use]
    pub fn expecting(&self, rank: Rank) -> bool {
        self.peers.get(&rank).is_some_and(|peer| peer.expected > 0)
    }

    /// Bytes of one peer that are stored because no receive has matched.
    #[must_use]
    pub fn stored(&self, rank: Rank) -> u64 {
        self.peers.get(&rank).map_or(0, PeerInbox::stored)
    }

    /// Bytes that are stored because no receive has matched.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        self.peers.values().map(PeerInbox::stored).sum()
    }
}
