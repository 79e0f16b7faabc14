//! Why a communicator can no longer be used.

use sealane_transport::{LossCause, Rank};

use crate::call::Call;
use crate::error::CollectiveError;

/// Why everything has ended.
#[derive(Clone, Debug)]
pub(super) enum Broken {
    Lost(Rank, LossCause),
    Mismatch(Rank),
    Aborted(String),
    Transport(String),
}

impl Broken {
    /// The error of one operation.
    pub(super) fn explain(&self, call: &Call, sequence: u32) -> CollectiveError {
        let collective = call.collective.name();
        match self.clone() {
            Self::Lost(rank, cause) => {
                CollectiveError::PeerLost { rank, collective, sequence, cause }
            }
            Self::Mismatch(rank) => {
                CollectiveError::Mismatch { rank, ours: call.to_string(), sequence }
            }
            Self::Aborted(reason) => CollectiveError::Aborted { collective, sequence, reason },
            Self::Transport(what) => CollectiveError::Transport { collective, sequence, what },
        }
    }
}
