//! What a user of the library may get back, each naming who, in which operation, and why.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealane_transport::rma::Refusal;
use sealane_transport::{LossCause, Rank};

use crate::bootstrap::{CredentialsError, EnvironmentError, RendezvousError};

/// Which operation, in the words of logs: `all_reduce #17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// Its number: collectives of a communicator count from 0, equal on all ranks; sends and receives
    /// count apart, on each rank for itself.
    pub sequence: u64,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.name, self.sequence)
    }
}

/// How we know that a rank is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We saw it ourselves.
    Observed(LossCause),
    /// Another rank saw it and told us.
    Reported {
        /// Who said so.
        by: Rank,
        /// Its words.
        text: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(cause) => cause.fmt(f),
            Self::Reported { by, text } => write!(f, "{text}, says {by}"),
        }
    }
}

/// Why something could not be done.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The launcher's environment is unusable.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// There is no usable identity.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The ranks did not find each other.
    #[error(transparent)]
    Rendezvous(Arc<RendezvousError>),
    /// Settings or arguments make no sense.
    #[error("{0}")]
    Argument(String),
    /// A rank is gone. The communicator is of no more use; every rank gets this.
    #[error("{operation}: {rank} is lost: {cause}")]
    PeerLost {
        /// Who.
        rank: Rank,
        /// What could not be done.
        operation: Operation,
        /// How we know.
        cause: Cause,
    },
    /// The ranks called different things, or the same with different arguments.
    #[error(
        "{operation}: {rank} called {} where we called {ours}: collective, type, operation, count \
             and root must be the same on all ranks, in the same order",
        .theirs.as_deref().unwrap_or("something else")
    )]
    Mismatch {
        /// Who differs from us.
        rank: Rank,
        /// What it called, if it told us.
        theirs: Option<String>,
        /// What we called.
        operation: Operation,
        /// Our call.
        ours: String,
    },
    /// The others took this rank for lost and went on without it.
    #[error("{rank} was taken for lost, and the others went on without it")]
    Excluded {
        /// This rank, in the communicator that was shrunk.
        rank: Rank,
    },
    /// It took longer than allowed.
    #[error(
        "{operation} did not finish within {within:?}: {} (SEALANE_OPERATION_TIMEOUT sets the limit in \
             seconds)",
        late(.waiting_for)
    )]
    Timeout {
        /// What.
        operation: Operation,
        /// The limit.
        within: Duration,
        /// Which ranks are slow, or did not call it, as far as this one knows: those that it needed
        /// something of and that had not said that they wait themselves. May be empty.
        waiting_for: Vec<Rank>,
    },
    /// The owner of the memory refused a one-sided operation.
    #[error("{operation}: {rank} refused: {refusal}")]
    RemoteAccess {
        /// What.
        operation: Operation,
        /// Whose memory.
        rank: Rank,
        /// Why.
        refusal: Refusal,
    },
    /// Somebody called abort.
    #[error("{operation}: aborted: {reason}")]
    Aborted {
        /// What.
        operation: Operation,
        /// Who, and why.
        reason: String,
    },
    /// The core refused, for a reason of its own.
    #[error("{operation}: {cause}")]
    Failed {
        /// What.
        operation: Operation,
        /// Why.
        cause: String,
    },
}

/// Who is late, in words; in a large world, of the first few.
pub(crate) fn late(ranks: &[Rank]) -> String {
    const NAMED: usize = 8;
    match ranks {
        [] => "a rank is slow, or did not call it".to_owned(),
        [one] => format!("{one} is slow, or did not call it"),
        _ => {
            let named: Vec<String> = ranks.iter().take(NAMED).map(|r| r.0.to_string()).collect();
            let more = if ranks.len() > NAMED { ", ..." } else { "" };
            format!("ranks {}{more} are slow, or did not call it", named.join(", "))
        }
    }
}

impl From<RendezvousError> for Error {
    fn from(error: RendezvousError) -> Self {
        Self::Rendezvous(Arc::new(error))
    }
}
