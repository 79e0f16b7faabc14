//! What the core tells its driver.

use bytes::Bytes;

use crate::error::{LossCause, OperationError};
use crate::ids::{Rank, RecvId, RmaId, SendId, Tag};
use crate::rma::RemoteKey;

/// An event. Drain them with [`Endpoint::poll_event`](crate::Endpoint::poll_event) after every call
/// that takes time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session stands: identities verified, keys in place.
    Connected {
        /// With whom.
        peer: Rank,
    },
    /// Verified bytes of a message were placed (only for receives that asked for progress).
    Placed {
        /// The receive.
        recv: RecvId,
        /// First byte.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// Every byte of the message was verified and placed; the buffer is the caller's again.
    Received {
        /// The receive.
        recv: RecvId,
        /// Who sent it.
        peer: Rank,
        /// Its tag.
        tag: Tag,
        /// The message's length in bytes.
        length: u64,
        /// The sender's immediate value.
        immediate: u32,
    },
    /// Every byte was acknowledged as verified and placed; the buffer is the caller's again.
    Sent {
        /// The send.
        send: SendId,
    },
    /// A send ended without success; the buffer is the caller's again.
    SendFailed {
        /// The send.
        send: SendId,
        /// Why.
        error: OperationError,
    },
    /// A receive ended without success; the buffer is the caller's again, its content undefined.
    RecvFailed {
        /// The receive.
        recv: RecvId,
        /// Why.
        error: OperationError,
    },
    /// A one-sided operation was carried out: what was written is in the target's memory, what was read
    /// in ours; local buffers are the caller's again.
    RmaDone {
        /// The operation.
        rma: RmaId,
        /// What an atomic operation found; otherwise 0.
        value: u64,
    },
    /// A one-sided operation was not carried out, or not wholly; local buffers are the caller's again.
    RmaFailed {
        /// The operation.
        rma: RmaId,
        /// Why.
        error: OperationError,
    },
    /// A peer wrote into memory that we granted, and says so: every byte is in place. Take it by
    /// [`Endpoint::immediate_taken`](crate::Endpoint::immediate_taken).
    RmaWritten {
        /// Who wrote.
        peer: Rank,
        /// Under which key.
        key: RemoteKey,
        /// From which byte of the granted range on.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// What it says.
        immediate: u32,
    },
    /// A frame of the application arrived on the authenticated control stream.
    Control {
        /// Who sent it.
        peer: Rank,
        /// The application's frame type.
        kind: u16,
        /// Its body.
        body: Bytes,
    },
    /// A peer is gone. Its operations have failed already, each with an event of its own.
    PeerLost {
        /// Which peer.
        peer: Rank,
        /// Why.
        cause: LossCause,
    },
    /// A stranger's or a wrong peer's handshake was refused.
    Refused {
        /// The rank it claimed, where one is known.
        claimed: Option<Rank>,
        /// Why.
        error: crate::error::HandshakeError,
    },
}
