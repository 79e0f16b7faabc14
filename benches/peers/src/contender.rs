//! Whoever has a turn in a round.

use crate::Failure;
use crate::cipher::Suite;
use crate::control::{Order, Task};
use crate::options::Kind;
use crate::peer::{Outcome, Peer};
use crate::roof::{self, Iperf};

/// Sizes from which the roof is a fair bound: below, latency is.
const ROOF_BYTES: usize = 1 << 20;

/// See the module's text.
pub enum Contender {
    Peer(Peer),
    /// Bare sealing and bare UDP.
    Roof(Suite),
    Iperf(Iperf),
}

impl Contender {
    pub fn name(&self) -> String {
        match self {
            Self::Peer(peer) => peer.name.clone(),
            Self::Roof(Suite::Aes256Gcm) => "roof: bare AES-256-GCM over bare UDP".to_owned(),
            Self::Roof(Suite::Null) => "roof: bare UDP, null seal".to_owned(),
            Self::Iperf(iperf) => format!("{} (TCP, plaintext)", iperf.version),
        }
    }

    /// Whether this is Sealane as it ships, with which all others are compared.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Peer(peer) if peer.kind == Kind::Sealane)
    }

    /// Whether it takes part at this size.
    pub fn covers(&self, task: Task, bytes: usize) -> bool {
        match (self, task) {
            (Self::Peer(_), Task::AllReduce) => true,
            (Self::Peer(peer), Task::Stream) => {
                matches!(peer.kind, Kind::Sealane | Kind::NullSeal)
            }
            (Self::Roof(_), _) => bytes >= ROOF_BYTES,
            (Self::Iperf(_), task) => task == Task::Stream && bytes >= ROOF_BYTES,
        }
    }

    pub fn turn(&mut self, order: &Order) -> Result<Outcome, Failure> {
        match self {
            Self::Peer(peer) => peer.obey(order),
            Self::Roof(suite) => roof::roof(*suite, order),
            Self::Iperf(iperf) => iperf.turn(order),
        }
    }
}
