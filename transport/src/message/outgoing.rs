//! One message on its way out: which bytes may go, have gone, must go again.

use std::collections::VecDeque;

use crate::ids::MessageId;
use crate::limits::GRANULE;
use crate::rma::{Atomic, RemoteAddress, RemoteKey, Segments};

use super::SendRequest;
use super::outbox::Owner;

/// What a message is to its receiver.
#[derive(Debug)]
pub(super) enum Kind {
    /// Bytes for a receive.
    Send,
    /// Bytes for granted memory.
    Write { address: RemoteAddress, immediate: Option<u32> },
    /// A request for granted memory; where the answer goes, until it begins.
    Read { address: RemoteAddress, length: u64, target: Option<Segments> },
    /// A request to change granted memory.
    Atomic { address: RemoteAddress, operation: Atomic },
    /// Bytes of memory that we granted, for who asked.
    Answer { key: RemoteKey },
}

/// See the module's text. Each byte is in exactly one place: not yet sent, in flight (the ledger has
/// it), in `lost`, or acknowledged.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub owner: Owner,
    pub request: SendRequest,
    pub kind: Kind,
    /// Where in the buffer the message begins.
    pub base: u64,
    /// The ranges that it is made of, where they are several.
    pub gather: Option<Segments>,
    pub id: Option<MessageId>,
    pub use_count: u32,
    /// Bytes before this were charged to the eager budget.
    pub eager_end: u64,
    /// Bytes before this were granted.
    pub granted: u64,
    /// Bytes before this have been sent once; ungated messages only.
    next: u64,
    /// Released and not yet sent; gated messages only.
    ready: VecDeque<(u64, u64)>,
    /// Lost and not yet sent again.
    lost: VecDeque<(u64, u64)>,
    acked: u64,
    /// An empty DATA is wanted: the message is empty, or the peer must hear of it to grant.
    announce: bool,
    /// Eager budget was given, if there was any.
    started: bool,
    /// It stands in the outbox's queue of messages with something to send.
    pub queued: bool,
}

/// Bytes of a message, `start..end`.
pub(super) type Range = (u64, u64);

impl Outgoing {
    pub(super) fn new(owner: Owner, request: SendRequest, kind: Kind, use_count: u32) -> Self {
        Self {
            owner,
            request,
            kind,
            base: 0,
            gather: None,
            id: None,
            use_count,
            eager_end: 0,
            granted: 0,
            next: 0,
            ready: VecDeque::new(),
            lost: VecDeque::new(),
            acked: 0,
            announce: false,
            started: false,
            queued: false,
        }
    }

    /// Whether it should be given eager budget and made known to the peer: it has an id and something
    /// to send. A gated message waits for its first released byte, so that neither budget nor grants
    /// are held by messages that cannot use them (with many steps of a ring under way, those would
    /// starve the one step that all others wait for).
    pub(super) fn startable(&self) -> bool {
        let has_bytes = !self.request.gated || !self.ready.is_empty();
        self.id.is_some() && !self.started && (has_bytes || self.request.length == 0)
    }

    /// It may use `eager` bytes of budget.
    pub(super) fn start(&mut self, eager: u64) {
        let length = self.request.length;
        self.started = true;
        self.eager_end = if eager >= length { length } else { eager / GRANULE * GRANULE };
        let first = self.ready.front().map_or(0, |range| range.0);
        self.announce = length == 0 || first >= self.eager_end;
    }

    /// Bytes before this may go.
    fn limit(&self) -> u64 {
        self.eager_end.max(self.granted)
    }

    /// Whether anything may go now.
    pub(super) fn sendable(&self) -> bool {
        if !self.started {
            return false;
        }
        let fresh = if self.request.gated {
            self.ready.iter().any(|range| range.0 < self.limit())
        } else {
            self.next < self.limit()
        };
        self.announce || !self.lost.is_empty() || fresh
    }

    /// Lets `start..end` of a gated message go. `false` if that is not a range of it.
    pub(super) fn release(&mut self, start: u64, end: u64) -> bool {
        let length = self.request.length;
        let aligned =
            start.is_multiple_of(GRANULE) && (end.is_multiple_of(GRANULE) || end == length);
        if !self.request.gated || start > end || end > length || !aligned {
            return false;
        }
        match (self.ready.back_mut(), start == end) {
            (_, true) => {}
            (Some(last), _) if last.1 == start => last.1 = end,
            (Some(last), _) if last.0 == end => last.0 = start,
            _ => self.ready.push_back((start, end)),
        }
        true
    }

    /// The next bytes to send, at most `capacity`; `Some` of an empty range is an announcement.
    pub(super) fn take(&mut self, capacity: u64) -> Option<Range> {
        let whole = capacity / GRANULE * GRANULE;
        if let Some((start, end)) = self.lost.pop_front() {
            let cut = self.cut(start, end, capacity, whole);
            if cut < end {
                self.lost.push_front((cut, end));
            }
            return Some((start, cut));
        }
        if std::mem::take(&mut self.announce) {
            return Some((0, 0));
        }
        if self.request.gated {
            let limit = self.limit();
            let index = self.ready.iter().position(|range| range.0 < limit)?;
            let (start, end) = self.ready.remove(index)?;
            let cut = self.cut(start, end.min(limit), capacity, whole);
            if cut < end {
                self.ready.push_front((cut, end));
            }
            return Some((start, cut));
        }
        let start = self.next;
        if start >= self.limit() {
            return None;
        }
        self.next = self.cut(start, self.limit(), capacity, whole);
        Some((start, self.next))
    }

    /// Whether the next piece has more than `capacity` bytes.
    pub(super) fn exceeds(&self, capacity: u64) -> bool {
        let next = if let Some(lost) = self.lost.front() {
            Some(*lost)
        } else if self.announce {
            None
        } else if self.request.gated {
            self.ready.iter().copied().find(|range| range.0 < self.limit())
        } else {
            Some((self.next, self.limit()))
        };
        next.is_some_and(|(start, end)| {
            let eager = if start < self.eager_end { self.eager_end } else { u64::MAX };
            end.min(self.limit()).min(eager).saturating_sub(start) > capacity
        })
    }

    /// Where a packet's share of `start..end` ends: not across the end of the eager prefix.
    fn cut(&self, start: u64, end: u64, capacity: u64, whole: u64) -> u64 {
        let end = if start < self.eager_end { end.min(self.eager_end) } else { end };
        if end - start <= capacity { end } else { start + whole }
    }

    /// `length` bytes were acknowledged. Returns whether that was all.
    pub(super) fn on_acked(&mut self, length: u64) -> bool {
        self.acked += length;
        self.acked == self.request.length && (length > 0 || self.request.length == 0)
    }

    /// Whether every byte, or the request without any, has been sent once.
    pub(super) fn all_sent(&self) -> bool {
        self.started && self.next == self.request.length
    }

    /// `start..end` was lost.
    pub(super) fn on_lost(&mut self, start: u64, end: u64) {
        if start == end {
            self.announce = self.request.length == 0 || self.acked == 0 && self.granted == 0;
        } else {
            self.lost.push_back((start, end));
        }
    }
}
