//! A build without any cipher: crates that need only the contracts compile against it. It has no
//! suites, so it can agree on none and never seals.

use super::{Backend, KEY_LEN, NONCE_LEN, Suite};

/// There is no such key.
pub(crate) enum Key {}

impl Backend for Key {
    fn new(_: Suite, _: &[u8; KEY_LEN]) -> Option<Self> {
        None
    }

    fn library(_: Suite) -> &'static str {
        "nothing"
    }

    fn seal(&self, _: [u8; NONCE_LEN], _: &[u8], _: &mut [u8], _: usize, _: &[u8]) -> bool {
        match *self {}
    }

    fn open(&self, _: [u8; NONCE_LEN], _: &[u8], _: &mut [u8], _: &[u8; 16]) -> bool {
        match *self {}
    }
}
