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
    /// The number of the call, and what ours was: empty if we have not come to it yet.
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
            // The call that differs need not be this one: a rank that has done its part in it may
            // have gone on, or not have come to it yet.
            Self::Mismatch(Mismatch { rank, theirs, ours }) => {
                let (sequence, mut ours) = ours.unwrap_or_else(|| (sequence, call.to_string()));
                if ours.is_empty() {
                    "nothing yet".clone_into(&mut ours);
                }
                CollectiveError::Mismatch { rank, theirs, ours, sequence }
            }
            Self::Aborted(reason) => CollectiveError::Aborted { collective, sequence, reason },
            Self::Transport(what) => CollectiveError::Transport { collective, sequence, what },
        }
    }
}
