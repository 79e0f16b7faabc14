//! A copy in place of the cipher, to price encryption. No feature leads here: only a compiler that is given
//! `--cfg sealane_null_seal`, as the benches do for a twin of their own. The `sealane` command refuses to be
//! built so.

use super::{Backend, KEY_LEN, NONCE_LEN, Suite};

/// No key.
pub(crate) struct Key;

impl Backend for Key {
    fn new(_suite: Suite, _key: &[u8; KEY_LEN]) -> Option<Self> {
        Some(Self)
    }

    fn library(_: Suite) -> &'static str {
        "a copy"
    }

    fn seal(
        &self,
        _nonce: [u8; NONCE_LEN],
        _aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool {
        body.get_mut(frames..frames + payload.len()).map(|to| to.copy_from_slice(payload)).is_some()
    }

    fn open(
        &self,
        _nonce: [u8; NONCE_LEN],
        _aad: &[u8],
        _text: &mut [u8],
        _tag: &[u8; 16],
    ) -> bool {
        true
    }
}
