//! Messages: tagged, unordered between each other, delivered exactly once (PROTOCOL §6).

use crate::ids::{BufferId, Rank, Tag};

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// What the receiver matches by.
    pub tag: Tag,
    /// The user memory to read, from offset 0.
    pub buffer: BufferId,
    /// Bytes, at most 2^40.
    pub length: u64,
    /// A value delivered with the completion, as verbs' immediate data.
    pub immediate: u32,
    /// Nothing may be read until it is released range by range (cut-through).
    pub gated: bool,
    /// Nobody waits for its completion: the peer need not hurry to acknowledge it, and does so with
    /// whatever it sends next, or after its acknowledgement delay.
    pub deferred_ack: bool,
}

/// What to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvRequest {
    /// From whom; `None` takes from any peer.
    pub from: Option<Rank>,
    /// The tag to match, exactly.
    pub tag: Tag,
    /// The user memory to place into, from offset 0.
    pub buffer: BufferId,
    /// Bytes that fit.
    pub capacity: u64,
    /// The message must be exactly as long as the capacity.
    pub exact: bool,
    /// Report every placed range by [`Event::Placed`](crate::Event::Placed).
    pub progress: bool,
}

mod granules;
mod inbox;
mod incoming;
mod outbox;
mod outgoing;
mod pool;

pub use inbox::Inbox;
pub(crate) use outbox::Access;
pub use outbox::{FRAGMENT_ROOM_MIN, Fragment, FragmentHeader, Outbox, Owner};

use crate::ids::MessageId;
use crate::packet::FrameWriter;

/// A piece of a message in flight: what the ledger keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentRef {
    /// The outbox's slot, and its use: a slot is reused once its message is done.
    slot: u32,
    use_count: u32,
    offset: u64,
    length: u32,
}

/// A control frame of the message layer. Each is sent until it is acknowledged or obsolete, and
/// always says the latest state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFrame {
    /// What the peer may send unasked.
    Credit {
        /// Cumulative eager bytes.
        eager_limit: u64,
        /// Message ids below this.
        message_limit: u64,
    },
    /// What the peer may send of one message.
    Grant {
        /// Which.
        message: MessageId,
        /// Bytes from its start.
        limit: u64,
    },
    /// We will not take this message of the peer's.
    Refuse {
        /// Which.
        message: MessageId,
        /// Why: [`refuse`].
        code: u16,
    },
    /// How the peer's one-sided operation ended.
    Result {
        /// Which.
        message: MessageId,
        /// 0, or why it was refused.
        status: u16,
        /// What an atomic operation found.
        value: u64,
    },
    /// We withdraw this message of ours.
    Cancel {
        /// Which.
        message: MessageId,
    },
}

impl ControlFrame {
    /// Writes it; `false` if there is no room.
    pub fn put(self, writer: &mut FrameWriter<'_>) -> bool {
        match self {
            Self::Credit { eager_limit, message_limit } => {
                writer.put_credit(eager_limit, message_limit)
            }
            Self::Grant { message, limit } => writer.put_grant(message, limit),
            Self::Refuse { message, code } => writer.put_refuse(message, code),
            Self::Result { message, status, value } => writer.put_result(message, status, value),
            Self::Cancel { message } => writer.put_cancel(message),
        }
    }
}

/// Refusal codes (PROTOCOL §5.8).
pub mod refuse {
    /// The message does not fit the receive that it matched.
    pub const LENGTH: u16 = 1;
    /// The receive was withdrawn.
    pub const CANCELLED: u16 = 2;
    /// The receive's buffer went away.
    pub const BUFFER_GONE: u16 = 3;
}

#[cfg(test)]
mod tests;
