//! The AEAD behind a packet key: one backend per build.

use std::fmt;

use super::nonce::NONCE_LEN;
use super::{KEY_LEN, Suite};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rustcrypto")))]
pub(super) mod absent;
#[cfg(all(feature = "aws-lc-rs", not(sealane_null_seal)))]
pub(super) mod aws_lc;
#[cfg(all(feature = "ring", target_arch = "x86_64", not(sealane_null_seal)))]
pub(super) mod by_processor;
#[cfg(sealane_null_seal)]
pub(super) mod null;
#[cfg(feature = "simulation")]
pub(super) mod phantom;
#[cfg(all(feature = "ring", target_arch = "x86_64", not(sealane_null_seal)))]
pub(super) mod ring;
// Also the oracle that tests hold AWS-LC against.
#[cfg(any(all(feature = "rustcrypto", not(feature = "aws-lc-rs")), test))]
pub(super) mod rustcrypto;

#[cfg(not(any(feature = "aws-lc-rs", feature = "rustcrypto")))]
use absent::Key;
#[cfg(all(
    feature = "aws-lc-rs",
    not(all(feature = "ring", target_arch = "x86_64")),
    not(sealane_null_seal)
))]
use aws_lc::Key;
#[cfg(all(feature = "ring", target_arch = "x86_64", not(sealane_null_seal)))]
use by_processor::Key;
#[cfg(sealane_null_seal)]
use null::Key;
#[cfg(all(feature = "rustcrypto", not(feature = "aws-lc-rs")))]
use rustcrypto::Key;

/// What a backend does. A key that the build has no cipher for is `None` at construction.
pub(super) trait Backend: Sized {
    /// A key of `suite`, if the backend has it.
    fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self>;

    /// What does the work of `suite` on this processor, for people to read.
    fn library(suite: Suite) -> &'static str;

    /// Seals `body`, which is `frames` bytes of plaintext, then room for `payload`, then 16 bytes
    /// for the tag; exactly so long. `payload` lies elsewhere, in user memory. `false` if it
    /// refuses.
    fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool;

    /// Opens `text` in place; `false` if `tag` is wrong, and `text` is then undefined.
    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool;
}

/// A key of this build's backend. One without a cipher seals and opens nothing; sessions never come
/// to that, because only [`Suite::available`] is negotiated.
pub(super) struct AeadKey(Inner);

enum Inner {
    Cipher(Option<Key>),
    #[cfg(feature = "simulation")]
    Phantom,
}

/// Copies `payload` from user memory behind `frames` bytes of plaintext, for ciphers that work in place.
/// Returns the whole plaintext, and the room for the tag.
#[cfg(any(
    all(feature = "aws-lc-rs", not(sealane_null_seal)),
    all(feature = "rustcrypto", not(feature = "aws-lc-rs")),
    test
))]
fn gather<'a>(body: &'a mut [u8], frames: usize, payload: &[u8]) -> (&'a mut [u8], &'a mut [u8]) {
    let (text, tag) = body.split_at_mut(frames + payload.len());
    text[frames..].copy_from_slice(payload);
    (text, tag)
}

/// What does the work of `suite` on this processor, for people to read.
pub(super) fn library(suite: Suite) -> &'static str {
    Key::library(suite)
}

impl AeadKey {
    pub(super) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Self {
        Self(Inner::Cipher(Key::new(suite, key)))
    }

    /// Seals nothing: see [`phantom`].
    #[cfg(feature = "simulation")]
    pub(super) const fn phantom() -> Self {
        Self(Inner::Phantom)
    }

    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool {
        match &self.0 {
            Inner::Cipher(key) => {
                key.as_ref().is_some_and(|key| key.seal(nonce, aad, body, frames, payload))
            }
            #[cfg(feature = "simulation")]
            Inner::Phantom => phantom::seal(nonce, aad, body, frames),
        }
    }

    pub(super) fn open<'a>(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let (text, tag) = body.split_last_chunk_mut()?;
        match &self.0 {
            Inner::Cipher(key) => key.as_ref()?.open(nonce, aad, text, tag).then_some(text),
            #[cfg(feature = "simulation")]
            Inner::Phantom => phantom::open(nonce, aad, text, tag).then_some(text),
        }
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(redacted)")
    }
}
