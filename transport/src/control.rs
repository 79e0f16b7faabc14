//! The control plane: one QUIC connection per peer, mutually authenticated, from which sessions take
//! their keys (PROTOCOL §2).
//!
//! QUIC and TLS are quinn-proto's and rustls'; this module decides who may connect as whom, which of
//! two simultaneous attempts wins, and what a failure is called on both sides. A session stands once
//! each side has verified the other's certificate *and* its PARAMETERS. Sans-IO like all of the core:
//! [`ControlPlane::handle`] takes datagrams, [`ControlPlane::poll_transmit`] gives them.

mod attempt;
mod drive;
mod hello;
mod incoming;
mod link;
mod parameters;
mod quic;
mod refusal;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod timers;
mod tls;
mod verifier;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use crate::device::{Ecn, Route};
use crate::epoch::Epoch;
use crate::error::{Error, HandshakeError};
use crate::identity::{Identity, JobId};
use crate::ids::{Rank, SessionId};
use crate::time::Time;
use attempt::Attempt;
use link::Link;
use timers::Timers;

/// Bits of the capabilities in PARAMETERS (PROTOCOL §10.2).
pub mod capability {
    /// One-sided operations (PROTOCOL §12).
    pub const ONE_SIDED: u64 = 1 << 0;
}

pub use hello::TlsInfo;
pub(crate) use parameters::EpochProof;
pub use parameters::{LocalParameters, PeerParameters};

/// Refusals of strangers that wait to be polled; more are only counted.
const REFUSED_EVENTS_MAX: usize = 64;

/// Settings of a [`ControlPlane`].
#[derive(Debug)]
pub struct ControlSettings {
    /// Who we are, and who certifies our peers.
    pub identity: Identity,
    /// What we tell every peer.
    pub parameters: LocalParameters,
    /// The instant that [`Time::ZERO`] stands for.
    pub epoch: Instant,
    /// The wall clock, for the validity of certificates and Retry tokens.
    pub wall: Arc<dyn TimeProvider>,
    /// Entropy for session ids and QUIC. A session id is no secret, but must not be guessable
    /// from outside; draw it from the operating system.
    pub seed: [u8; 32],
    /// How long an attempt, or a stranger's handshake, may take.
    pub handshake_timeout: Duration,
    /// Strangers' handshakes in progress at a time. From a quarter of it on, strangers must prove
    /// their address by Retry; beyond it they are ignored.
    pub half_open_max: usize,
    /// The epoch that peers must be members of, if any.
    pub membership: Option<Epoch>,
}

/// A session that both sides have verified.
#[derive(Debug)]
pub struct Established {
    /// With whom.
    pub peer: Rank,
    /// The session id that we chose: clear in every packet that the peer sends us.
    pub local_session: SessionId,
    /// What the peer told us.
    pub parameters: PeerParameters,
    /// The secret that both sides' keys come from (PROTOCOL §4.2).
    pub path_secret: Zeroizing<[u8; 32]>,
    /// The address that the handshake ran to.
    pub remote: SocketAddr,
    /// The key exchange group of the handshake: `X25519MLKEM768`.
    pub group: &'static str,
    /// QUIC's estimate of the round trip, the peer's computing included.
    pub rtt: Duration,
}

/// What the control plane has to say.
#[derive(Debug)]
pub enum ControlEvent {
    /// A session stands. Any earlier one with this peer is void.
    Established(Box<Established>),
    /// An application frame arrived. In order, per peer.
    Frame {
        /// From whom.
        peer: Rank,
        /// The application's frame type.
        kind: u16,
        /// Its body.
        body: Bytes,
    },
    /// The peer ended an established session.
    Closed {
        /// Which peer.
        peer: Rank,
        /// Its close code (`crate::close`).
        code: u16,
        /// Its words, printable.
        reason: String,
    },
    /// The peer of an established session came back as another process.
    Restarted {
        /// Which peer.
        peer: Rank,
    },
    /// Our attempt to reach a peer failed for good.
    Failed {
        /// Which peer.
        peer: Rank,
        /// Why.
        error: HandshakeError,
    },
    /// Somebody's handshake with us failed: we refused it, or it refused us.
    Refused {
        /// The rank that its certificate names, verified or not.
        claimed: Option<Rank>,
        /// Why.
        error: HandshakeError,
    },
}

/// A datagram to post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlTransmit {
    /// Where it goes.
    pub route: Route,
    /// Length of each datagram but the last, if there are several. The control plane sends one at a
    /// time, so this is `None`.
    pub segment: Option<usize>,
    /// Bytes.
    pub length: usize,
    /// The codepoint to mark.
    pub ecn: Ecn,
}

/// What is known about one peer.
#[derive(Debug)]
struct Peer {
    /// Our session id for the session that stands or is being formed.
    session: SessionId,
    /// Our attempt to reach it.
    attempt: Option<Attempt>,
    /// The session that stands.
    established: Option<Standing>,
}

/// An established session.
#[derive(Clone, Copy, Debug)]
struct Standing {
    link: usize,
    incarnation: u64,
    /// The peer's session id, by which a second connection of the same opening is known.
    session: SessionId,
}

/// What we say we are. Apart from [`Identity`] only so that tests can lie.
#[derive(Clone, Debug)]
struct Claim {
    job: JobId,
    rank: Rank,
}

/// See the module's text.
pub struct ControlPlane {
    me: Claim,
    local: LocalParameters,
    epoch: Instant,
    handshake_timeout: Duration,
    half_open_max: usize,
    membership: Option<Epoch>,
    client: quinn_proto::ClientConfig,
    quic: quinn_proto::Endpoint,
    rng: StdRng,
    links: BTreeMap<usize, Link>,
    half_open: usize,
    peers: BTreeMap<Rank, Peer>,
    timers: Timers,
    /// Connections that may have something to transmit.
    ready: VecDeque<usize>,
    /// Connections of forgotten peers, to be closed when the time is known next.
    doomed: Vec<usize>,
    /// Datagrams outside of any connection: Retry, version negotiation, last words.
    stray: VecDeque<(Route, Vec<u8>)>,
    events: VecDeque<ControlEvent>,
    refused_waiting: usize,
    refused_dropped: u64,
    scratch: Vec<u8>,
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane")
            .field("me", &self.me)
            .field("links", &self.links.len())
            .field("half_open", &self.half_open)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

impl ControlPlane {
    /// A control plane without connections.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the identity's certificates cannot be used for TLS.
    pub fn new(settings: ControlSettings) -> Result<Self, Error> {
        let ControlSettings { identity, parameters, wall, half_open_max, .. } = settings;
        let mut rng = StdRng::from_seed(settings.seed);
        let client = tls::ClientTls::new(&identity, Arc::clone(&wall))?;
        let server = tls::ServerTls::new(&identity, Arc::clone(&wall))?;
        let mut quic_seed = [0; 32];
        rand::Rng::fill(&mut rng, &mut quic_seed[..]);
        let reset_seed = identity.reset_seed();
        let quic = quic::endpoint(Arc::new(server), wall, reset_seed, quic_seed, half_open_max);
        Ok(Self {
            me: Claim { job: identity.job().clone(), rank: identity.rank() },
            local: parameters,
            epoch: settings.epoch,
            handshake_timeout: settings.handshake_timeout,
            half_open_max,
            membership: settings.membership,
            client: quic::client(Arc::new(client)),
            quic,
            rng,
            links: BTreeMap::new(),
            half_open: 0,
            peers: BTreeMap::new(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            doomed: Vec::new(),
            stray: VecDeque::new(),
            events: VecDeque::new(),
            refused_waiting: 0,
            refused_dropped: 0,
            scratch: Vec::new(),
        })
    }

    /// Whether a session with `peer` stands.
    #[must_use]
    pub fn is_connected(&self, peer: Rank) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.established.is_some())
    }

    /// What TLS negotiated with an established peer.
    #[must_use]
    pub fn tls_info(&self, peer: Rank) -> Option<TlsInfo> {
        let standing = self.peers.get(&peer)?.established?;
        self.links.get(&standing.link)?.report().tls
    }

    /// Strangers' handshakes in progress.
    #[must_use]
    pub const fn half_open(&self) -> usize {
        self.half_open
    }

    /// Refusals that were not reported because too many waited to be polled.
    #[must_use]
    pub const fn refusals_dropped(&self) -> u64 {
        self.refused_dropped
    }

    /// The next event. Drain after every call.
    pub fn poll_event(&mut self) -> Option<ControlEvent> {
        let event = self.events.pop_front()?;
        if matches!(event, ControlEvent::Refused { .. }) {
            self.refused_waiting -= 1;
        }
        Some(event)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Reports a refusal, within bounds: strangers decide how many there are.
    fn refused(&mut self, claimed: Option<Rank>, error: HandshakeError) {
        if self.refused_waiting >= REFUSED_EVENTS_MAX {
            self.refused_dropped += 1;
            return;
        }
        self.refused_waiting += 1;
        self.events.push_back(ControlEvent::Refused { claimed, error });
    }

    /// `now` as quinn-proto wants it.
    fn instant(&self, now: Time) -> Instant {
        self.epoch + Duration::from_nanos(now.as_nanos())
    }

    /// Queues a connection for transmission.
    fn mark_ready(&mut self, id: usize) {
        if let Some(link) = self.links.get_mut(&id)
            && !std::mem::replace(&mut link.queued, true)
        {
            self.ready.push_back(id);
        }
    }
}
