//! Every bound of the core in one place, with its reason (PROTOCOL §9).

use std::time::Duration;

/// Bytes of the smallest unit of data placement: one cache line, so that no element is ever split
/// between packets, and any MTU wastes less than a line.
pub const GRANULE: u64 = 64;

/// The longest message in bytes.
pub const MESSAGE_BYTES_MAX: u64 = 1 << 40;

/// Packet numbers are 62 bits, as in RFC 9000 §12.3 and the multipath nonce.
pub const PACKET_NUMBER_MAX: u64 = (1 << 62) - 1;

/// Numbers that the replay window remembers per lane. Spraying over 256 paths reorders far more than
/// the 64 of IPsec expect.
pub const REPLAY_WINDOW: u64 = 8192;

/// The most numbers between a sender's lowest outstanding and its next: half the replay window, so no
/// honest packet ever falls off its edge.
pub const OUTSTANDING_MAX: u64 = REPLAY_WINDOW / 2;

/// Words of the largest acknowledgement bitmap: covers every outstanding number.
pub const ACK_WORDS_MAX: usize = (OUTSTANDING_MAX / 64) as usize;

/// Paths of one session: 16 local × 16 remote ports.
pub const PATHS_MAX: usize = 256;

/// Local ports of an endpoint, and addresses a peer may announce.
pub const PORTS_MAX: usize = 64;

/// Messages of one session and direction that may be open (not yet complete) at a time.
pub const MESSAGE_WINDOW: u64 = 1024;

/// Bytes beyond the first missing one that a receiver grants of one message; bounds its bitmap.
pub const GRANT_WINDOW: u64 = 32 << 20;

/// Default bytes that a peer may send before receives are posted.
pub const EAGER_BUDGET: u64 = 256 << 10;

/// Largest body of an APPLICATION frame on the control stream.
pub const CONTROL_FRAME_MAX: usize = 1 << 20;

/// Peers of one endpoint.
pub const PEERS_MAX: usize = 65_536;

/// Handshakes of strangers in progress at a time; beyond it, Retry, then drop.
pub const HALF_OPEN_MAX: usize = 4096;

/// Grants of one endpoint at a time.
pub const GRANTS_MAX: usize = 1 << 16;

/// Revoked grants that an endpoint remembers, to tell their holders from who guesses keys.
pub const REVOKED_MAX: usize = 1024;

/// Segments of a scatter/gather list.
pub const SEGMENTS_MAX: usize = 1024;

/// Bytes beyond the first missing one that a target grants of one write: what a stranger to its receive
/// buffers may have it remember is 8 KiB of bitmap per open write, 8 MiB per peer.
pub const WRITE_WINDOW: u64 = 4 << 20;

/// Immediates of one peer's writes that wait to be taken.
pub const IMMEDIATES_MAX: usize = 1024;

/// Message ids are below this; the bit itself marks the answer to a read (PROTOCOL §12.4).
pub const MESSAGE_IDS_END: u64 = 1 << 47;

/// Ack-eliciting packets after which an acknowledgement is due at once, unless configured otherwise.
pub const ACK_EVERY: u32 = 8;

/// Packet-plus-tag overhead of a DATA packet with nothing else in it: clear header, DATA header, tag.
pub const DATA_OVERHEAD: usize = 16 + 32 + 16;

/// How long a key is used before it is due for replacement.
pub const KEY_LIFETIME: Duration = Duration::from_secs(120);

/// How long a peer may take to acknowledge what a due replacement waits for.
pub const KEY_UPDATE_TIMEOUT: Duration = Duration::from_secs(60);
