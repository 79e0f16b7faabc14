//! Bytes that no honest sender writes: typed errors, never a panic, never a wrong frame.

use proptest::prelude::*;

use super::*;
use crate::ids::{Lane, MessageId, SessionId};
use crate::limits::{ACK_WORDS_MAX, MESSAGE_BYTES_MAX};

fn clear(change: impl FnOnce(&mut [u8; 16])) -> Result<ClearHeader, PacketError> {
    let mut packet = [0; 16];
    let (lane, session) = (Lane(0), SessionId(1));
    ClearHeader { generation: 0, lane, span: 0, session, number: 5000 }.encode(&mut packet);
    change(&mut packet);
    ClearHeader::parse(&packet)
}

#[test]
fn clear_headers() {
    assert!(clear(|_| {}).is_ok());
    assert_eq!(clear(|p| p[0] |= 0x80), Err(PacketError::NotDataPlane));
    assert_eq!(clear(|p| p[0] |= 0x40), Err(PacketError::NotDataPlane));
    assert_eq!(clear(|p| p[0] |= 0x10), Err(PacketError::Version(1)));
    assert_eq!(clear(|p| p[0] |= 0x30), Err(PacketError::Version(3)));
    assert_eq!(clear(|p| p[0] |= 0x01), Err(PacketError::Reserved("the clear header")));
    assert_eq!(clear(|p| p[4..8].fill(0)), Err(PacketError::Session));
    assert_eq!(clear(|p| p[8] = 0x40), Err(PacketError::Number(5000 | 1 << 62)));
    assert!(clear(|p| p[2..4].copy_from_slice(&4096u16.to_be_bytes())).is_ok());
    assert_eq!(
        clear(|p| p[2..4].copy_from_slice(&4097u16.to_be_bytes())),
        Err(PacketError::Span(4097))
    );
    // A floor below zero.
    assert_eq!(
        clear(|p| {
            p[2..4].copy_from_slice(&6u16.to_be_bytes());
            p[8..16].copy_from_slice(&5u64.to_be_bytes());
        }),
        Err(PacketError::Span(6))
    );
    for length in 0..16 {
        let error = PacketError::Truncated("the clear header");
        assert_eq!(ClearHeader::parse(&[0; 16][..length]), Err(error));
    }
}

#[test]
fn every_truncation_of_every_frame() {
    let ack =
        AckRepr { lane: Lane(0), delay: 1, base: 2, ce_total: 3, received: &[2, 3], ce: &[2, 0] };
    let message = MessageId(5);
    let frames = [
        (written(|writer| writer.put_ack(&ack)), "ACK"),
        (written(|writer| writer.put_credit(1, 2)), "CREDIT"),
        (written(|writer| writer.put_grant(message, 2)), "GRANT"),
        (written(|writer| writer.put_probe(1)), "PROBE"),
        (written(|writer| writer.put_close(1, "reason")), "CLOSE"),
        (written(|writer| writer.put_cancel(message)), "CANCEL"),
        (written(|writer| writer.put_refuse(message, 2)), "REFUSE"),
        (written(|writer| writer.put_data_header(&DataHeader::default())), "the DATA header"),
    ];
    for (bytes, name) in frames {
        assert!(only(&bytes).is_ok(), "{name}");
        for length in 1..bytes.len() {
            assert_eq!(only(&bytes[..length]), Err(PacketError::Truncated(name)), "{length}");
        }
    }
}

#[test]
fn unknown_types_end_the_reading() {
    for unknown in (0x0a..=0x0f).chain(0x14..=0xff) {
        let bytes = [1, unknown, 1, 1];
        let mut reader = FrameReader::new(&bytes);
        assert_eq!(reader.next(), Some(Ok(Frame::Ping)));
        assert_eq!(reader.next(), Some(Err(PacketError::UnknownFrame(unknown))));
        assert_eq!(reader.next(), None, "after an error");
    }
}

fn ack(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), PacketError> {
    let (lane, received) = (Lane(0), [2; ACK_WORDS_MAX]);
    let ack = AckRepr { lane, delay: 1, base: 2, ce_total: 3, received: &received, ce: &[] };
    let mut bytes = written(|writer| writer.put_ack(&ack));
    change(&mut bytes);
    only(&bytes).map(|_| ())
}

#[test]
fn acks() {
    assert_eq!(ack(|_| {}), Ok(()));
    assert_eq!(ack(|b| b[1] = 2), Err(PacketError::Reserved("ACK")));
    assert_eq!(ack(|b| b[4] = 1), Err(PacketError::Reserved("ACK")));
    assert_eq!(ack(|b| b[3] = 65), Err(PacketError::AckWords(65)));
    assert_eq!(ack(|b| b[3] = 255), Err(PacketError::AckWords(255)));
    assert_eq!(ack(|b| b[1] = 1), Err(PacketError::Truncated("ACK")), "no CE bitmap there");
    assert_eq!(ack(|b| b[9] = 0x40), Err(PacketError::AckBase(2 | 1 << 62)));
    assert_eq!(ack(|b| b[ACK_HEADER_LEN + 7] |= 1), Err(PacketError::AckBase(2)));
    assert_eq!(AckView::parse(&[1; 30]), Err(PacketError::UnknownFrame(1)));
}

#[test]
fn limits_beyond_what_exists() {
    let grant = written(|writer| writer.put_grant(MessageId(1), MESSAGE_BYTES_MAX + 1));
    assert_eq!(only(&grant), Err(PacketError::MessageLength(MESSAGE_BYTES_MAX + 1)));
    let credit = written(|writer| writer.put_credit(u64::MAX, (1 << 47) + 1));
    assert_eq!(only(&credit), Err(PacketError::MessageLimit((1 << 47) + 1)));
    assert_eq!(only(&[6, 0, 1, 2, 0xc3, 0x28]), Err(PacketError::Reason));
}

fn data(length: u64, offset: u64, payload: usize) -> Result<(), PacketError> {
    let header = DataHeader { length, offset, ..DataHeader::default() };
    let mut bytes = written(|writer| writer.put_data_header(&header));
    bytes.resize(DATA_HEADER_LEN + payload, 0);
    only(&bytes).map(|_| ())
}

#[test]
fn data_that_does_not_fit_its_message() {
    let max = MESSAGE_BYTES_MAX;
    for (length, offset, payload) in [
        (0, 0, 0),
        (1, 0, 1),
        (1, 0, 0),
        (64, 0, 64),
        (65, 0, 64),
        (65, 64, 1),
        (max, max - 64, 64),
        (max, 0, 0),
        (max - 1, max - 64, 63),
    ] {
        assert_eq!(data(length, offset, payload), Ok(()), "{length} {offset} {payload}");
    }
    for (length, offset, payload) in [
        (0, 0, 1),
        (64, 0, 65),
        (65, 0, 63),
        (65, 64, 0),
        (64, 64, 0),
        (64, 128, 0),
        (200, 64, 100),
        (max, max - 64, 65),
        (max, max, 64),
    ] {
        let error = Err(PacketError::Payload(payload));
        assert_eq!(data(length, offset, payload), error, "{length} {offset} {payload}");
    }
    assert_eq!(data(max + 1, 0, 64), Err(PacketError::MessageLength(max + 1)));
    assert_eq!(data(640, 63, 64), Err(PacketError::Offset(63)));
    assert_eq!(data(640, 1, 0), Err(PacketError::Offset(1)));
    let mut flags = written(|writer| writer.put_data_header(&DataHeader::default()));
    flags[1] = 4;
    assert_eq!(only(&flags), Err(PacketError::Reserved("DATA")));
}

/// Bytes that look like frames more often than noise does.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => 0u8..=0x13, 1 => any::<u8>()];
    proptest::collection::vec(byte, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop_oneof![plausible(), proptest::collection::vec(any::<u8>(), 0..2000)],
    ) {
        if let Ok(header) = ClearHeader::parse(&bytes) {
            let mut again = bytes.clone();
            prop_assert!(header.encode(&mut again));
            prop_assert_eq!(again, bytes.clone(), "one encoding only");
        }
        let mut errors = 0;
        for frame in FrameReader::new(&bytes) {
            match frame {
                Ok(Frame::Ack(ack)) => {
                    let numbers = ack.words().count() as u64 * 64;
                    let base = ack.base();
                    let _ = (base..base + numbers).filter(|n| ack.is_ce(*n)).count();
                    prop_assert!(ack.highest() < Some(base + numbers.max(1)));
                    prop_assert!(!ack.to_string().is_empty());
                }
                Ok(frame) => prop_assert!(!frame.to_string().is_empty()),
                Err(error) => {
                    errors += 1;
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
        prop_assert!(errors <= 1);
    }
}
