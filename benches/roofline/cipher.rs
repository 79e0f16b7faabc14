//! Bare sealing: AES-256-GCM of AWS-LC, or a copy in its place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Clear header of a packet; its last eight bytes are the packet's number.
pub const HEADER: usize = 16;
/// Authentication tag, at the end of a packet.
pub const TAG: usize = 16;

/// How packets are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    Aes256Gcm,
    /// No sealing: a copy, to price encryption.
    Null,
}

impl Suite {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AES-256-GCM",
            Self::Null => "null",
        }
    }
}

/// One key, used in one direction of one run.
pub struct Cipher {
    key: Option<LessSafeKey>,
}

impl Cipher {
    pub fn new(suite: Suite) -> Self {
        let key = (suite == Suite::Aes256Gcm).then(|| {
            let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key of the right length");
            LessSafeKey::new(key)
        });
        Self { key }
    }

    /// Writes packet `number` holding `payload`, straight from user memory.
    pub fn seal(&self, number: u64, packet: &mut [u8], payload: &[u8]) {
        let (header, body) = packet.split_at_mut(HEADER);
        header[..8].fill(0);
        header[8..].copy_from_slice(&number.to_be_bytes());
        let Some(key) = &self.key else {
            body[..payload.len()].copy_from_slice(payload);
            return;
        };
        key.seal_in_place_scatter(nonce(number), Aad::from(header), &mut [], payload, body)
            .expect("sealing a packet");
    }

    /// Opens a packet in place: its number and payload.
    pub fn open<'a>(&self, packet: &'a mut [u8]) -> (u64, &'a [u8]) {
        let (header, body) = packet.split_at_mut(HEADER);
        let number = header[8..].first_chunk().map_or(0, |b| u64::from_be_bytes(*b));
        let Some(key) = &self.key else {
            let end = body.len() - TAG;
            return (number, &body[..end]);
        };
        let payload =
            key.open_in_place(nonce(number), Aad::from(header), body).expect("opening a packet");
        (number, payload)
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}
