//! Counters of a communicator, in one piece.

use std::collections::BTreeMap;

use sealane_collectives::{CollectiveCounters, PeerCounters};
use sealane_transport::{PathInfo, PeerInfo, Rank};

use crate::Stats;

/// Counters of a communicator since its start. Consistent: taken at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Our rank.
    pub rank: Rank,
    /// How many ranks there are.
    pub size: u32,
    /// Packets and bytes of the endpoint, and what was dropped, by cause.
    pub endpoint: Stats,
    /// By the name of the collective.
    pub collectives: BTreeMap<&'static str, CollectiveCounters>,
    /// Operations under way.
    pub running: usize,
    /// The ranks that a session stands with, or that collectives have exchanged messages with.
    pub peers: Vec<PeerMetrics>,
}

/// Counters of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerMetrics {
    /// Which rank of the communicator.
    pub rank: Rank,
    /// What collectives have exchanged with it.
    pub collectives: PeerCounters,
    /// Its session, if one was ever begun.
    pub session: Option<PeerInfo>,
    /// The paths to it.
    pub paths: Vec<PathInfo>,
}
