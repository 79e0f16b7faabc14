//! Ranks of the communicator, as the transport knows them: by the ranks that certificates name.

use std::collections::HashMap;

use sealane_transport::{Error, Event, OperationError, Rank};

/// Who has which rank. Ranks of the job and of the communicator are the same until it is a part of
/// another.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    jobs: Vec<Rank>,
    ranks: HashMap<Rank, Rank>,
}

impl Members {
    pub(crate) fn new(jobs: Vec<Rank>) -> Self {
        let ranks = jobs.iter().copied().zip((0..).map(Rank)).collect();
        Self { jobs, ranks }
    }

    /// All, by rank.
    pub(crate) fn jobs(&self) -> &[Rank] {
        &self.jobs
    }

    /// The rank in the job. A rank that nobody has stays as it is, for the transport to refuse.
    pub(crate) fn job(&self, rank: Rank) -> Rank {
        self.jobs.get(rank.0 as usize).copied().unwrap_or(Rank(u32::MAX))
    }

    /// The rank in the communicator.
    pub(crate) fn rank(&self, job: Rank) -> Option<Rank> {
        self.ranks.get(&job).copied()
    }

    /// An event, in ranks of the communicator; `None` if it is about somebody else.
    pub(crate) fn event(&self, event: Event) -> Option<Event> {
        Some(match event {
            Event::Connected { peer } => Event::Connected { peer: self.rank(peer)? },
            Event::Received { recv, peer, tag, length, immediate } => {
                Event::Received { recv, peer: self.rank(peer)?, tag, length, immediate }
            }
            Event::SendFailed { send, error } => {
                Event::SendFailed { send, error: self.operation(error) }
            }
            Event::RecvFailed { recv, error } => {
                Event::RecvFailed { recv, error: self.operation(error) }
            }
            Event::RmaFailed { rma, error } => {
                Event::RmaFailed { rma, error: self.operation(error) }
            }
            Event::RmaWritten { peer, key, offset, length, immediate } => {
                Event::RmaWritten { peer: self.rank(peer)?, key, offset, length, immediate }
            }
            Event::Control { peer, kind, body } => {
                Event::Control { peer: self.rank(peer)?, kind, body }
            }
            Event::PeerLost { peer, cause } => Event::PeerLost { peer: self.rank(peer)?, cause },
            other => other,
        })
    }

    fn operation(&self, error: OperationError) -> OperationError {
        match error {
            OperationError::PeerLost { rank, cause } => {
                OperationError::PeerLost { rank: self.rank(rank).unwrap_or(rank), cause }
            }
            other => other,
        }
    }

    /// An error, in ranks of the communicator.
    pub(crate) fn error(&self, error: Error) -> Error {
        let known = |rank| self.rank(rank).unwrap_or(rank);
        match error {
            Error::PeerLost { rank, cause } => Error::PeerLost { rank: known(rank), cause },
            Error::UnknownPeer(rank) => Error::UnknownPeer(known(rank)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use sealane_transport::LossCause;

    use super::*;

    #[test]
    fn ranks_go_out_as_the_jobs_and_come_in_as_the_communicators() {
        let members = Members::new([7, 3, 5].map(Rank).into());
        assert_eq!((members.job(Rank(1)), members.job(Rank(3))), (Rank(3), Rank(u32::MAX)));
        assert_eq!((members.rank(Rank(5)), members.rank(Rank(1))), (Some(Rank(2)), None));
        let cause = LossCause::Unreachable;
        let lost = |peer| Event::PeerLost { peer, cause: cause.clone() };
        assert_eq!(members.event(lost(Rank(3))), Some(lost(Rank(1))));
        assert_eq!(members.event(lost(Rank(0))), None, "no member");
        let error = |rank| Error::PeerLost { rank, cause: cause.clone() };
        assert_eq!(members.error(error(Rank(7))), error(Rank(0)));
    }
}
