//! Typed errors, by audience: what a caller did wrong, why a peer is gone, why identity was refused.

use crate::ids::{Rank, RecvId, RmaId, SendId};
use crate::rma::Refusal;

/// Why a peer is gone. Host unreachable and process silent are kept apart on purpose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossCause {
    /// Nothing was heard for the peer timeout although an answer was owed.
    #[error("silent for {0:?} (process stopped or network cut)")]
    Silent(std::time::Duration),
    /// The network says that nobody listens at any of its addresses, and probes stayed unanswered.
    #[error("nobody listens at any of its addresses (process ended)")]
    Unreachable,
    /// It closed the session.
    #[error("it closed the session: {reason} (code {code})")]
    Closed {
        /// Close code (PROTOCOL §8).
        code: u16,
        /// Its words.
        reason: String,
    },
    /// The handshake failed.
    #[error("handshake failed: {0}")]
    Handshake(#[from] HandshakeError),
    /// The key reached its AEAD limit and the peer did not acknowledge an update.
    #[error("key limit reached without an acknowledged update")]
    KeyLimit,
    /// It broke the protocol inside authenticated packets.
    #[error("protocol violation: {0}")]
    Violation(&'static str),
    /// It came back as another process.
    #[error("it was restarted")]
    Restarted,
}

/// Why no session could be formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Nobody answered within the deadline.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// The peer's certificate is not signed by our authority (wrong secret or wrong CA).
    #[error("the peer's certificate is not from this job's authority (wrong secret or CA?)")]
    UnknownAuthority,
    /// The peer's certificate is expired or not yet valid.
    #[error("the peer's certificate is expired or not yet valid")]
    Expired,
    /// The peer's certificate names another rank or job.
    #[error("the peer's certificate does not name {expected}")]
    WrongName {
        /// The name that it should carry.
        expected: String,
    },
    /// The peer refused our certificate.
    #[error("the peer refused our certificate: {0}")]
    RefusedByPeer(String),
    /// No version, suite or capability in common.
    #[error("nothing in common: {0}")]
    Incompatible(&'static str),
    /// The peer's parameters are malformed or contradict its certificate.
    #[error("bad parameters from the peer: {0}")]
    BadParameters(&'static str),
    /// The peer is not of our epoch, or its proof that it is was made for another connection.
    #[error("the peer is not a member of this epoch (it was removed, or has another communicator)")]
    OtherEpoch,
    /// TLS or QUIC failed otherwise.
    #[error("{0}")]
    Transport(String),
}

/// What a caller may get back at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rank was never added.
    #[error("{0} is not a peer of this endpoint")]
    UnknownPeer(Rank),
    /// Messages are at most 2^40 bytes.
    #[error("message of {0} bytes is longer than 2^40")]
    TooLong(u64),
    /// The peer is gone.
    #[error("{rank} is lost: {cause}")]
    PeerLost {
        /// Which peer.
        rank: Rank,
        /// Why.
        cause: LossCause,
    },
    /// A named limit was reached.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// Not a send in progress.
    #[error("{0} is not in progress")]
    UnknownSend(SendId),
    /// Not a receive in progress.
    #[error("{0} is not in progress")]
    UnknownRecv(RecvId),
    /// Not a one-sided operation in progress.
    #[error("{0} is not in progress")]
    UnknownRma(RmaId),
    /// Not a grant of this endpoint, or one that was revoked before.
    #[error("no such grant")]
    UnknownGrant,
    /// The configuration makes no sense.
    #[error("configuration: {0}")]
    Config(String),
}

/// Why a send or receive did not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The peer is gone.
    #[error("{rank} is lost: {cause}")]
    PeerLost {
        /// Which peer.
        rank: Rank,
        /// Why.
        cause: LossCause,
    },
    /// The message is longer than the posted buffer, or, for exact receives, of another length.
    #[error("message of {length} bytes does not fit a receive of {capacity}")]
    Length {
        /// The message's length in bytes.
        length: u64,
        /// The receive's length in bytes.
        capacity: u64,
    },
    /// The caller cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The peer cancelled it or refused it.
    #[error("refused by the peer (code {0})")]
    Refused(u16),
    /// The owner of the memory refused the operation.
    #[error("remote access refused: {0}")]
    RemoteAccess(Refusal),
    /// The peer does not do one-sided operations.
    #[error("the peer does not do one-sided operations")]
    Unsupported,
    /// The buffer went away under the operation.
    #[error("the buffer is gone")]
    BufferGone,
}
