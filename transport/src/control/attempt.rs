//! Our attempts to reach peers: several addresses in turn, until one answers or time is up
//! (PROTOCOL §2.4).

use std::net::SocketAddr;
use std::time::Duration;

use quinn_proto::ConnectionHandle;

use super::link::{Link, Origin};
use super::refusal::{Ending, code};
use super::timers::Timer;
use super::{ControlEvent, ControlPlane, Peer};
use crate::device::Route;
use crate::error::HandshakeError;
use crate::identity::certificate_name;
use crate::ids::Rank;
use crate::limits;
use crate::time::Time;

/// How long an address may stay silent before the next one gets its turn.
const TURN_MIN: Duration = Duration::from_millis(500);
const TURN_MAX: Duration = Duration::from_secs(2);

/// The pause after a refusal that time may cure, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// An attempt to reach a peer.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Where it may be, in order.
    candidates: Vec<SocketAddr>,
    /// The candidate whose turn is next.
    next: usize,
    /// The connection in progress; none while pausing.
    pub(super) link: Option<usize>,
    /// When to give up.
    deadline: Time,
    /// When this turn, or this pause, ends.
    turn_ends: Time,
    pause: Duration,
    /// What to report when time is up, if something better than silence is known.
    last: Option<HandshakeError>,
}

impl Attempt {
    fn timer(&self) -> Time {
        self.turn_ends.min(self.deadline)
    }
}

impl ControlPlane {
    /// Begins to form a session with `peer`, trying `candidates` in turn until one answers. Ends in
    /// [`ControlEvent::Established`] (whoever's attempt succeeds) or [`ControlEvent::Failed`], within
    /// the handshake timeout. Does nothing if a session stands; gives an attempt under way new
    /// addresses. Without any address, the peer may still reach us.
    pub fn connect(&mut self, now: Time, peer: Rank, candidates: &[SocketAddr]) {
        if peer == self.me.rank {
            let error = HandshakeError::Incompatible("our own rank");
            self.events.push_back(ControlEvent::Failed { peer, error });
            return;
        }
        if !self.peers.contains_key(&peer) && self.peers.len() >= limits::PEERS_MAX {
            let error = HandshakeError::Incompatible("too many peers");
            self.events.push_back(ControlEvent::Failed { peer, error });
            return;
        }
        let (deadline, session) = (now + self.handshake_timeout, self.fresh_session());
        let entry = self.peers.entry(peer);
        let entry = entry.or_insert(Peer { session, attempt: None, established: None });
        if entry.established.is_some() {
            return;
        }
        let candidates = candidates.to_vec();
        if let Some(attempt) = &mut entry.attempt {
            attempt.candidates = candidates;
            return;
        }
        entry.attempt = Some(Attempt {
            candidates,
            next: 0,
            link: None,
            deadline,
            turn_ends: now,
            pause: PAUSE_MIN,
            last: None,
        });
        self.next_turn(now, peer);
    }

    /// Dials the next candidate. Whatever was dialled before stays silent, and is given up.
    fn next_turn(&mut self, now: Time, peer: Rank) {
        let turn = (self.handshake_timeout / 8).clamp(TURN_MIN, TURN_MAX);
        let Some(attempt) = self.attempt(peer) else { return };
        let old = attempt.link.take();
        let mut error = None;
        attempt.turn_ends = now + turn;
        for _ in 0..attempt.candidates.len() {
            let Some(attempt) = self.attempt(peer) else { break };
            let index = attempt.next % attempt.candidates.len().max(1);
            attempt.next = index + 1;
            let Some(remote) = attempt.candidates.get(index).copied() else { break };
            match self.dial(now, peer, remote) {
                Ok(id) => {
                    self.set_attempt_link(peer, id);
                    error = None;
                    break;
                }
                Err(text) => error = Some(HandshakeError::Transport(text)),
            }
        }
        if let Some(attempt) = self.attempt(peer) {
            attempt.last = error.or(attempt.last.take());
            let timer = attempt.timer();
            self.timers.set(Timer::Attempt(peer), Some(timer));
        }
        if let Some(old) = old {
            self.close_link(now, old, code::ABANDONED, "no answer in time");
        }
    }

    fn attempt(&mut self, peer: Rank) -> Option<&mut Attempt> {
        self.peers.get_mut(&peer)?.attempt.as_mut()
    }

    fn set_attempt_link(&mut self, peer: Rank, id: usize) {
        if let Some(attempt) = self.attempt(peer) {
            attempt.link = Some(id);
        }
    }

    /// Starts a connection to one address.
    fn dial(&mut self, now: Time, peer: Rank, remote: SocketAddr) -> Result<usize, String> {
        let name = certificate_name(&self.me.job, peer);
        let instant = self.instant(now);
        let (ConnectionHandle(id), connection) = self
            .quic
            .connect(instant, self.client.clone(), remote, &name)
            .map_err(|error| error.to_string())?;
        self.links.insert(id, Link::new(connection, Origin::Ours(peer), 0, remote, None));
        self.drive(now, id);
        Ok(id)
    }

    /// An attempt's turn or its whole time is up.
    pub(super) fn on_attempt_due(&mut self, now: Time, peer: Rank) {
        let timeout = self.handshake_timeout;
        let Some(attempt) = self.attempt(peer) else { return };
        if now >= attempt.deadline {
            let error = attempt.last.take().unwrap_or(HandshakeError::Timeout(timeout));
            self.fail_attempt(now, peer, error);
            return;
        }
        let link = attempt.link;
        let answered = link.and_then(|id| self.links.get(&id)).is_some_and(|link| link.heard);
        if answered {
            // Somebody is there: the handshake has all the time that is left.
            let Some(attempt) = self.attempt(peer) else { return };
            attempt.turn_ends = attempt.deadline;
            let timer = attempt.timer();
            self.timers.set(Timer::Attempt(peer), Some(timer));
        } else {
            self.next_turn(now, peer);
        }
    }

    /// An attempt's connection ended before a session stood.
    pub(super) fn on_attempt_ended(&mut self, now: Time, peer: Rank, id: usize, ending: Ending) {
        let Some(attempt) = self.attempt(peer) else { return };
        if attempt.link != Some(id) {
            return;
        }
        attempt.link = None;
        match ending {
            Ending::Final(error) => self.fail_attempt(now, peer, error),
            Ending::Retry(error) => {
                attempt.last = Some(error);
                self.pause(now, peer);
            }
        }
    }

    /// Waits a little before the next turn.
    fn pause(&mut self, now: Time, peer: Rank) {
        let Some(attempt) = self.attempt(peer) else { return };
        attempt.turn_ends = now + attempt.pause;
        attempt.pause = (attempt.pause * 2).min(PAUSE_MAX);
        let timer = attempt.timer();
        self.timers.set(Timer::Attempt(peer), Some(timer));
    }

    /// Gives up on a peer.
    pub(super) fn fail_attempt(&mut self, now: Time, peer: Rank, error: HandshakeError) {
        self.abandon_attempt(now, peer);
        if self.peers.get(&peer).is_some_and(|entry| entry.established.is_none()) {
            self.peers.remove(&peer);
        }
        self.events.push_back(ControlEvent::Failed { peer, error });
    }

    /// Ends our attempt without a word to the user.
    pub(super) fn abandon_attempt(&mut self, now: Time, peer: Rank) {
        let attempt = self.peers.get_mut(&peer).and_then(|entry| entry.attempt.take());
        self.timers.set(Timer::Attempt(peer), None);
        if let Some(id) = attempt.and_then(|attempt| attempt.link) {
            self.close_link(now, id, code::ABANDONED, "attempt abandoned");
        }
    }

    /// Takes the device's hint that nobody listens at `route`: the next address gets its turn early.
    /// ICMP is not authenticated, so an address that has answered is not given up for it.
    pub fn on_unreachable(&mut self, now: Time, route: Route) {
        let silent = |id: usize| {
            self.links.get(&id).is_some_and(|link| link.remote == route.remote && !link.heard)
        };
        let dialling = |entry: &Peer| entry.attempt.as_ref().and_then(|attempt| attempt.link);
        let concerned = self
            .peers
            .iter()
            .filter(|(_, entry)| dialling(entry).is_some_and(silent))
            .map(|(peer, _)| *peer)
            .collect::<Vec<_>>();
        for peer in concerned {
            let Some(attempt) = self.attempt(peer) else { continue };
            if attempt.next < attempt.candidates.len() {
                self.next_turn(now, peer);
            } else if let Some(id) = attempt.link.take() {
                // All were tried: the process may not have started yet.
                self.close_link(now, id, code::ABANDONED, "unreachable");
                self.pause(now, peer);
            }
        }
    }
}
