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
