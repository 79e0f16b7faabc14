#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn epoch(number: u64, byte: u8) -> Epoch {
    Epoch::new(number, Zeroizing::new([byte; 32]))
}

#[test]
fn a_proof_is_of_one_epoch_secret_direction_and_connection() {
    let (exported, pair) = ([7; 32], (Rank(1), Rank(2)));
    let ours = epoch(3, 1);
    let proof = ours.proof(&exported, pair);
    assert!(ours.admits(&proof, &exported, pair));
    assert!(!ours.admits(&proof, &exported, (Rank(2), Rank(1))), "reflected");
    assert!(!ours.admits(&proof, &[8; 32], pair), "of another connection");
    assert!(!epoch(3, 2).admits(&proof, &exported, pair), "another secret");
    assert!(!epoch(4, 1).admits(&proof, &exported, pair), "another number");
    let renumbered = EpochProof { number: 4, ..proof };
    assert!(!epoch(4, 1).admits(&renumbered, &exported, pair));
}

#[test]
fn proofs_come_back_from_the_wire_whole_or_not_at_all() {
    let proof = epoch(0x0102_0304_0506_0708, 9).proof(&[0; 32], (Rank(0), Rank(1)));
    let bytes = proof.encode();
    assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(EpochProof::decode(&bytes), Some(proof));
    assert_eq!(EpochProof::decode(&bytes[..39]), None);
    assert_eq!(EpochProof::decode(&[&bytes[..], &[0]].concat()), None);
    assert_eq!(EpochProof::decode(&[]), None);
}

#[test]
fn keys_differ_between_epochs_and_nothing_is_printed() {
    let path = [5; 32];
    let bound = epoch(1, 1).bind(&path);
    assert_eq!(*bound, *epoch(2, 1).bind(&path), "the number is public and adds nothing");
    assert_ne!(*bound, *epoch(1, 2).bind(&path));
    assert_ne!(*bound, path);
    assert_eq!(format!("{:?}", epoch(1, 1)), "Epoch(1, redacted)");
}

/// HKDF-Extract and HKDF-Expand of PROTOCOL §4.7, spelt out with HMAC by RFC 2104 and RFC 5869.
#[test]
fn vectors_of_the_protocol() {
    let secret: [u8; 32] = std::array::from_fn(|at| at as u8);
    let epoch = Epoch::new(1, Zeroizing::new(secret));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bound = epoch.bind(&[0x11; 32]);
    let proof = epoch.proof(&[0x22; 32], (Rank(0), Rank(1)));
    assert_eq!(hex(&*bound), "19c89035532577d8d991258817b7ff62e37dc37e42237d66034ad0ca5602fe0c");
    assert_eq!(
        hex(&proof.proof),
        "224fe17aa1ffbe80188798c277cf887ab5ac3770153a2f70d5925c6396da124c"
    );
}
