//! No nonce twice: a (session, direction, lane, number) names one packet for ever.

use std::collections::HashMap;
use std::net::IpAddr;

use sealane_transport::limits::OUTSTANDING_MAX;

use crate::rng::mix;

/// Watches the clear headers of data packets (PROTOCOL §3).
///
/// The receiver chooses the session id, so receiver and id together name session and direction. Numbers
/// continue across key generations, so each must be fresh within (receiver, session, lane).
#[derive(Debug, Default)]
pub struct NonceWatch {
    /// A digest of the packet by what names it: the same packet may come twice.
    seen: HashMap<(IpAddr, u32, u8, u64), u64>,
    packets: u64,
}

impl NonceWatch {
    /// Notes a datagram that an honest endpoint transmitted to `receiver`.
    ///
    /// # Errors
    /// Says which number was used before, or by how much the span exceeds its bound (PROTOCOL §3.2).
    pub fn observe(&mut self, receiver: IpAddr, datagram: &[u8]) -> Result<(), String> {
        let Some((header, _)) = datagram.split_first_chunk::<16>() else { return Ok(()) };
        if header[0] & 0xC0 != 0 {
            return Ok(());
        }
        let [_, lane, p0, p1, s0, s1, s2, s3, number @ ..] = *header;
        let span = u64::from(u16::from_be_bytes([p0, p1]));
        let session = u32::from_be_bytes([s0, s1, s2, s3]);
        let number = u64::from_be_bytes(number);
        self.packets += 1;
        if span > OUTSTANDING_MAX || span > number {
            return Err(format!("session {session:#x} number {number} has span {span}"));
        }
        let digest = digest(datagram);
        let first = *self.seen.entry((receiver, session, lane, number)).or_insert(digest);
        if first == digest {
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

fn digest(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    bytes.chunks(8).fold(bytes.len() as u64, |digest, chunk| mix(digest ^ word(chunk)))
}
