//! What the layers below say, in the words of the library.

use sealane_collectives::{Call, Collective, CollectiveError};
use sealane_kernels::Dtype;
use sealane_transport::{LossCause, OperationError, Rank};

use super::Engine;
use crate::error::{Cause, Error, Operation};

/// A collective's name, as the method is called.
pub(crate) const fn public_name(collective: Collective) -> &'static str {
    match collective {
        Collective::AllReduce(_) => "all_reduce",
        Collective::AllGather => "all_gather",
        Collective::AllToAll => "all_to_all",
        other => other.name(),
    }
}

/// The same for the name in an error.
fn method(name: &'static str) -> &'static str {
    match name {
        "allreduce" => "all_reduce",
        "allgather" => "all_gather",
        "alltoall" => "all_to_all",
        other => other,
    }
}

impl Engine {
    /// How we know that a rank is gone.
    pub(crate) fn cause(&self, rank: Rank, observed: LossCause) -> Cause {
        self.reported.get(&rank).cloned().unwrap_or(Cause::Observed(observed))
    }

    /// Why a collective did not complete.
    pub(crate) fn explain(&self, error: CollectiveError) -> Error {
        let operation =
            |name, sequence: u32| Operation { name: method(name), sequence: u64::from(sequence) };
        match error {
            CollectiveError::PeerLost { rank, collective, sequence, cause } => Error::PeerLost {
                rank,
                operation: operation(collective, sequence),
                cause: self.cause(rank, cause),
            },
            CollectiveError::Mismatch { rank, theirs, ours, sequence } => {
                Error::Mismatch { rank, theirs, operation: operation("collective", sequence), ours }
            }
            CollectiveError::Timeout { collective, sequence, after } => {
                let waiting_for = self.awaited_in(sequence);
                let operation = operation(collective, sequence);
                Error::Timeout { operation, within: after, waiting_for }
            }
            CollectiveError::Aborted { collective, sequence, reason } => {
                Error::Aborted { operation: operation(collective, sequence), reason }
            }
            CollectiveError::Transport { collective, sequence, what } => {
                Error::Failed { operation: operation(collective, sequence), cause: what }
            }
            other => Error::Argument(other.to_string()),
        }
    }

    /// Why a message could not be started.
    pub(crate) fn refused(&self, operation: Operation, error: sealane_transport::Error) -> Error {
        match self.members.error(error) {
            sealane_transport::Error::PeerLost { rank, cause } => {
                Error::PeerLost { rank, operation, cause: self.cause(rank, cause) }
            }
            other => Error::Failed { operation, cause: other.to_string() },
        }
    }

    /// Why a message failed. One that was withdrawn here was so because everything has ended.
    pub(crate) fn failed(&self, operation: Operation, error: OperationError) -> Error {
        match error {
            OperationError::PeerLost { rank, cause } => {
                Error::PeerLost { rank, operation, cause: self.cause(rank, cause) }
            }
            OperationError::Cancelled => self
                .broken(operation)
                .unwrap_or_else(|| Error::Aborted { operation, reason: "by this rank".to_owned() }),
            other => Error::Failed { operation, cause: other.to_string() },
        }
    }

    /// Why a one-sided operation on a rank's memory failed.
    pub(crate) fn failed_access(
        &self,
        operation: Operation,
        owner: Rank,
        error: OperationError,
    ) -> Error {
        match error {
            OperationError::RemoteAccess(refusal) => {
                Error::RemoteAccess { operation, rank: owner, refusal }
            }
            other => self.failed(operation, other),
        }
    }

    /// Why nothing can be started any more, as an error of `operation`, if so.
    pub(crate) fn broken(&self, operation: Operation) -> Option<Error> {
        let call = Call { collective: Collective::Barrier, dtype: Dtype::U8, count: 0 };
        let error = self.explain(self.executor.broken(&call)?);
        Some(match error {
            Error::PeerLost { rank, cause, .. } => Error::PeerLost { rank, operation, cause },
            Error::Aborted { reason, .. } => Error::Aborted { operation, reason },
            Error::Failed { cause, .. } => Error::Failed { operation, cause },
            other => Error::Aborted { operation, reason: other.to_string() },
        })
    }
}
