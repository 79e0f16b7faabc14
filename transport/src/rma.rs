//! One-sided operations: remote memory access (PROTOCOL §12).
//!
//! The owner of memory *grants* a range of it: whoever holds the [`Grant`] may read, write or change it
//! without the owner's doing anything. A grant names a key that nobody can guess; every packet of a
//! write carries it, with the place that its bytes belong to, so that each can be placed alone.
//!
//! Nothing orders one-sided operations between each other but [`Endpoint::fence`](crate::Endpoint::fence).

mod grant;
mod grants;
mod refusal;
mod segments;

pub use grant::{GRANT_LEN, Grant, GrantError, Permissions, RemoteKey};
pub use grants::{Audience, Exposure};
pub use refusal::Refusal;
pub use segments::Segment;

pub(crate) use grants::{Extent, Grants};
pub(crate) use segments::Segments;

/// A place in another process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// What allows to use it.
    pub key: RemoteKey,
    /// Bytes from the start of the granted range.
    pub offset: u64,
    /// The epoch that the key was granted in.
    pub epoch: u32,
}

/// A change of eight bytes as one step, seen by nobody half done. Operands and memory are in the byte
/// order of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    /// Adds, modulo 2^64.
    FetchAdd {
        /// The addend.
        add: u64,
    },
    /// Puts `swap` where `compare` is found; otherwise leaves what is there.
    CompareSwap {
        /// What must be there.
        compare: u64,
        /// What then takes its place.
        swap: u64,
    },
}

impl Atomic {
    /// Bytes that it works on; their offset is a multiple of it.
    pub const BYTES: u64 = 8;

    /// What is there afterwards, if `before` was.
    #[must_use]
    pub const fn apply(self, before: u64) -> u64 {
        match self {
            Self::FetchAdd { add } => before.wrapping_add(add),
            Self::CompareSwap { compare, swap } => {
                if before == compare {
                    swap
                } else {
                    before
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
