//! Sessions on verified connections: PARAMETERS, who wins a simultaneous open, frames, endings
//! (PROTOCOL §2.3, §2.4).

use bytes::Bytes;
use rand::Rng;
use rustls::pki_types::{CertificateDer, ServerName};
use zeroize::Zeroizing;

use super::link::{OUTBOX_MAX, Origin, Stage};
use super::parameters::{Parameters, PeerParameters};
use super::refusal::{code, code_of};
use super::stream::{self, RawFrame};
use super::{ControlEvent, ControlPlane, Established, Peer, Standing};
use crate::error::{Error, HandshakeError};
use crate::identity::certificate_name;
use crate::ids::{Rank, SessionId};
use crate::limits;
use crate::time::Time;

/// The exporter's label (PROTOCOL §4.2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-sealane v1 path secret";

/// The label for proofs of membership (PROTOCOL §4.7).
const EPOCH_LABEL: &[u8] = b"EXPORTER-sealane v1 epoch";

impl ControlPlane {
    /// Sends an application frame. Frames to one peer arrive in order, or the session ends.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`] without a session; [`Error::Limit`] for a body over 1 MiB, or when more
    /// than 16 MiB already wait for the peer to read.
    pub fn send(&mut self, peer: Rank, kind: u16, body: Bytes) -> Result<(), Error> {
        let standing = self.peers.get(&peer).and_then(|entry| entry.established);
        let id = standing.map(|standing| standing.link).ok_or(Error::UnknownPeer(peer))?;
        let link = self.links.get_mut(&id).ok_or(Error::UnknownPeer(peer))?;
        if link.waiting() >= OUTBOX_MAX {
            return Err(Error::Limit("control frames waiting to be sent"));
        }
        let parts = stream::application_frame(kind, body);
        link.send(parts.ok_or(Error::Limit("bytes of a control frame"))?);
        self.mark_ready(id);
        Ok(())
    }

    /// Ends the session with `peer`, or the attempt at one, without an event. What was sent before is
    /// transmitted once more before the close, but no longer waited for.
    pub fn close(&mut self, now: Time, peer: Rank, code: u16, reason: &str) {
        self.abandon_attempt(now, peer);
        if let Some(standing) = self.peers.remove(&peer).and_then(|entry| entry.established) {
            self.close_link(now, standing.link, code, reason);
        }
    }

    /// Drops everything about `peer` without an event. Should it live after all, it is told with the
    /// next transmission.
    pub fn forget(&mut self, peer: Rank) {
        let Some(entry) = self.peers.remove(&peer) else { return };
        self.timers.set(super::timers::Timer::Attempt(peer), None);
        let attempt = entry.attempt.and_then(|attempt| attempt.link);
        let standing = entry.established.map(|standing| standing.link);
        self.doomed.extend([attempt, standing].into_iter().flatten());
    }

    /// A session id that no other session of ours has.
    pub(super) fn fresh_session(&mut self) -> SessionId {
        loop {
            let id = SessionId(self.rng.random());
            if id.0 != 0 && !self.peers.values().any(|peer| peer.session == id) {
                return id;
            }
        }
    }

    /// Sends our PARAMETERS.
    pub(super) fn send_parameters(&mut self, id: usize, peer: Rank) {
        let Some(session) = self.peers.get(&peer).map(|entry| entry.session) else { return };
        let epoch = self.membership.as_ref().and_then(|epoch| {
            Some(epoch.proof(&*self.exported(id, EPOCH_LABEL, peer)?, (self.me.rank, peer)))
        });
        let parameters = self.local.to_peer(&self.me.job, self.me.rank, peer, session, epoch);
        if let Some(link) = self.links.get_mut(&id) {
            link.send([stream::parameters_frame(&parameters.encode())]);
        }
    }

    /// Handles one frame of a connection that still matters.
    pub(super) fn on_frame(&mut self, now: Time, id: usize, frame: RawFrame) {
        let Some(stage) = self.links.get(&id).map(|link| link.stage) else { return };
        match (stage, frame.kind) {
            (Stage::Opening, stream::PARAMETERS) => {
                if let Err(error) = self.on_parameters(now, id, &frame.body) {
                    self.refuse(now, id, code_of(&error), error);
                }
            }
            (Stage::Opening, _) => self.on_broken(now, id, "PARAMETERS must come first"),
            (Stage::Established(peer), stream::APPLICATION) => {
                match stream::split_application(frame.body) {
                    Some((kind, body)) => {
                        self.events.push_back(ControlEvent::Frame { peer, kind, body });
                    }
                    None => self.on_broken(now, id, "APPLICATION frame without a kind"),
                }
            }
            (Stage::Established(_), stream::PARAMETERS) => {
                self.on_broken(now, id, "PARAMETERS twice");
            }
            // Later versions may have more types; who does not know them ignores them.
            _ => {}
        }
    }

    /// Refuses the peer of an unfinished handshake: it learns why, and so does our user.
    pub(super) fn refuse(&mut self, now: Time, id: usize, code: u16, error: HandshakeError) {
        let Some(link) = self.links.get(&id) else { return };
        let (origin, claimed) = (link.origin, link.report().verdict.claimed);
        self.close_link(now, id, code, &error.to_string());
        match origin {
            Origin::Ours(peer) => {
                let ours = self.peers.get(&peer).and_then(|entry| entry.attempt.as_ref());
                if ours.is_some_and(|attempt| attempt.link == Some(id)) {
                    self.fail_attempt(now, peer, error);
                }
            }
            Origin::Theirs => self.refused(claimed, error),
        }
    }

    fn on_parameters(&mut self, now: Time, id: usize, body: &[u8]) -> Result<(), HandshakeError> {
        let parameters = Parameters::decode(body)?;
        let Some(origin) = self.links.get(&id).map(|link| link.origin) else { return Ok(()) };
        if parameters.job != self.me.job {
            return Err(HandshakeError::BadParameters("another job"));
        }
        if parameters.receiver != self.me.rank {
            return Err(HandshakeError::BadParameters("meant for another rank"));
        }
        if parameters.sender == self.me.rank {
            return Err(HandshakeError::BadParameters("claims our own rank"));
        }
        self.check_name(id, parameters.sender)?;
        if let Origin::Ours(peer) = origin
            && parameters.sender != peer
        {
            return Err(HandshakeError::BadParameters("another rank than was dialled"));
        }
        self.check_epoch(id, &parameters)?;
        let known = |suite| self.local.suites.contains(suite);
        if !parameters.peer.suites.iter().any(known) {
            return Err(HandshakeError::Incompatible("no AEAD suite in common"));
        }
        let peer = parameters.sender;
        if origin == Origin::Theirs {
            if !self.make_way(now, id, peer, &parameters.peer) {
                return Ok(());
            }
            self.send_parameters(id, peer);
        }
        self.establish(now, id, peer, parameters.peer)
    }

    /// Members of an epoch talk to each other only, and others not to them.
    fn check_epoch(&self, id: usize, parameters: &Parameters) -> Result<(), HandshakeError> {
        let (epoch, shown) = match (&self.membership, &parameters.epoch) {
            (None, None) => return Ok(()),
            (Some(epoch), Some(shown)) => (epoch, shown),
            _ => return Err(HandshakeError::OtherEpoch),
        };
        let pair = (parameters.sender, self.me.rank);
        let exported = self.exported(id, EPOCH_LABEL, parameters.sender);
        let exported = exported.ok_or(HandshakeError::OtherEpoch)?;
        if epoch.admits(shown, &exported, pair) { Ok(()) } else { Err(HandshakeError::OtherEpoch) }
    }

    /// The TLS exporter of a connection for the pair of ranks that we and `peer` are.
    fn exported(&self, id: usize, label: &[u8], peer: Rank) -> Option<Zeroizing<[u8; 32]>> {
        let (low, high) = (self.me.rank.min(peer), self.me.rank.max(peer));
        let mut context = self.me.job.as_str().as_bytes().to_vec();
        context.push(0);
        context.extend_from_slice(&low.0.to_be_bytes());
        context.extend_from_slice(&high.0.to_be_bytes());
        self.links.get(&id)?.export(label, &context)
    }

    /// The peer's certificate, whose chain TLS has verified, must be for the rank that it claims.
    fn check_name(&self, id: usize, claimed: Rank) -> Result<(), HandshakeError> {
        let expected = certificate_name(&self.me.job, claimed);
        let identity = self.links.get(&id).and_then(|link| {
            link.connection
                .crypto_session()
                .peer_identity()?
                .downcast::<Vec<CertificateDer<'_>>>()
                .ok()
        });
        let valid = identity.as_ref().and_then(|chain| chain.first()).is_some_and(|leaf| {
            let name = ServerName::try_from(expected.as_str());
            match (webpki::EndEntityCert::try_from(leaf), name) {
                (Ok(leaf), Ok(name)) => leaf.verify_is_valid_for_subject_name(&name).is_ok(),
                _ => false,
            }
        });
        if valid { Ok(()) } else { Err(HandshakeError::WrongName { expected }) }
    }

    /// Decides whether a verified stranger's connection may become the session with `peer`, and
    /// clears away what it replaces.
    ///
    /// Of two simultaneous attempts the lower rank's wins. It alone decides: once it has heard from
    /// the peer on its own attempt, it refuses the other; before, it accepts it and drops its own.
    fn make_way(&mut self, now: Time, id: usize, peer: Rank, parameters: &PeerParameters) -> bool {
        let full = self.peers.len() >= limits::PEERS_MAX;
        let session = self.fresh_session();
        let lower = self.me.rank < peer;
        let Some(entry) = self.peers.get_mut(&peer) else {
            if full {
                let error = HandshakeError::Incompatible("too many peers");
                self.refuse(now, id, code::FULL, error);
                return false;
            }
            self.peers.insert(peer, Peer { session, attempt: None, established: None });
            return true;
        };
        if let Some(standing) = entry.established {
            let same_process = standing.incarnation == parameters.incarnation;
            if same_process && standing.session == parameters.session {
                self.close_link(now, id, code::SIMULTANEOUS, "a session stands already");
                return false;
            }
            entry.established = None;
            entry.session = session;
            self.close_link(now, standing.link, code::ABANDONED, "superseded");
            self.events.push_back(if same_process {
                let reason = "superseded by a newer connection".to_owned();
                ControlEvent::Closed { peer, code: code::ABANDONED, reason }
            } else {
                ControlEvent::Restarted { peer }
            });
            return true;
        }
        let ours = entry.attempt.as_ref().and_then(|attempt| attempt.link);
        let answered = ours.and_then(|id| self.links.get(&id)).is_some_and(|link| link.heard);
        if lower && answered {
            self.close_link(now, id, code::SIMULTANEOUS, "our own attempt goes first");
            return false;
        }
        self.abandon_attempt(now, peer);
        true
    }

    /// Both sides are verified: the session stands.
    fn establish(
        &mut self,
        now: Time,
        id: usize,
        peer: Rank,
        parameters: PeerParameters,
    ) -> Result<(), HandshakeError> {
        let path_secret = self
            .exported(id, EXPORTER_LABEL, peer)
            .ok_or_else(|| HandshakeError::Transport("TLS exporter".to_owned()))?;
        let path_secret = match &self.membership {
            Some(epoch) => epoch.bind(&path_secret),
            None => path_secret,
        };
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Some(entry) = self.peers.get_mut(&peer) else { return Ok(()) };
        link.establish(peer);
        if std::mem::take(&mut link.half_open) {
            self.half_open -= 1;
        }
        let standing =
            Standing { link: id, incarnation: parameters.incarnation, session: parameters.session };
        entry.established = Some(standing);
        entry.attempt = None;
        self.timers.set(super::timers::Timer::Attempt(peer), None);
        let established = Established {
            peer,
            local_session: entry.session,
            path_secret,
            remote: link.remote,
            group: link.tls().group,
            rtt: link.rtt(),
            parameters,
        };
        self.events.push_back(ControlEvent::Established(Box::new(established)));
        tracing::debug!(%peer, remote = %link.remote, ?now, "session established");
        Ok(())
    }
}
