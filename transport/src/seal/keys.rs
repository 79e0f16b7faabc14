//! The key schedule: from the session's path secret to one key per direction and generation, by
//! HKDF-SHA256 (RFC 5869; PROTOCOL §4.2).

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::aead::AeadKey;
use super::nonce::{NONCE_LEN, nonce};
use super::{KEY_LEN, Suite};
use crate::ids::{Lane, Rank};

const LABEL_DIRECTION: &[u8] = b"sealane v1 dir";
const LABEL_KEY: &[u8] = b"sealane v1 key";
const LABEL_IV: &[u8] = b"sealane v1 iv";
const LABEL_NEXT: &[u8] = b"sealane v1 next";

const SECRET_LEN: usize = 32;

/// Derives the keys of a session.
#[derive(Debug)]
pub struct SessionKeys;

impl SessionKeys {
    /// The secrets of generation 0 for what `local` sends and for what `remote` sends.
    #[must_use]
    pub fn derive(
        path_secret: &[u8; 32],
        suite: Suite,
        local: Rank,
        remote: Rank,
    ) -> (DirectionSecret, DirectionSecret) {
        let direction = |sender: Rank, receiver: Rank| {
            let (sender, receiver) = (sender.0.to_be_bytes(), receiver.0.to_be_bytes());
            let mut secret = [0; SECRET_LEN];
            expand(path_secret, &[LABEL_DIRECTION, &sender, &receiver], &mut secret);
            DirectionSecret::new(secret, suite)
        };
        (direction(local, remote), direction(remote, local))
    }
}

/// The secret of one direction and generation: keys come from it, and the next generation's secret.
/// Wiped when dropped.
pub struct DirectionSecret {
    secret: [u8; SECRET_LEN],
    suite: Suite,
    /// Its keys seal nothing.
    #[cfg(feature = "simulation")]
    phantom: bool,
}

impl DirectionSecret {
    const fn new(secret: [u8; SECRET_LEN], suite: Suite) -> Self {
        Self {
            secret,
            suite,
            #[cfg(feature = "simulation")]
            phantom: false,
        }
    }

    /// The same without cryptography: for simulations of packets that carry lengths, not payloads.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn into_phantom(mut self) -> Self {
        self.phantom = true;
        self
    }

    pub(super) const fn suite(&self) -> Suite {
        self.suite
    }

    /// The secret of the next generation. It does not reveal this one.
    pub(super) fn next(&self) -> Self {
        let mut secret = [0; SECRET_LEN];
        expand(&self.secret, &[LABEL_NEXT], &mut secret);
        Self { secret, ..*self }
    }

    /// The key and IV that packets are sealed with.
    pub(super) fn packet_key(&self) -> PacketKey {
        #[cfg(feature = "simulation")]
        if self.phantom {
            return PacketKey { aead: AeadKey::phantom(), iv: self.iv() };
        }
        PacketKey { aead: AeadKey::new(self.suite, &self.key()), iv: self.iv() }
    }

    pub(super) fn iv(&self) -> Zeroizing<[u8; NONCE_LEN]> {
        let mut iv = Zeroizing::new([0; NONCE_LEN]);
        expand(&self.secret, &[LABEL_IV], iv.as_mut_slice());
        iv
    }

    pub(super) fn key(&self) -> Zeroizing<[u8; KEY_LEN]> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        expand(&self.secret, &[LABEL_KEY, &[self.suite.wire()]], key.as_mut_slice());
        key
    }
}

impl Drop for DirectionSecret {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for DirectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectionSecret({}, redacted)", self.suite)
    }
}

/// HKDF-Expand of `secret`, which is a pseudorandom key already.
fn expand(secret: &[u8; SECRET_LEN], info: &[&[u8]], out: &mut [u8]) {
    // Both can only fail by length: the secret is as long as the hash, `out` at most as long.
    let expanded = Hkdf::<Sha256>::from_prk(secret)
        .is_ok_and(|hkdf| hkdf.expand_multi_info(info, out).is_ok());
    assert!(expanded, "HKDF lengths are constant");
}

/// An AEAD key with its IV.
pub(super) struct PacketKey {
    aead: AeadKey,
    iv: Zeroizing<[u8; NONCE_LEN]>,
}

impl PacketKey {
    /// Seals `body` = `frames` bytes of plaintext, room for `payload`, and 16 bytes for the tag.
    /// `false` if the cipher refuses.
    pub(super) fn seal(
        &self,
        lane: Lane,
        number: u64,
        aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool {
        self.aead.seal(nonce(&self.iv, lane, number), aad, body, frames, payload)
    }

    /// Opens `body`, ciphertext and tag, in place; `None` if the tag is wrong.
    pub(super) fn open<'a>(
        &self,
        lane: Lane,
        number: u64,
        aad: &[u8],
        body: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        self.aead.open(nonce(&self.iv, lane, number), aad, body)
    }
}
