//! No nonce twice: a (session, direction, lane, number) names one packet for ever.

use std::collections::HashSet;

/// Watches the clear headers of data packets (PROTOCOL §3).
///
/// The receiver chooses the session id, so it also names the direction. Numbers continue across key
/// generations, so the number alone must be fresh within (session, lane).
#[derive(Debug, Default)]
pub struct NonceWatch {
    seen: HashSet<(u32, u8, u64)>,
    packets: u64,
}

impl NonceWatch {
    /// Notes a datagram as transmitted by an honest endpoint.
    ///
    /// # Errors
    /// Says which number was used before.
    pub fn observe(&mut self, datagram: &[u8]) -> Result<(), String> {
        let Some((header, _)) = datagram.split_first_chunk::<16>() else { return Ok(()) };
        if header[0] & 0xC0 != 0 {
            return Ok(());
        }
        let [_, lane, _, _, s0, s1, s2, s3, number @ ..] = *header;
        let session = u32::from_be_bytes([s0, s1, s2, s3]);
        let number = u64::from_be_bytes(number);
        self.packets += 1;
        if self.seen.insert((session, lane, number)) {
            return Ok(());
        }
        Err(format!("session {session:#x} lane {lane} number {number} was sealed twice"))
    }

    /// Data packets seen.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }
}
