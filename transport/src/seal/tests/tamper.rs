//! What is not exactly what the peer sealed leaves no trace but a count.

use super::*;

/// A packet that must not open, and the state it must not change.
fn refused(pair: &mut Pair, packet: &[u8], what: &str) {
    let window = pair.opener.window().clone();
    let failed = pair.opener.failed_opens();
    let error = pair.open(packet).expect_err(what);
    assert_eq!(*pair.opener.window(), window, "{what}");
    let counted = u64::from(error == OpenError::Authentication);
    assert_eq!(pair.opener.failed_opens(), failed + counted, "{what}");
}

#[test]
fn every_truncation_is_refused() {
    for &suite in Suite::available() {
        let mut pair = Pair::new(suite, None);
        let (_, packet) = pair.seal(&pattern(32), &pattern(200)).unwrap();
        for length in 0..packet.len() {
            refused(&mut pair, &packet[..length], &format!("cut to {length}"));
        }
        let longer = [&packet[..], &[0]].concat();
        refused(&mut pair, &longer, "one byte more");
        pair.open(&packet).unwrap();
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for &suite in Suite::available() {
        let mut pair = Pair::new(suite, None);
        // Something opened already, so that the claim of the next generation is tried too.
        let (_, first) = pair.seal(b"first", b"").unwrap();
        pair.open(&first).unwrap();
        let (_, packet) = pair.seal(&pattern(32), &pattern(200)).unwrap();
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&mut pair, &flipped, &format!("bit {bit}"));
        }
        pair.open(&packet).unwrap();
    }
}

/// What fails to open must not be readable afterwards: not in part, and not in the packet's own
/// bytes.
#[test]
fn unverified_plaintext_is_never_left_behind() {
    for &suite in Suite::available() {
        let mut pair = Pair::new(suite, None);
        let payload = pattern(4096);
        let (_, mut packet) = pair.seal(b"", &payload).unwrap();
        *packet.last_mut().unwrap() ^= 1;
        let header = ClearHeader::parse(&packet).unwrap();
        let opened = pair.opener.open(pair.now, &header, &mut packet).map(|text| text.to_vec());
        assert_eq!(opened, Err(OpenError::Authentication));
        let left = &packet[CLEAR_HEADER_LEN..];
        for (left, payload) in left.chunks_exact(16).zip(payload.chunks_exact(16)) {
            assert_ne!(left, payload, "{suite}");
        }
    }
}

#[test]
fn replays_are_refused() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    let packets: Vec<_> = (0..100).map(|_| pair.seal(b"frames", b"payload").unwrap().1).collect();
    for packet in packets.iter().rev() {
        pair.open(packet).unwrap();
    }
    for packet in &packets {
        assert_eq!(pair.open(packet), Err(OpenError::Replay));
    }
    assert_eq!(pair.opener.failed_opens(), 0);
}

#[test]
fn packets_beyond_the_window_are_too_old() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    let packets: Vec<_> = (0..=8192).map(|_| pair.seal(b"frames", b"").unwrap().1).collect();
    pair.open(&packets[8192]).unwrap();
    assert_eq!(pair.open(&packets[0]), Err(OpenError::TooOld));
    pair.open(&packets[1]).unwrap();
}

#[test]
fn a_reflected_packet_is_refused() {
    for &suite in Suite::available() {
        let now = Time::ZERO;
        let mut pair = Pair::new(suite, None);
        let (_, packet) = pair.seal(b"frames", b"payload").unwrap();
        // The sender's own receiving half.
        let (_, rx) = SessionKeys::derive(&SECRET, suite, Rank(3), Rank(4));
        pair.opener = Opener::new(rx, suite, LANE, now);
        assert_eq!(pair.open(&packet), Err(OpenError::Authentication));
    }
}

#[test]
fn a_packet_of_another_session_suite_or_lane_is_refused() {
    let now = Time::ZERO;
    let suite = Suite::ChaCha20Poly1305;
    let mut pair = Pair::new(suite, None);
    let (_, packet) = pair.seal(b"frames", b"payload").unwrap();
    let rx = |secret: [u8; 32], remote, suite| {
        SessionKeys::derive(&secret, suite, Rank(4), Rank(remote)).1
    };
    pair.opener = Opener::new(rx([8; 32], 3, suite), suite, LANE, now);
    assert_eq!(pair.open(&packet), Err(OpenError::Authentication), "another secret");
    pair.opener = Opener::new(rx(SECRET, 5, suite), suite, LANE, now);
    assert_eq!(pair.open(&packet), Err(OpenError::Authentication), "another rank");
    pair.opener = Opener::new(rx(SECRET, 3, suite), suite, Lane(1), now);
    assert_eq!(pair.open(&packet), Err(OpenError::Malformed), "another lane");
    if Suite::available().contains(&Suite::Aes256Gcm) {
        let suite = Suite::Aes256Gcm;
        pair.opener = Opener::new(rx(SECRET, 3, suite), suite, LANE, now);
        assert_eq!(pair.open(&packet), Err(OpenError::Authentication), "another suite");
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_open(
        mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        plausible in proptest::prelude::any::<bool>(),
    ) {
        let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
        if plausible {
            header(0, 77).encode(&mut bytes);
        }
        refused(&mut pair, &bytes, "noise");
    }
}
