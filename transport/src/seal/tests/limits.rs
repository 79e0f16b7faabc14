use super::super::limit::integrity_limit;
use super::super::{FreshNumber, confidentiality_limit};
use super::*;
use crate::limits::PACKET_NUMBER_MAX;

#[test]
fn confidentiality_limits_are_those_of_rfc_9001_appendix_b() {
    // 2^35 / blocks, rounded down: a 4 KiB payload with its overhead, jumbo, and the largest.
    assert_eq!(confidentiality_limit(4096 + 64), 1 << 26);
    assert_eq!(confidentiality_limit(9001), 1 << 25);
    assert_eq!(confidentiality_limit(65_535), 1 << 23);
    assert_eq!(confidentiality_limit(2048), 1 << 28);
    assert_eq!(confidentiality_limit(0), 1 << 35);
    for max_packet in 1..=u16::MAX {
        let blocks = u64::from(max_packet).div_ceil(16);
        let limit = confidentiality_limit(max_packet);
        assert!(limit * blocks <= 1 << 35 && limit * blocks > 1 << 34, "{max_packet}");
    }
}

#[test]
fn integrity_limits_are_those_of_rfc_9001() {
    assert_eq!(integrity_limit(Suite::Aes256Gcm), 1 << 52);
    assert_eq!(integrity_limit(Suite::ChaCha20Poly1305), 1 << 36);
}

#[test]
fn a_key_stops_at_its_limit_and_a_new_one_goes_on() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    pair.sealer.limit_to(10);
    for _ in 0..10 {
        assert!(!pair.sealer.exhausted());
        pair.seal(b"frames", b"").unwrap();
    }
    assert!(pair.sealer.exhausted());
    assert_eq!(pair.seal(b"frames", b"").unwrap_err(), SealError::KeyLimit);
    assert_eq!(pair.sealer.next_number(), 10);
    pair.sealer.advance(Time::ZERO);
    assert_eq!(pair.seal(b"frames", b"").unwrap().0, 10);
}

#[test]
fn numbers_end_at_62_bits() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    pair.sealer.skip_to(PACKET_NUMBER_MAX);
    let (number, packet) = pair.seal(b"last", b"").unwrap();
    assert_eq!(number, PACKET_NUMBER_MAX);
    assert_eq!(pair.open(&packet).unwrap(), b"last");
    assert_eq!(pair.open(&packet), Err(OpenError::Replay));
    assert_eq!(pair.seal(b"more", b"").unwrap_err(), SealError::Numbers);
}

#[test]
fn forgeries_beyond_the_integrity_limit_end_the_session() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    pair.opener.limit_failures_to(3);
    let (_, good) = pair.seal(b"good", b"").unwrap();
    let mut bad = good.clone();
    bad[20] ^= 1;
    for failures in 1..=3 {
        assert_eq!(pair.open(&bad), Err(OpenError::Authentication));
        assert_eq!(pair.opener.failed_opens(), failures);
    }
    assert_eq!(pair.open(&good), Err(OpenError::IntegrityLimit));
}

/// Compiles only while the trait is implemented for the type in one way: if `FreshNumber` were
/// `Clone`, there would be two.
#[test]
fn fresh_numbers_cannot_be_copied() {
    trait NotClone<Way> {
        fn holds() -> bool {
            true
        }
    }
    struct Cloneable;
    impl<T> NotClone<()> for T {}
    impl<T: Clone> NotClone<Cloneable> for T {}
    assert!(<FreshNumber as NotClone<_>>::holds());
}

proptest::proptest! {
    /// Whatever the order of minting, sealing, failing and rekeying: no nonce twice under one key.
    #[test]
    fn no_number_is_minted_twice(steps in proptest::collection::vec(0u8..4, 1..400)) {
        let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
        let mut seen = std::collections::HashSet::new();
        for step in steps {
            match step {
                0 => pair.sealer.advance(Time::ZERO),
                1 => {
                    let number = pair.sealer.mint().unwrap();
                    proptest::prop_assert!(seen.insert(number.value()));
                    let failed = pair.sealer.seal(number, &mut [0; 4], 16, &[]);
                    proptest::prop_assert!(failed.is_err());
                }
                _ => {
                    let peeked = pair.sealer.next_number();
                    let (number, _) = pair.seal(b"frames", b"payload").unwrap();
                    proptest::prop_assert_eq!(number, peeked);
                    proptest::prop_assert!(seen.insert(number));
                }
            }
        }
    }
}
