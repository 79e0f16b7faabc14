//! AES-256-GCM by ring, whose code for VAES needs no AVX-512; AWS-LC's does.

use std::hint::black_box;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Backend, KEY_LEN, NONCE_LEN, Suite, gather};

/// A key, boxed so that it lies in one place, and wiped: ring itself leaves keys in the memory that it frees.
pub(crate) struct Key(Box<LessSafeKey>);

fn schedule(key: &[u8; KEY_LEN]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

impl Key {
    /// Writes the schedule of a key that is no secret over this one's.
    pub(crate) fn wipe(&mut self) {
        if let Some(blank) = schedule(&[0; KEY_LEN]) {
            *self.0 = blank;
        }
        // Else the compiler may leave out a write to memory that is freed next.
        black_box(&mut self.0);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Backend for Key {
    fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self> {
        match suite {
            Suite::Aes256Gcm => Some(Self(Box::new(schedule(key)?))),
            Suite::ChaCha20Poly1305 => None,
        }
    }

    fn library(_: Suite) -> &'static str {
        "ring"
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool {
        let (text, out) = gather(body, frames, payload);
        self.0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
            .map(|tag| out.copy_from_slice(tag.as_ref()))
            .is_ok()
    }

    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), text, 0..).is_ok()
    }
}
