//! ChaCha20-Poly1305 by RustCrypto: for builds without a C compiler, and the oracle in tests.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

use super::{Backend, KEY_LEN, NONCE_LEN, Suite, gather};

/// A ChaCha20-Poly1305 key.
pub(crate) struct Key(ChaCha20Poly1305);

impl Backend for Key {
    fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self> {
        match suite {
            Suite::Aes256Gcm => None,
            Suite::ChaCha20Poly1305 => Some(Self(ChaCha20Poly1305::new(key.into()))),
        }
    }

    fn library(_: Suite) -> &'static str {
        "RustCrypto"
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
            .encrypt_inout_detached(&nonce.into(), aad, text.into())
            .map(|tag| out.copy_from_slice(&tag))
            .is_ok()
    }

    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        self.0.decrypt_inout_detached(&nonce.into(), aad, text.into(), tag.into()).is_ok()
    }
}
