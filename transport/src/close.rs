//! Close codes: why a session ended, in CLOSE frames and QUIC application closes (PROTOCOL §8.5).

/// The process has finished with the peer, in good order.
pub const DONE: u16 = 0;
/// Nothing was needed of the session for the idle timeout; either side may form another.
pub const IDLE: u16 = 1;
/// The peer broke the protocol inside authenticated packets.
pub const VIOLATION: u16 = 2;
/// A key reached its AEAD limit and could not be replaced.
pub const KEY_LIMIT: u16 = 3;
/// The application aborted.
pub const ABORTED: u16 = 4;
