//! What can be wrong with the bytes of a packet.

/// Why bytes are no packet or no frame of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The bytes end inside the named layout.
    #[error("{0} is cut short")]
    Truncated(&'static str),
    /// The two top bits of the first byte belong to QUIC.
    #[error("not a data-plane packet")]
    NotDataPlane,
    /// A version that this build does not speak.
    #[error("version {0} is not spoken here")]
    Version(u8),
    /// Reserved bits of the named layout are set.
    #[error("reserved bits of {0} are set")]
    Reserved(&'static str),
    /// A packet number of more than 62 bits.
    #[error("packet number {0} exceeds 62 bits")]
    Number(u64),
    /// The distance from the sender's floor exceeds the window or the number itself.
    #[error("span {0} is impossible")]
    Span(u16),
    /// Session 0 is never assigned.
    #[error("session 0")]
    Session,
    /// A frame type that this build does not know.
    #[error("unknown frame type {0:#04x}")]
    UnknownFrame(u8),
    /// More bitmap words than an acknowledgement may have.
    #[error("acknowledgement of {0} words")]
    AckWords(u8),
    /// The base of an acknowledgement is no packet number, or its bitmap says that it was received.
    #[error("acknowledgement base {0} is impossible")]
    AckBase(u64),
    /// A close reason that is not UTF-8.
    #[error("close reason is not UTF-8")]
    Reason,
    /// A message longer than 2^40 bytes, or a limit beyond that.
    #[error("{0} bytes exceed the longest message")]
    MessageLength(u64),
    /// More messages than 47-bit ids can name.
    #[error("message limit {0} exceeds 47 bits")]
    MessageLimit(u64),
    /// A request under an id that only an answer can have.
    #[error("message {0} is no id of a request")]
    RequestId(u64),
    /// A data offset that is not a multiple of the granule.
    #[error("offset {0} is not a multiple of 64")]
    Offset(u64),
    /// A payload that leaves its message, splits a granule, or is empty without being an
    /// announcement.
    #[error("payload of {0} bytes does not fit its message")]
    Payload(usize),
}
