//! How much one key may do (RFC 9001 §6.6, appendix B; PROTOCOL §4.4).

use super::Suite;

/// Packets before the limit at which a new key is due: time enough for the peer to acknowledge the
/// present one.
pub(super) const REKEY_MARGIN: u64 = 1 << 16;

/// Blocks that one key may seal with an attacker's advantage of at most 2^-57: q·l ≤ 2^35.
const BLOCKS_LOG2: u32 = 35;

/// Bytes of an AEAD block.
const BLOCK: u64 = 16;

/// Packets of at most `max_packet` bytes that one key may seal, a power of two. The AES-GCM limit;
/// it serves for ChaCha20-Poly1305 too, which has none that could be reached.
#[must_use]
pub fn confidentiality_limit(max_packet: u16) -> u64 {
    let blocks = u64::from(max_packet).div_ceil(BLOCK).max(1);
    let packets = (1u64 << BLOCKS_LOG2) / blocks;
    1 << packets.ilog2()
}

/// Packets that may fail to open over all keys of a session.
pub(super) const fn integrity_limit(suite: Suite) -> u64 {
    match suite {
        Suite::Aes256Gcm => 1 << 52,
        Suite::ChaCha20Poly1305 => 1 << 36,
    }
}
