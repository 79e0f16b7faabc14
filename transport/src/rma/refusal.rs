//! Why the owner of memory will not have it used (PROTOCOL §12.6).

/// What a one-sided operation was refused for. Memory was not touched, but by a write or a read that had
/// begun when its grant was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such key was ever granted to this rank. Another rank's key is not told from one that nobody
    /// has: who guesses learns nothing.
    #[error("no such key")]
    UnknownKey,
    /// The grant was revoked.
    #[error("the grant was revoked")]
    Revoked,
    /// The grant belongs to an epoch that is over.
    #[error("the grant's epoch is over")]
    EpochOver,
    /// A byte of it lies outside the granted range.
    #[error("outside the granted range")]
    OutOfBounds,
    /// The grant does not allow this kind of operation.
    #[error("the grant does not permit it")]
    NotPermitted,
    /// An atomic at an offset that is no multiple of eight.
    #[error("an atomic operation needs an offset that is a multiple of 8")]
    Misaligned,
    /// Too many immediates of ours wait for the target to take them.
    #[error("the target has not taken the immediates of earlier writes")]
    NotReady,
    /// The memory is gone without its grant having been revoked.
    #[error("the memory is gone")]
    Gone,
    /// Something that this version does not know.
    #[error("refused (status {0})")]
    Other(u16),
}

impl Refusal {
    /// The status of an operation that was carried out.
    pub const DONE: u16 = 0;

    /// The number on the wire.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownKey => 1,
            Self::Revoked => 2,
            Self::EpochOver => 3,
            Self::OutOfBounds => 4,
            Self::NotPermitted => 5,
            Self::Misaligned => 6,
            Self::NotReady => 7,
            Self::Gone => 8,
            Self::Other(status) => status,
        }
    }

    /// The refusal with a number, `None` for [`DONE`](Self::DONE).
    #[must_use]
    pub const fn from_status(status: u16) -> Option<Self> {
        Some(match status {
            Self::DONE => return None,
            1 => Self::UnknownKey,
            2 => Self::Revoked,
            3 => Self::EpochOver,
            4 => Self::OutOfBounds,
            5 => Self::NotPermitted,
            6 => Self::Misaligned,
            7 => Self::NotReady,
            8 => Self::Gone,
            other => Self::Other(other),
        })
    }
}
