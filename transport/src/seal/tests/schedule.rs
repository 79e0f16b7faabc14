//! The key schedule, and nonces.

use super::super::nonce::nonce;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn nonces_are_those_of_multipath_quic() {
    // draft-ietf-quic-multipath §2.4; both values recomputed from the draft's construction.
    let iv: [u8; 12] = hex("6b26114b9cba2b63a9e8dd4f").try_into().unwrap();
    assert_eq!(nonce(&iv, Lane(3), 0xaead).to_vec(), hex("6b2611489cba2b63a9e873e2"));
    assert_eq!(nonce(&iv, Lane(3), 54_321).to_vec(), hex("6b2611489cba2b63a9e8097e"));
    assert_eq!(nonce(&iv, Lane(0), 0), iv);
}

#[test]
fn each_direction_suite_and_generation_has_its_own_key() {
    let mut keys = Vec::new();
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        for (local, remote) in [(1, 2), (2, 1), (1, 3)] {
            let (tx, _) = SessionKeys::derive(&SECRET, suite, Rank(local), Rank(remote));
            let next = tx.next();
            keys.extend([tx.key(), next.key(), next.next().key()]);
        }
    }
    let distinct: std::collections::HashSet<_> = keys.iter().map(|key| key.to_vec()).collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn both_ends_derive_the_same() {
    let (tx, rx) = SessionKeys::derive(&SECRET, Suite::Aes256Gcm, Rank(1), Rank(2));
    let (other_tx, other_rx) = SessionKeys::derive(&SECRET, Suite::Aes256Gcm, Rank(2), Rank(1));
    assert_eq!(tx.key(), other_rx.key());
    assert_eq!(rx.key(), other_tx.key());
}

#[test]
fn the_schedule_is_pinned() {
    // Computed with Python's hmac: HKDF-Expand with the labels of PROTOCOL §4.2.
    let secret: [u8; 32] = std::array::from_fn(|index| index as u8);
    let (tx, _) = SessionKeys::derive(&secret, Suite::Aes256Gcm, Rank(0), Rank(1));
    assert_eq!(tx.key().to_vec(), hex(PINNED_KEY_0));
    assert_eq!(tx.next().key().to_vec(), hex(PINNED_KEY_1));
    assert_eq!(tx.iv().to_vec(), hex(PINNED_IV_0));
}

const PINNED_KEY_0: &str = "87222039c825c750882c25bb3da7d045297e65d947ab96606a306509b78fb7d5";
const PINNED_KEY_1: &str = "738adfd1c67a6cd0f6a0b3bd5ab3a205b0142912a5558e77878f7d5325110b42";
const PINNED_IV_0: &str = "bc923addeec69568dc1ade32";
