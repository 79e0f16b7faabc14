//! What sealing and opening can say no to.

/// Why a packet was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key has sealed as many packets as it may.
    #[error("the sending key is at its limit")]
    KeyLimit,
    /// All 2^62 packet numbers are used up.
    #[error("packet numbers are used up")]
    Numbers,
    /// The packet does not fit its buffer, or is larger than what was negotiated.
    #[error("the packet is too large")]
    TooLarge,
    /// The clear header is not that of this lane, generation and number.
    #[error("the clear header does not match the number or the key")]
    Header,
    /// This build cannot seal with the suite.
    #[error("the cipher refused")]
    Cipher,
}

/// Why a packet was not opened. It then left no trace but a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its number was opened before.
    #[error("replayed")]
    Replay,
    /// Its number is older than the replay window remembers.
    #[error("older than the replay window")]
    TooOld,
    /// Its tag is wrong.
    #[error("authentication failed")]
    Authentication,
    /// No key is kept for its generation, or its number cannot belong to that generation.
    #[error("no key of that generation")]
    Generation,
    /// Too short, of another lane, or with an impossible number.
    #[error("malformed")]
    Malformed,
    /// So many packets failed that forging one is no longer out of reach (RFC 9001 §6.6); the
    /// session must end.
    #[error("too many failed authentications")]
    IntegrityLimit,
}
