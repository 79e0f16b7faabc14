//! Deadlines: one armed per peer, and what happens when it passes.

use crate::close;
use crate::session::{Closing, Verdict};
use crate::time::Time;

use super::Endpoint;
use super::peer::State;

impl Endpoint {
    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let peers = self.deadlines.first().map(|(at, _)| *at);
        [peers, self.control.next_deadline()].into_iter().flatten().min()
    }

    /// Runs what is due. Call it after everything that has arrived was handed in, so that no
    /// acknowledgement that is already here counts as late.
    pub fn handle_timeout(&mut self, now: Time) {
        self.control.handle_timeout(now);
        self.drain_control(now);
        while let Some((at, index)) = self.deadlines.first().copied() {
            if at > now {
                break;
            }
            self.deadlines.remove(&(at, index));
            self.peers[index].deadline = None;
            self.peer_timeout(now, index);
            self.touch(index);
        }
    }

    fn peer_timeout(&mut self, now: Time, index: usize) {
        let owed = self.owed(index);
        let peer = &mut self.peers[index];
        let State::Established(session) = &mut peer.state else { return };
        let verdict = session.on_timeout(
            now,
            owed,
            &mut peer.outbox,
            &mut self.inbox,
            &mut self.events,
            &mut self.stats,
        );
        match verdict {
            Verdict::Fine | Verdict::Probe => {}
            Verdict::Dead(cause) => self.lose(now, index, &cause, None),
            Verdict::Idle => self.retire(now, index),
        }
    }

    /// Closes an idle session; the next operation forms a new one.
    fn retire(&mut self, now: Time, index: usize) {
        let rank = self.peers[index].rank;
        if let Some(session) = self.forget_session(index) {
            let closing = Closing { code: close::IDLE, reason: "idle".to_owned() };
            self.control.close(now, rank, closing.code, &closing.reason);
            self.farewells.push((session, closing));
        }
    }

    /// Whether the peer owes an answer: something of ours is not acknowledged, or a receive is posted
    /// that it alone can fill.
    pub(super) fn owed(&self, index: usize) -> bool {
        let peer = &self.peers[index];
        !peer.outbox.is_idle() || self.inbox.expecting(peer.rank)
    }

    /// Arms the deadline that the peer's session asks for, and notes whether it owes an answer now.
    pub(super) fn arm(&mut self, now: Time, index: usize) {
        let owed = self.owed(index);
        let peer = &mut self.peers[index];
        let wanted = match &mut peer.state {
            State::Established(session) => {
                session.set_owed(now, owed);
                Some(session.next_deadline(owed))
            }
            _ => None,
        };
        if wanted == peer.deadline {
            return;
        }
        if let Some(old) = peer.deadline {
            self.deadlines.remove(&(old, index));
        }
        peer.deadline = wanted;
        if let Some(at) = wanted {
            self.deadlines.insert((at, index));
        }
    }
}
