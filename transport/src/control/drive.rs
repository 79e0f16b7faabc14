//! What every connection needs after something happened to it: its events handled, its timer set, its
//! packets queued, its end noticed.

use quinn_proto::{ConnectionError, ConnectionHandle, Event, StreamEvent};

use super::link::{Origin, Read, Stage};
use super::refusal::{Ending, clean, close_code, code, ending};
use super::timers::Timer;
use super::{ControlEvent, ControlPlane, ControlTransmit};
use crate::close;
use crate::device::{Ecn, Route};
use crate::error::HandshakeError;
use crate::ids::Rank;
use crate::time::Time;

impl ControlPlane {
    /// Brings a connection's consequences home. Nothing in here opens another connection: quinn-proto
    /// may reuse the number of one that has just drained.
    pub(super) fn drive(&mut self, now: Time, id: usize) {
        loop {
            let Some(link) = self.links.get_mut(&id) else { return };
            while let Some(event) = link.connection.poll_endpoint_events() {
                if let Some(event) = self.quic.handle_event(ConnectionHandle(id), event) {
                    link.connection.handle_event(event);
                }
            }
            let Some(event) = link.connection.poll() else { break };
            self.on_event(now, id, event);
        }
        if self.links.get(&id).is_some_and(|link| link.connection.is_drained()) {
            self.drop_link(id);
            return;
        }
        self.arm(id);
        self.mark_ready(id);
    }

    fn on_event(&mut self, now: Time, id: usize, event: Event) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match event {
            Event::Connected => {
                link.await_parameters(now);
                if let Origin::Ours(peer) = link.origin
                    && link.stage == Stage::Opening
                {
                    link.open_stream();
                    self.send_parameters(id, peer);
                }
            }
            Event::ConnectionLost { reason } => self.on_lost(now, id, &reason),
            Event::Stream(StreamEvent::Opened { .. }) => {
                link.accept_stream();
                self.read(now, id);
            }
            Event::Stream(StreamEvent::Readable { .. }) => self.read(now, id),
            Event::Stream(StreamEvent::Writable { .. }) => link.write(),
            _ => {}
        }
    }

    /// Handles every whole frame that has arrived.
    fn read(&mut self, now: Time, id: usize) {
        while let Some(link) = self.links.get_mut(&id) {
            if link.stage == Stage::Over {
                return;
            }
            match link.read() {
                Read::Frame(frame) => self.on_frame(now, id, frame),
                Read::Blocked => return,
                Read::Broken(what) => return self.on_broken(now, id, what),
            }
        }
    }

    /// The peer broke the control stream.
    pub(super) fn on_broken(&mut self, now: Time, id: usize, what: &'static str) {
        let Some(stage) = self.links.get(&id).map(|link| link.stage) else { return };
        match stage {
            Stage::Opening => {
                self.refuse(now, id, code::STREAM, HandshakeError::BadParameters(what));
            }
            Stage::Established(peer) => {
                self.close_link(now, id, code::STREAM, what);
                self.peers.remove(&peer);
                let (code, reason) = (close::VIOLATION, what.to_owned());
                self.events.push_back(ControlEvent::Closed { peer, code, reason });
            }
            Stage::Over => {}
        }
    }

    /// A connection ended by itself or by the peer.
    fn on_lost(&mut self, now: Time, id: usize, reason: &ConnectionError) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (origin, stage) = (link.origin, std::mem::replace(&mut link.stage, Stage::Over));
        link.opening_deadline = None;
        link.nudge_at = None;
        let verdict = link.report().verdict;
        match (stage, origin) {
            (Stage::Over, _) => {}
            (Stage::Established(peer), _) => self.on_peer_lost(peer, reason),
            (Stage::Opening, Origin::Ours(peer)) => {
                self.on_attempt_ended(now, peer, id, ending(reason, verdict));
            }
            (Stage::Opening, Origin::Theirs) => {
                let claimed = verdict.claimed;
                // A retry-worthy ending is the peer's own change of mind, and no refusal.
                if let Ending::Final(error) = ending(reason, verdict) {
                    self.refused(claimed, error);
                }
            }
        }
    }

    fn on_peer_lost(&mut self, peer: Rank, reason: &ConnectionError) {
        self.peers.remove(&peer);
        let event = match reason {
            ConnectionError::ApplicationClosed(close) => ControlEvent::Closed {
                peer,
                code: close_code(close.error_code),
                reason: clean(&close.reason),
            },
            // Only the process that follows the one we knew can make a valid stateless reset.
            ConnectionError::Reset => ControlEvent::Restarted { peer },
            other => {
                let reason = clean(other.to_string().as_bytes());
                ControlEvent::Closed { peer, code: close::VIOLATION, reason }
            }
        };
        self.events.push_back(event);
    }

    /// Gives up a connection. What its stream holds is transmitted once before the close.
    pub(super) fn close_link(&mut self, now: Time, id: usize, code: u16, reason: &str) {
        let instant = self.instant(now);
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.stage == Stage::Over {
            return;
        }
        if matches!(link.stage, Stage::Established(_)) {
            let mut datagram = Vec::new();
            while let Some(transmit) = link.connection.poll_transmit(instant, 1, &mut datagram) {
                let route = Route { local: link.local, remote: transmit.destination };
                self.stray.push_back((route, std::mem::take(&mut datagram)));
            }
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.close(instant, code, reason);
        }
        self.arm(id);
        self.mark_ready(id);
    }

    fn drop_link(&mut self, id: usize) {
        if let Some(link) = self.links.remove(&id)
            && link.half_open
        {
            self.half_open -= 1;
        }
        self.timers.set(Timer::Link(id), None);
    }

    /// Sets a connection's timer.
    fn arm(&mut self, id: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let quic = link.connection.poll_timeout().map(|at| {
            let nanos = at.saturating_duration_since(self.epoch).as_nanos();
            Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        });
        let deadline = [quic, link.opening_deadline, link.nudge_at].into_iter().flatten().min();
        self.timers.set(Timer::Link(id), deadline);
    }

    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        let instant = self.instant(now);
        for timer in self.timers.take_due(now) {
            match timer {
                Timer::Attempt(peer) => self.on_attempt_due(now, peer),
                Timer::Link(id) => {
                    let Some(link) = self.links.get_mut(&id) else { continue };
                    let overdue = link.opening_deadline.is_some_and(|at| at <= now);
                    link.connection.handle_timeout(instant);
                    link.nudge(now);
                    if overdue {
                        self.close_link(now, id, code::TIMEOUT, "handshake took too long");
                    }
                    self.drive(now, id);
                }
            }
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) may have something.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        !(self.ready.is_empty() && self.stray.is_empty() && self.doomed.is_empty())
    }

    /// Writes the next datagram into `buffer`, which is cleared first.
    pub fn poll_transmit(&mut self, now: Time, buffer: &mut Vec<u8>) -> Option<ControlTransmit> {
        for id in std::mem::take(&mut self.doomed) {
            self.close_link(now, id, code::ABANDONED, "forgotten");
        }
        buffer.clear();
        if let Some((route, bytes)) = self.stray.pop_front() {
            buffer.extend_from_slice(&bytes);
            let length = bytes.len();
            return Some(ControlTransmit { route, segment: None, length, ecn: Ecn::NotEct });
        }
        let instant = self.instant(now);
        while let Some(id) = self.ready.front().copied() {
            let Some(link) = self.links.get_mut(&id) else {
                self.ready.pop_front();
                continue;
            };
            let transmit = link.connection.poll_transmit(instant, 1, buffer);
            let route = Route { local: link.local, remote: link.remote };
            if transmit.is_none() {
                link.queued = false;
                self.ready.pop_front();
            }
            self.arm(id);
            if let Some(transmit) = transmit {
                return Some(ControlTransmit {
                    route: Route { remote: transmit.destination, ..route },
                    segment: transmit.segment_size,
                    length: transmit.size,
                    ecn: Ecn::from_bits(transmit.ecn.map_or(0, |ecn| ecn as u8)),
                });
            }
        }
        None
    }
}
