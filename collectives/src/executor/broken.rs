//! Why a communicator can no longer be used.

use std::fmt;

use sealane_transport::{LossCause, Rank};

use crate::call::Call;
use crate::error::CollectiveError;

/// Two ranks have called different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Who called something else than we.
    pub rank: Rank,
    /// What that was, if we were told.
    pub theirs: Option<String>,
    /// The number of the call, and what ours was, if there is one.
    pub ours: Option<(u32, String)>,
}

/// Why everything has ended.
#[derive(Clone, Debug)]
pub(super) enum Broken {
    Lost(Rank, LossCause),
    Mismatch(Mismatch),
    Aborted(String),
    Transport(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(rank, cause) => write!(f, "{rank} was lost: {cause}"),
            Self::Mismatch(Mismatch { rank, .. }) => write!(f, "{rank} called something else"),
            Self::Aborted(reason) => write!(f, "aborted: {reason}"),
            Self::Transport(what) => f.write_str(what),
        }
    }
}

impl Broken {
    /// The error of one operation.
    pub(super) fn explain(&self, call: &Call, sequence: u32) -> CollectiveError {
        let collective = call.collective.name();
        match self.clone() {
            Self::Lost(rank, cause) => {
                CollectiveError::PeerLost { rank, collective, sequence, cause }
            }
            Self::Mismatch(Mismatch { rank, theirs, .. }) => {
                CollectiveError::Mismatch { rank, theirs, ours: call.to_string(), sequence }
            }
            Self::Aborted(reason) => CollectiveError::Aborted { collective, sequence, reason },
            Self::Transport(what) => CollectiveError::Transport { collective, sequence, what },
        }
    }
}
