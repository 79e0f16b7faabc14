//! Each suite by the library that is the faster on this processor.
//!
//! AWS-LC has AES-GCM for VAES with AVX-512, and for the older AES-NI; ring has it for VAES with AVX2. Where there
//! is VAES but no AVX-512 (Zen 3, Intel's client processors since Alder Lake) ring opens a packet 1.5 to 2 times as
//! fast. So it seals one whose payload is in cache, although it has to copy the payload first; from main memory it
//! is 1.1 times (Zen 3, `cargo bench -p sealane-transport --bench seal -- AES`, and the same with
//! `--no-default-features --features aws-lc-rs`). Everything else is AWS-LC's.

use std::arch::is_x86_feature_detected;

use super::{Backend, KEY_LEN, NONCE_LEN, Suite, aws_lc, ring};

/// A key of either library.
pub(crate) enum Key {
    AwsLc(aws_lc::Key),
    Ring(ring::Key),
}

/// Whether ring seals with `suite` here.
fn is_rings(suite: Suite) -> bool {
    let aws_lc_has_vaes = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl");
    suite == Suite::Aes256Gcm
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
        && !aws_lc_has_vaes
}

impl Backend for Key {
    fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self> {
        if is_rings(suite) {
            ring::Key::new(suite, key).map(Self::Ring)
        } else {
            aws_lc::Key::new(suite, key).map(Self::AwsLc)
        }
    }

    fn library(suite: Suite) -> &'static str {
        if is_rings(suite) { ring::Key::library(suite) } else { aws_lc::Key::library(suite) }
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &mut [u8],
        frames: usize,
        payload: &[u8],
    ) -> bool {
        match self {
            Self::AwsLc(key) => key.seal(nonce, aad, body, frames, payload),
            Self::Ring(key) => key.seal(nonce, aad, body, frames, payload),
        }
    }

    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        match self {
            Self::AwsLc(key) => key.open(nonce, aad, text, tag),
            Self::Ring(key) => key.open(nonce, aad, text, tag),
        }
    }
}
