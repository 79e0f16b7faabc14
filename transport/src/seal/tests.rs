#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod limits;
mod rekey;
mod schedule;
mod tamper;
mod vectors;
mod window;

use super::{OpenError, Opener, SealError, Sealer, SessionKeys, Suite, TAG_LEN};
use crate::ids::{Lane, Rank, SessionId};
use crate::packet::{CLEAR_HEADER_LEN, ClearHeader};
use crate::time::Time;

const MAX_PACKET: u16 = 9001;
const LANE: Lane = Lane(0);
const SECRET: [u8; 32] = [7; 32];

/// Both ends of one direction.
struct Pair {
    sealer: Sealer,
    opener: Opener,
    now: Time,
}

impl Pair {
    fn new(suite: Suite, rekey_packets: Option<u64>) -> Self {
        let now = Time::ZERO;
        let (tx, _) = SessionKeys::derive(&SECRET, suite, Rank(3), Rank(4));
        let (_, rx) = SessionKeys::derive(&SECRET, suite, Rank(4), Rank(3));
        Self {
            sealer: Sealer::new(tx, suite, LANE, MAX_PACKET, rekey_packets, now),
            opener: Opener::new(rx, suite, LANE, now),
            now,
        }
    }

    /// A sealed packet of `frames` and `payload`, with its number.
    fn seal(&mut self, frames: &[u8], payload: &[u8]) -> Result<(u64, Vec<u8>), SealError> {
        let number = self.sealer.mint()?;
        let value = number.value();
        let head = CLEAR_HEADER_LEN + frames.len();
        let mut packet = vec![0; head + payload.len() + TAG_LEN];
        header(self.sealer.generation(), value).encode(&mut packet);
        packet[CLEAR_HEADER_LEN..head].copy_from_slice(frames);
        let length = self.sealer.seal(number, &mut packet, head, payload)?;
        assert_eq!(length, packet.len());
        Ok((value, packet))
    }

    /// Opens a copy of `packet`.
    fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, OpenError> {
        let header = ClearHeader::parse(packet).map_err(|_| OpenError::Malformed)?;
        let mut packet = packet.to_vec();
        self.opener.open(self.now, &header, &mut packet).map(|plaintext| plaintext.to_vec())
    }
}

fn header(generation: u8, number: u64) -> ClearHeader {
    ClearHeader { generation, lane: LANE, span: 0, session: SessionId(9), number }
}

/// Bytes that differ from place to place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 131 + index / 251) as u8).collect()
}

#[test]
fn opens_what_was_sealed() {
    for &suite in Suite::available() {
        let mut pair = Pair::new(suite, None);
        for frames in [0, 1, 15, 16, 32, 57, 300] {
            for payload in [0, 1, 63, 64, 1000, 1024, 8192] {
                let (frames, payload) = (pattern(frames), pattern(payload));
                let (_, packet) = pair.seal(&frames, &payload).unwrap();
                let plaintext = [frames, payload].concat();
                let sealed = &packet[16..packet.len() - 16];
                assert!(sealed.len() < 15 || sealed != plaintext, "in the clear");
                assert_eq!(pair.open(&packet).unwrap(), plaintext);
            }
        }
        assert_eq!(pair.opener.failed_opens(), 0);
    }
}

#[test]
fn refuses_to_seal_what_does_not_fit_or_match() {
    let mut pair = Pair::new(Suite::ChaCha20Poly1305, None);
    let payload = vec![0; 10_000];
    let mut packet = vec![0; 10_000];
    let number = pair.sealer.mint().unwrap();
    header(0, number.value()).encode(&mut packet);
    assert_eq!(
        pair.sealer.seal(number, &mut packet, 48, &payload[..8938]),
        Err(SealError::TooLarge)
    );
    let number = pair.sealer.mint().unwrap();
    assert_eq!(
        pair.sealer.seal(number, &mut packet[..100], 48, &payload[..37]),
        Err(SealError::TooLarge)
    );
    let number = pair.sealer.mint().unwrap();
    assert_eq!(pair.sealer.seal(number, &mut packet, 15, &[]), Err(SealError::Header));
    let number = pair.sealer.mint().unwrap();
    assert_eq!(pair.sealer.seal(number, &mut packet, 48, &[]), Err(SealError::Header), "number");
    let number = pair.sealer.mint().unwrap();
    header(1, number.value()).encode(&mut packet);
    assert_eq!(
        pair.sealer.seal(number, &mut packet, 48, &[]),
        Err(SealError::Header),
        "generation"
    );
    let number = pair.sealer.mint().unwrap();
    ClearHeader { lane: Lane(1), ..header(0, number.value()) }.encode(&mut packet);
    assert_eq!(pair.sealer.seal(number, &mut packet, 48, &[]), Err(SealError::Header), "lane");
    let number = pair.sealer.mint().unwrap();
    pair.sealer.advance(Time::ZERO);
    header(1, number.value()).encode(&mut packet);
    assert_eq!(pair.sealer.seal(number, &mut packet, 48, &[]), Err(SealError::Header), "stale");
    assert_eq!(pair.sealer.next_number(), 7);
}

#[test]
fn secrets_do_not_print() {
    let pair = Pair::new(Suite::ChaCha20Poly1305, None);
    let (secret, _) = SessionKeys::derive(&SECRET, Suite::ChaCha20Poly1305, Rank(3), Rank(4));
    assert_eq!(format!("{secret:?}"), "DirectionSecret(ChaCha20-Poly1305, redacted)");
    assert_eq!(
        format!("{:?}", pair.sealer),
        "Sealer { suite: ChaCha20Poly1305, lane: Lane(0), generation: 0, next_number: 0, .. }"
    );
    assert_eq!(
        format!("{:?}", pair.opener),
        "Opener { suite: ChaCha20Poly1305, lane: Lane(0), generation: 0, highest: None, \
         failed: 0, .. }"
    );
}
