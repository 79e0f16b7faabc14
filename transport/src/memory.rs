//! User memory, lent to the core slice by slice.
//!
//! The core holds no payload: sends and receives name a [`BufferId`], and the driver lends the bytes
//! while a packet is sealed or opened. So data goes from user memory into the train in the one pass
//! of the AEAD, and from the opened packet into user memory in one copy or one addition.

use crate::ids::BufferId;

/// Who owns the bytes behind buffer ids.
pub trait Memory {
    /// Lends `length` bytes at `offset` of `buffer` for sealing. The core asks only for ranges within
    /// the send that named the buffer and, for gated sends, within what was released.
    ///
    /// `None` means that the buffer is gone; the send then fails.
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]>;

    /// Places verified `payload` at `offset` of `buffer`, by copy or by reduction as the buffer was
    /// set up. The core calls this exactly once for each byte of a message (PROTOCOL §6.3), never
    /// before the tag of the packet has been verified. Returns `false` when the buffer is gone.
    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool;
}
