//! What the control plane reports: sessions formed, refused, closed (PROTOCOL §2, §8).

use std::net::SocketAddr;

use rand::Rng;

use crate::close;
use crate::control::{ControlEvent, Established, PeerParameters, capability};
use crate::device::Route;
use crate::error::{HandshakeError, LossCause, OperationError};
use crate::event::Event;
use crate::ids::Rank;
use crate::session::{Agreed, Session};
use crate::time::Time;

use super::peer::State;
use super::{Endpoint, packet_max};

impl Endpoint {
    /// Acts on everything that the control plane has to say.
    pub(super) fn drain_control(&mut self, now: Time) {
        while let Some(event) = self.control.poll_event() {
            match event {
                ControlEvent::Established(established) => self.established(now, *established),
                ControlEvent::Frame { peer, kind, body } => {
                    self.events.push_back(Event::Control { peer, kind, body });
                }
                ControlEvent::Closed { peer, code, reason } => {
                    self.closed(now, peer, code, reason);
                }
                ControlEvent::Restarted { peer } => {
                    self.lose_rank(now, peer, &LossCause::Restarted);
                }
                ControlEvent::Failed { peer, error } => {
                    self.lose_rank(now, peer, &LossCause::Handshake(error));
                }
                ControlEvent::Refused { claimed, error } => {
                    self.events.push_back(Event::Refused { claimed, error });
                }
            }
        }
    }

    fn lose_rank(&mut self, now: Time, rank: Rank, cause: &LossCause) {
        if let Some(index) = self.ranks.get(&rank).copied() {
            self.lose(now, index, cause, None);
        }
    }

    /// The peer closed; an idle close is no loss.
    pub(super) fn closed(&mut self, now: Time, rank: Rank, code: u16, reason: String) {
        let Some(index) = self.ranks.get(&rank).copied() else { return };
        if code == close::IDLE && !self.owed(index) {
            self.forget_session(index);
            self.control.forget(rank);
        } else {
            self.lose(now, index, &LossCause::Closed { code, reason }, None);
        }
    }

    /// Drops a session without losing the peer; the next operation forms a new one.
    pub(super) fn forget_session(&mut self, index: usize) -> Option<Session> {
        let peer = &mut self.peers[index];
        match std::mem::replace(&mut peer.state, State::Idle) {
            State::Established(session) => {
                self.sessions.remove(&session.agreed().local_id);
                self.inbox.reset_peer(peer.rank);
                peer.outbox.reset();
                Some(*session)
            }
            other => {
                peer.state = other;
                None
            }
        }
    }

    pub(super) fn established(&mut self, now: Time, established: Established) {
        let rank = established.peer;
        let Ok(index) = self.peer_index(rank) else {
            self.control.close(now, rank, close::VIOLATION, "too many peers");
            return;
        };
        if matches!(self.peers[index].state, State::Lost(_)) {
            self.control.close(now, rank, close::VIOLATION, "lost before");
            return;
        }
        let agreed = match self.agree(&established) {
            Ok(agreed) => agreed,
            Err(error) => {
                self.control.close(now, rank, close::VIOLATION, &error.to_string());
                self.lose(now, index, &LossCause::Handshake(error), None);
                return;
            }
        };
        self.forget_session(index);
        let parameters = &established.parameters;
        self.sessions.insert(agreed.local_id, index);
        let addresses: Vec<SocketAddr> = agreed.routes.iter().map(|route| route.remote).collect();
        self.set_addresses(index, &dedup(addresses));
        let session = Session::new(
            now,
            self.rank,
            agreed,
            &established.path_secret,
            &self.config,
            &self.capabilities,
            self.rng.random(),
        );
        let peer = &mut self.peers[index];
        peer.state = State::Established(Box::new(session));
        peer.group = established.group;
        if parameters.capabilities & capability::ONE_SIDED == 0 {
            peer.outbox.fail_rma(&OperationError::Unsupported, &mut self.events);
        }
        peer.outbox.on_credit(parameters.eager_budget, parameters.message_window);
        for (kind, body) in std::mem::take(&mut peer.waiting) {
            // Frames were bounded when they were queued, so only a connection that is closing
            // already can refuse them, and that is reported by an event of its own.
            let _ = self.control.send(rank, kind, body);
        }
        self.events.push_back(Event::Connected { peer: rank });
        self.touch(index);
    }

    /// What both sides' parameters come to.
    fn agree(&self, established: &Established) -> Result<Agreed, HandshakeError> {
        let peer = established.peer;
        let parameters = &established.parameters;
        let (first, second) = if self.rank < peer {
            (&self.config.suites, &parameters.suites)
        } else {
            (&parameters.suites, &self.config.suites)
        };
        let suite = first.iter().find(|suite| second.contains(suite)).copied();
        let suite = suite.ok_or(HandshakeError::Incompatible("no AEAD suite in common"))?;
        let routes = self.routes(parameters, established.remote);
        if routes.is_empty() {
            return Err(HandshakeError::Incompatible("no address family in common"));
        }
        Ok(Agreed {
            peer,
            local_id: established.local_session,
            remote_id: parameters.session,
            suite,
            packet_max: packet_max(&self.config, &self.capabilities).min(parameters.packet_max),
            receive_budget: parameters.receive_budget,
            one_sided: parameters.capabilities & capability::ONE_SIDED != 0,
            rtt: established.rtt,
            routes,
            #[cfg(feature = "simulation")]
            phantom: self.phantom,
        })
    }

    /// Every local port times every remote one of its address family, at most `paths_max`, spread so
    /// that a small number still uses all ports.
    fn routes(&self, parameters: &PeerParameters, remote: SocketAddr) -> Vec<Route> {
        let mut remotes: Vec<SocketAddr> = Vec::with_capacity(parameters.addresses.len());
        for address in &parameters.addresses {
            let mut address = *address;
            if address.ip().is_unspecified() {
                address.set_ip(remote.ip());
            }
            if address.port() != 0 {
                remotes.push(address);
            }
        }
        let remotes = if remotes.is_empty() { vec![remote] } else { dedup(remotes) };
        let locals = self.addresses.len();
        let mut routes = Vec::new();
        for turn in 0..remotes.len() {
            for (local, address) in self.addresses.iter().enumerate() {
                let remote = remotes[(local + turn) % remotes.len()];
                if remote.is_ipv4() == address.is_ipv4() {
                    routes.push(Route { local: local as u16, remote });
                }
            }
        }
        debug_assert!(routes.len() <= locals * remotes.len());
        routes.truncate(self.config.paths_max);
        routes
    }
}

fn dedup(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::BTreeSet::new();
    addresses.retain(|address| seen.insert(*address));
    addresses
}
