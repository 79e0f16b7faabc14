//! The endpoint: every session of one process, behind one façade (PROTOCOL §1).
//!
//! Drain contract: after any call that takes time, call [`Endpoint::poll_transmit`] until it returns 0
//! and [`Endpoint::poll_event`] until it returns `None`, then sleep until
//! [`Endpoint::next_deadline`] or the device wakes.

mod control_events;
#[cfg(feature = "simulation")]
mod given;
mod operations;
mod peer;
mod receive;
mod rma;
mod timers;
mod transmit;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rustc_hash::FxBuildHasher;
use rustls::time_provider::TimeProvider;

use crate::config::Config;
use crate::control::{ControlPlane, ControlSettings, LocalParameters, capability};
use crate::device::Capabilities;
use crate::error::Error;
use crate::event::Event;
use crate::identity::Identity;
use crate::ids::{Rank, SessionId};
use crate::limits;
use crate::message::Inbox;
use crate::path::PathInfo;
use crate::recovery::RecoveryStats;
use crate::rma::Grants;
use crate::session::{Closing, Session};
use crate::stats::Stats;
use crate::time::Time;

use peer::Peer;
pub use peer::PeerInfo;

/// What an [`Endpoint`] is made of.
#[derive(Debug)]
pub struct EndpointSettings {
    /// Behaviour.
    pub config: Config,
    /// Who we are, and how we prove it.
    pub identity: Identity,
    /// What the device can do.
    pub capabilities: Capabilities,
    /// The device's local addresses, as peers reach them.
    pub addresses: Vec<SocketAddr>,
    /// The instant that [`Time::ZERO`] stands for.
    pub epoch: Instant,
    /// Wall clock for certificate validity.
    pub wall: Arc<dyn TimeProvider>,
    /// Entropy for session ids, connection ids, path choice and remote keys: nobody else may know it.
    /// The keys of packets come from TLS.
    pub seed: [u8; 32],
    /// Ranks of the job, 0 if not known.
    pub world: u32,
}

/// Session ids are drawn by us, so no attacker chooses what is hashed: a fixed hasher serves.
type SessionTable = HashMap<SessionId, usize, FxBuildHasher>;

/// See the module's text.
pub struct Endpoint {
    config: Config,
    rank: Rank,
    capabilities: Capabilities,
    addresses: Vec<SocketAddr>,
    control: ControlPlane,
    inbox: Inbox,
    grants: Grants,
    peers: Vec<Peer>,
    ranks: BTreeMap<Rank, usize>,
    by_address: BTreeMap<SocketAddr, usize>,
    sessions: SessionTable,
    /// Peers that may have something to transmit.
    dirty: VecDeque<usize>,
    /// The armed deadline of each peer that has one.
    deadlines: BTreeSet<(Time, usize)>,
    farewells: Vec<(Session, Closing)>,
    events: VecDeque<Event>,
    stats: Stats,
    rng: StdRng,
    next_operation: u64,
    scratch: Vec<u8>,
    /// The session that is being formed seals nothing.
    #[cfg(feature = "simulation")]
    phantom: bool,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("rank", &self.rank)
            .field("peers", &self.peers.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint without peers.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the settings contradict each other or the identity is unusable.
    pub fn new(settings: EndpointSettings) -> Result<Self, Error> {
        let EndpointSettings { config, identity, capabilities, addresses, .. } = settings;
        check(&config, &capabilities, &addresses)?;
        let mut rng = StdRng::from_seed(settings.seed);
        let rank = identity.rank();
        let mut seed = [0; 32];
        rand::Rng::fill(&mut rng, &mut seed[..]);
        let mut keys = [0; 32];
        rand::Rng::fill(&mut rng, &mut keys[..]);
        let control = ControlPlane::new(ControlSettings {
            identity,
            parameters: LocalParameters {
                world: settings.world,
                incarnation: rand::Rng::random(&mut rng),
                suites: config.suites.clone(),
                lanes: 1,
                packet_max: packet_max(&config, &capabilities),
                eager_budget: config.eager_budget,
                receive_budget: capabilities.receive_budget,
                message_window: limits::MESSAGE_WINDOW,
                capabilities: capability::ONE_SIDED,
                addresses: addresses.clone(),
            },
            epoch: settings.epoch,
            wall: settings.wall,
            seed,
            handshake_timeout: config.handshake_timeout,
            half_open_max: limits::HALF_OPEN_MAX,
            membership: config.membership.clone(),
        })?;
        Ok(Self {
            inbox: Inbox::new(config.eager_budget, capabilities.receive_budget),
            grants: Grants::new(rank, grant_epoch(&config), keys),
            config,
            rank,
            capabilities,
            addresses,
            control,
            peers: Vec::new(),
            ranks: BTreeMap::new(),
            by_address: BTreeMap::new(),
            sessions: SessionTable::default(),
            dirty: VecDeque::new(),
            deadlines: BTreeSet::new(),
            farewells: Vec::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            rng,
            next_operation: 0,
            scratch: Vec::new(),
            #[cfg(feature = "simulation")]
            phantom: false,
        })
    }

    /// Our rank.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How a peer is doing; `None` if it was never added.
    #[must_use]
    pub fn peer_info(&self, rank: Rank) -> Option<PeerInfo> {
        let info = self.ranks.get(&rank).map(|index| self.peers[*index].info())?;
        Some(PeerInfo { stored: self.inbox.stored(rank), ..info })
    }

    /// What the loss recovery of all standing sessions has counted.
    #[must_use]
    pub fn recovery_stats(&self) -> RecoveryStats {
        let mut sum = RecoveryStats::default();
        for stats in self.peers.iter().map(|peer| peer.info().recovery) {
            sum.lost += stats.lost;
            sum.spurious += stats.spurious;
            sum.timeouts += stats.timeouts;
            sum.silences += stats.silences;
        }
        sum
    }

    /// The paths to a peer, while a session with it stands.
    #[must_use]
    pub fn path_info(&self, rank: Rank) -> Vec<PathInfo> {
        self.ranks.get(&rank).map_or_else(Vec::new, |index| self.peers[*index].path_info())
    }

    /// Makes a peer known, or replaces its addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for our own rank, [`Error::Limit`] for too many peers or addresses.
    pub fn add_peer(&mut self, rank: Rank, addresses: &[SocketAddr]) -> Result<(), Error> {
        if rank == self.rank {
            return Err(Error::Config(format!("{rank} is this endpoint itself")));
        }
        if addresses.len() > limits::PORTS_MAX {
            return Err(Error::Limit("addresses of a peer"));
        }
        let index = self.peer_index(rank)?;
        self.set_addresses(index, addresses);
        Ok(())
    }

    /// The slot of `rank`, made if it is new.
    fn peer_index(&mut self, rank: Rank) -> Result<usize, Error> {
        if let Some(index) = self.ranks.get(&rank) {
            return Ok(*index);
        }
        if self.peers.len() >= limits::PEERS_MAX {
            return Err(Error::Limit("peers of an endpoint"));
        }
        let index = self.peers.len();
        self.peers.push(Peer::new(rank));
        self.inbox.add_peer(rank);
        self.ranks.insert(rank, index);
        Ok(index)
    }

    fn set_addresses(&mut self, index: usize, addresses: &[SocketAddr]) {
        for old in self.peers[index].addresses.drain(..) {
            self.by_address.remove(&old);
        }
        for address in addresses {
            self.by_address.insert(*address, index);
        }
        self.peers[index].addresses = addresses.to_vec();
    }

    /// Notes that a peer may have something to transmit and that its deadline may have moved.
    fn touch(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if !peer.dirty {
            peer.dirty = true;
            self.dirty.push_back(index);
        }
    }
}

/// The epoch that grants are of: the low bits of the number of the endpoint's.
fn grant_epoch(config: &Config) -> u32 {
    config.membership.as_ref().map_or(0, |epoch| epoch.number() as u32)
}

/// The largest packet that we send or take.
fn packet_max(config: &Config, capabilities: &Capabilities) -> u16 {
    config.mtu_max.map_or(capabilities.mtu, |max| max.min(capabilities.mtu))
}

fn check(
    config: &Config,
    capabilities: &Capabilities,
    addresses: &[SocketAddr],
) -> Result<(), Error> {
    let wrong = |text: &str| Err(Error::Config(text.to_owned()));
    if config.suites.is_empty() {
        return wrong("no cipher suite is enabled");
    }
    if addresses.is_empty() || addresses.len() > limits::PORTS_MAX {
        return wrong("a device has 1 to 64 local ports");
    }
    if config.paths_max == 0 || config.paths_max > limits::PATHS_MAX {
        return wrong("paths are 1 to 256");
    }
    if capabilities.mtu_base < 1200 || packet_max(config, capabilities) < 1200 {
        return wrong("datagrams of 1200 bytes are the least that the protocol can use");
    }
    Ok(())
}
