//! What the engine says of itself.

use std::collections::BTreeSet;

use sealane_collectives::State;
use sealane_transport::Rank;

use super::Engine;
use crate::observe::{FlightRecord, Metrics, PeerMetrics};

impl Engine {
    pub(crate) fn flight_record(&self) -> FlightRecord {
        FlightRecord {
            rank: self.rank,
            size: self.world,
            ended_by: self.executor.ended_by(),
            operations: self.executor.record(),
        }
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let counters = self.executor.counters();
        let session = |rank: Rank| {
            let mut info = self.net.endpoint.peer_info(self.members.job(rank))?;
            info.rank = rank;
            Some(info).filter(|info| info.connected || info.lost.is_some())
        };
        let begun = (0..self.world).map(Rank).filter(|rank| session(*rank).is_some());
        let peers: BTreeSet<Rank> = begun.chain(counters.peers.keys().copied()).collect();
        let peer = |rank: Rank| PeerMetrics {
            rank,
            collectives: counters.peers.get(&rank).copied().unwrap_or_default(),
            session: session(rank),
            paths: self.net.endpoint.path_info(self.members.job(rank)),
        };
        let running =
            self.executor.record().iter().filter(|one| one.state == State::Running).count();
        Metrics {
            rank: self.rank,
            size: self.world,
            endpoint: self.stats(),
            collectives: counters.collectives.clone(),
            running,
            peers: peers.into_iter().map(peer).collect(),
        }
    }
}
