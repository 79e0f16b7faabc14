//! A frame as the reader hands it out.

use std::fmt;

use super::{AckView, AtomicRequest, DataHeader, ReadRequest, WriteHeader};
use crate::ids::MessageId;

/// A frame, checked, borrowing from the opened packet. PADDING is skipped by the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Are you there? Acknowledged at once.
    Ping,
    /// The whole latest state of what was received.
    Ack(AckView<'a>),
    /// How much may be sent unasked.
    Credit {
        /// Cumulative bytes that the sender may have charged to the eager budget.
        eager_limit: u64,
        /// Messages with lower ids may be opened.
        message_limit: u64,
    },
    /// A receive matched: more of a message may be sent.
    Grant {
        /// Which message.
        message: MessageId,
        /// Bytes below this offset may be sent.
        limit: u64,
    },
    /// Tests whether a path carries a packet of this size. Acknowledged at once.
    Probe {
        /// The prober's name for it.
        id: u32,
    },
    /// The session ends.
    Close {
        /// The application's or the protocol's code.
        code: u16,
        /// For humans, at most 255 bytes.
        reason: &'a str,
    },
    /// The sender withdraws a message.
    Cancel {
        /// Which message.
        message: MessageId,
    },
    /// The receiver will never take a message.
    Refuse {
        /// Which message.
        message: MessageId,
        /// Why.
        code: u16,
    },
    /// A piece of a message.
    Data(DataHeader, &'a [u8]),
    /// A piece of a write into granted memory.
    Write(WriteHeader, &'a [u8]),
    /// Asks for bytes of granted memory.
    Read(ReadRequest),
    /// Asks for eight bytes of granted memory to be changed.
    Atomic(AtomicRequest),
    /// How a one-sided operation of the receiver's ended.
    Result {
        /// Which message.
        message: MessageId,
        /// 0, or why it was refused.
        status: u16,
        /// What an atomic operation found.
        value: u64,
    },
}

impl Frame<'_> {
    /// Whether the receiver owes an acknowledgement for a packet with this frame.
    #[must_use]
    pub const fn is_ack_eliciting(&self) -> bool {
        !matches!(self, Self::Ack(_) | Self::Close { .. })
    }
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ping => f.write_str("PING"),
            Self::Ack(ack) => ack.fmt(f),
            Self::Credit { eager_limit, message_limit } => {
                write!(f, "CREDIT eager {eager_limit} messages {message_limit}")
            }
            Self::Grant { message, limit } => write!(f, "GRANT {message} limit {limit}"),
            Self::Probe { id } => write!(f, "PROBE {id}"),
            Self::Close { code, reason } => write!(f, "CLOSE code {code} {reason:?}"),
            Self::Cancel { message } => write!(f, "CANCEL {message}"),
            Self::Refuse { message, code } => write!(f, "REFUSE {message} code {code}"),
            Self::Data(header, payload) => write!(f, "{header} payload {}", payload.len()),
            Self::Write(header, payload) => write!(f, "{header} payload {}", payload.len()),
            Self::Read(request) => request.fmt(f),
            Self::Atomic(request) => request.fmt(f),
            Self::Result { message, status, value } => {
                write!(f, "RESULT {message} status {status} value {value}")
            }
        }
    }
}
