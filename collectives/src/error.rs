//! Why a collective did not complete.

use sealane_kernels::Unsupported;
use sealane_transport::{LossCause, Rank};

/// See the module's text. Buffers of a failed collective are undefined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectiveError {
    /// A rank is gone.
    #[error("{rank} was lost in {collective} #{sequence}: {cause}")]
    PeerLost {
        /// Which rank.
        rank: Rank,
        /// In which collective.
        collective: &'static str,
        /// The how manieth of the communicator.
        sequence: u32,
        /// Why.
        cause: LossCause,
    },
    /// Another rank has called something else.
    #[error(
        "{rank} called {} where we called {ours} (#{sequence}): collective, type, operation, count, \
         root and order must be the same on all ranks",
        .theirs.as_deref().unwrap_or("something else")
    )]
    Mismatch {
        /// Which rank.
        rank: Rank,
        /// What it called, if it told us.
        theirs: Option<String>,
        /// What we called.
        ours: String,
        /// The how manieth of the communicator.
        sequence: u32,
    },
    /// The deadline passed.
    #[error("{collective} #{sequence} did not complete within {after:?}")]
    Timeout {
        /// Which collective.
        collective: &'static str,
        /// The how manieth of the communicator.
        sequence: u32,
        /// The deadline.
        after: std::time::Duration,
    },
    /// The communicator was aborted, here or by another rank.
    #[error("aborted in {collective} #{sequence}: {reason}")]
    Aborted {
        /// In which collective.
        collective: &'static str,
        /// The how manieth of the communicator.
        sequence: u32,
        /// Why.
        reason: String,
    },
    /// The call makes no sense.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// The element type has no such reduction.
    #[error("invalid argument: {0}")]
    Unsupported(#[from] Unsupported),
    /// The transport refused an operation.
    #[error("{collective} #{sequence}: {what}")]
    Transport {
        /// In which collective.
        collective: &'static str,
        /// The how manieth of the communicator.
        sequence: u32,
        /// The transport's words.
        what: String,
    },
}
