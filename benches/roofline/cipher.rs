//! Bare sealing: AES-256-GCM of the library that Sealane takes here, or a copy in its place.

use aws_lc_rs::aead as aws_lc;
use ring::aead as ring;

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
pub enum Cipher {
    AwsLc(aws_lc::LessSafeKey),
    Ring(Box<ring::LessSafeKey>),
    Copy,
}

impl Cipher {
    pub fn new(suite: Suite) -> Self {
        const KEY: [u8; 32] = [7; 32];
        if suite == Suite::Null {
            return Self::Copy;
        }
        if sealane_transport::Suite::Aes256Gcm.library() == "ring" {
            let key = ring::UnboundKey::new(&ring::AES_256_GCM, &KEY).expect("a key");
            return Self::Ring(Box::new(ring::LessSafeKey::new(key)));
        }
        let key = aws_lc::UnboundKey::new(&aws_lc::AES_256_GCM, &KEY).expect("a key");
        Self::AwsLc(aws_lc::LessSafeKey::new(key))
    }

    /// Writes packet `number` holding `payload`, straight from user memory.
    pub fn seal(&self, number: u64, packet: &mut [u8], payload: &[u8]) {
        let (header, body) = packet.split_at_mut(HEADER);
        header[..8].fill(0);
        header[8..].copy_from_slice(&number.to_be_bytes());
        let nonce = nonce(number);
        match self {
            Self::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                let header = aws_lc::Aad::from(header);
                key.seal_in_place_scatter(nonce, header, &mut [], payload, body)
                    .expect("sealing a packet");
            }
            Self::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                let (text, tag) = body.split_at_mut(payload.len());
                text.copy_from_slice(payload);
                let sealed = key
                    .seal_in_place_separate_tag(nonce, ring::Aad::from(header), text)
                    .expect("sealing a packet");
                tag.copy_from_slice(sealed.as_ref());
            }
            Self::Copy => body[..payload.len()].copy_from_slice(payload),
        }
    }

    /// Opens a packet in place: its number and payload.
    pub fn open<'a>(&self, packet: &'a mut [u8]) -> (u64, &'a [u8]) {
        let (header, body) = packet.split_at_mut(HEADER);
        let number = header[8..].first_chunk().map_or(0, |b| u64::from_be_bytes(*b));
        let nonce = nonce(number);
        let payload = match self {
            Self::AwsLc(key) => {
                let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, aws_lc::Aad::from(header), body).expect("opening a packet")
            }
            Self::Ring(key) => {
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, ring::Aad::from(header), body).expect("opening a packet")
            }
            Self::Copy => {
                let end = body.len() - TAG;
                &mut body[..end]
            }
        };
        (number, payload)
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}
