//! What the endpoint knows of one peer.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::error::LossCause;
use crate::ids::{PathId, Rank};
use crate::message::Outbox;
use crate::path::{Path, PathInfo};
use crate::recovery::RecoveryStats;
use crate::seal::Suite;
use crate::session::Session;
use crate::time::Time;

/// Where a peer stands (PROTOCOL §8.1).
pub(super) enum State {
    /// No session, none wanted yet.
    Idle,
    /// A handshake is under way.
    Connecting,
    /// Packets flow.
    Established(Box<Session>),
    /// Gone for good.
    Lost(LossCause),
}

/// See the module's text.
pub(super) struct Peer {
    pub rank: Rank,
    pub addresses: Vec<SocketAddr>,
    pub state: State,
    /// Sends live here from before the session stands until they are acknowledged.
    pub outbox: Outbox,
    /// Control frames that wait for the session.
    pub waiting: Vec<(u16, Bytes)>,
    /// It is in the endpoint's queue of peers to look at.
    pub dirty: bool,
    /// The deadline that is armed for it.
    pub deadline: Option<Time>,
    /// What TLS negotiated: the key-exchange group.
    pub group: &'static str,
}

impl Peer {
    pub fn new(rank: Rank) -> Self {
        Self {
            rank,
            addresses: Vec::new(),
            state: State::Idle,
            outbox: Outbox::new(),
            waiting: Vec::new(),
            dirty: false,
            deadline: None,
            group: "",
        }
    }

    pub fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Established(session) => Some(session),
            _ => None,
        }
    }

    pub fn path_info(&self) -> Vec<PathInfo> {
        let State::Established(session) = &self.state else { return Vec::new() };
        let recovery = session.recovery();
        (0..recovery.paths())
            .filter_map(|path| recovery.path(PathId(path as u16)).map(Path::info))
            .collect()
    }

    pub fn info(&self) -> PeerInfo {
        let mut info = PeerInfo {
            rank: self.rank,
            connected: false,
            lost: None,
            suite: None,
            group: self.group,
            paths: 0,
            mtu: 0,
            rtt: std::time::Duration::ZERO,
            in_flight: 0,
            stored: 0,
            recovery: RecoveryStats::default(),
        };
        match &self.state {
            State::Idle | State::Connecting => {}
            State::Lost(cause) => info.lost = Some(cause.clone()),
            State::Established(session) => {
                info.connected = true;
                info.suite = Some(session.agreed().suite);
                info.paths = session.recovery().paths();
                info.mtu = session.recovery().mtu();
                info.rtt = session.recovery().rtt().smoothed;
                info.in_flight = session.recovery().in_flight();
                info.recovery = session.recovery().stats();
            }
        }
        info
    }
}

/// How a peer is doing, for headers, tables and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// Which peer.
    pub rank: Rank,
    /// A session stands.
    pub connected: bool,
    /// Why it is gone, if it is.
    pub lost: Option<LossCause>,
    /// The AEAD of the data plane.
    pub suite: Option<Suite>,
    /// The key-exchange group of the handshake, empty before it.
    pub group: &'static str,
    /// Five-tuples in use.
    pub paths: usize,
    /// Largest datagram payload that is known to pass, bytes.
    pub mtu: u16,
    /// Smoothed round-trip time.
    pub rtt: std::time::Duration,
    /// Bytes sent and not yet acknowledged or lost.
    pub in_flight: u64,
    /// Bytes of its messages that wait for a receive.
    pub stored: u64,
    /// What loss recovery has counted.
    pub recovery: RecoveryStats,
}
