//! What is written is what is read, and the layouts are those of PROTOCOL §3 and §5 to the byte.

use proptest::prelude::*;

use super::*;
use crate::ids::{Lane, MessageId, SessionId, Tag};
use crate::limits::{ACK_WORDS_MAX, MESSAGE_BYTES_MAX, OUTSTANDING_MAX, PACKET_NUMBER_MAX};

const U48: u64 = 1 << 48;

prop_compose! {
    fn data_headers()(
        (eager, ack_now, immediate) in any::<(bool, bool, u32)>(),
        message in 0..U48,
        tag: u64,
        offset in 0..=MESSAGE_BYTES_MAX / 64 - 1024,
        payload in 0usize..40_000,
        ends: bool,
        rest in 0u64..1 << 20,
    ) -> (DataHeader, usize) {
        let offset = offset * 64;
        let payload = if ends { payload.max(1) } else { payload.max(64) / 64 * 64 };
        let end = offset + payload as u64;
        let length = if ends { end } else { end.saturating_add(rest).min(MESSAGE_BYTES_MAX) };
        let (message, tag) = (MessageId(message), Tag(tag));
        (DataHeader { eager, ack_now, message, tag, length, offset, immediate }, payload)
    }
}

prop_compose! {
    fn acks()(
        (lane, delay, ce_total) in any::<(u8, u32, u64)>(),
        base in 0..=PACKET_NUMBER_MAX,
        mut received in proptest::collection::vec(any::<u64>(), 0..=ACK_WORDS_MAX),
        marked: bool,
        mask: u64,
    ) -> (u8, u32, u64, u64, Vec<u64>, Vec<u64>) {
        if let Some(word) = received.first_mut() {
            *word &= !1;
        }
        let ce = if marked { received.iter().map(|word| word & mask).collect() } else { vec![] };
        (lane, delay, ce_total, base, received, ce)
    }
}

proptest! {
    #[test]
    fn clear_headers(
        generation in 0u8..4,
        lane: u8,
        span in 0..=OUTSTANDING_MAX,
        session in 1..=u32::MAX,
        number in 0..=PACKET_NUMBER_MAX,
    ) {
        let span = span.min(number) as u16;
        let (lane, session) = (Lane(lane), SessionId(session));
        let header = ClearHeader { generation, lane, span, session, number };
        let mut packet = [0xff; 40];
        prop_assert!(header.encode(&mut packet));
        prop_assert!(is_data_plane(packet[0]));
        prop_assert_eq!(ClearHeader::parse(&packet), Ok(header));
        prop_assert_eq!(header.floor() + u64::from(span), number);
        prop_assert!(packet[16..].iter().all(|byte| *byte == 0xff));
    }

    #[test]
    fn data_frames((header, payload) in data_headers()) {
        let mut bytes = written(|writer| writer.put_data_header(&header));
        prop_assert_eq!(bytes.len(), DATA_HEADER_LEN);
        let payload: Vec<u8> = (0..payload).map(|index| index as u8).collect();
        bytes.extend(&payload);
        prop_assert_eq!(only(&bytes), Ok(Frame::Data(header, &payload)));
    }

    #[test]
    fn ack_frames((lane, delay, ce_total, base, received, ce) in acks()) {
        let repr =
            AckRepr { lane: Lane(lane), delay, base, ce_total, received: &received, ce: &ce };
        let bytes = written(|writer| writer.put_ack(&repr));
        prop_assert_eq!(bytes.len(), ack_len(received.len(), !ce.is_empty()));
        let Ok(Frame::Ack(ack)) = only(&bytes) else { panic!("no ACK: {bytes:?}") };
        prop_assert_eq!((ack.lane(), ack.delay()), (Lane(lane), delay));
        prop_assert_eq!((ack.base(), ack.ce_total()), (base, ce_total));
        prop_assert_eq!(ack.words().collect::<Vec<_>>(), received.clone());
        prop_assert_eq!(ack.ce_words().collect::<Vec<_>>(), ce.clone());
        let bit = |words: &[u64], index: u64| {
            words.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 != 0)
        };
        let mut highest = base.checked_sub(1);
        for index in 0..received.len() as u64 * 64 + 3 {
            let number = base + index;
            prop_assert_eq!(ack.is_received(number), bit(&received, index));
            prop_assert_eq!(ack.is_ce(number), bit(&ce, index));
            if ack.is_received(number) {
                highest = Some(number);
            }
        }
        prop_assert_eq!(ack.highest(), highest);
        for from in (base.saturating_sub(70)..base + received.len() as u64 * 64 + 70).step_by(7) {
            let bits: u64 = (0..64).map(|bit| u64::from(ack.is_received(from + bit)) << bit).sum();
            prop_assert_eq!(ack.received_from(from), bits, "from base {} + {}", base, from);
        }
        if let Some(below) = base.checked_sub(1) {
            prop_assert!(ack.is_received(below) && !ack.is_ce(below));
        }
    }

    #[test]
    fn small_frames(
        (eager_limit, id, code) in any::<(u64, u32, u16)>(),
        message_limit in 0..=U48 / 2,
        message in 0..U48,
        limit in 0..=MESSAGE_BYTES_MAX,
        reason in "\\PC{0,60}",
    ) {
        let message = MessageId(message);
        let bytes = written(|writer| {
            writer.put_ping()
                && writer.put_credit(eager_limit, message_limit)
                && writer.put_grant(message, limit)
                && writer.put_probe(id)
                && writer.put_cancel(message)
                && writer.put_refuse(message, code)
                && writer.put_close(code, &reason)
        });
        let frames = [
            Frame::Ping,
            Frame::Credit { eager_limit, message_limit },
            Frame::Grant { message, limit },
            Frame::Probe { id },
            Frame::Cancel { message },
            Frame::Refuse { message, code },
            Frame::Close { code, reason: &reason },
        ];
        let read: Result<Vec<_>, _> = FrameReader::new(&bytes).collect();
        prop_assert_eq!(read, Ok(frames.to_vec()));
    }

    /// No room: nothing is written, and nothing but what was there before is read.
    #[test]
    fn writers_respect_their_buffer(room in 0usize..700, words in 0usize..70) {
        let received = vec![2; words];
        let ack = AckRepr {
            lane: Lane(0), delay: 0, base: 0, ce_total: 0, received: &received, ce: &[],
        };
        let mut buffer = vec![0xff; room];
        let mut writer = FrameWriter::new(&mut buffer);
        let fits = writer.put_ack(&ack);
        prop_assert_eq!(fits, ack_len(words.min(ACK_WORDS_MAX), false) <= room);
        prop_assert_eq!(writer.is_empty(), !fits);
        prop_assert_eq!(writer.len() + writer.remaining(), room);
        let data = writer.put_data_header(&DataHeader::default());
        let frames = FrameReader::new(&buffer[..writer_len(fits, words, data)]).count();
        prop_assert_eq!(frames, usize::from(fits) + usize::from(data));
    }
}

fn writer_len(ack: bool, words: usize, data: bool) -> usize {
    let ack = if ack { ack_len(words.min(ACK_WORDS_MAX), false) } else { 0 };
    ack + if data { DATA_HEADER_LEN } else { 0 }
}

#[test]
fn layouts_are_pinned() {
    let mut packet = [0; 16];
    let header = ClearHeader {
        generation: 3,
        lane: Lane(0x21),
        span: 0x0304,
        session: SessionId(0x1112_1314),
        number: 0x0102_0304_0506_0708,
    };
    assert!(header.encode(&mut packet));
    assert_eq!(packet, [0x0c, 0x21, 3, 4, 0x11, 0x12, 0x13, 0x14, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!header.encode(&mut packet[..15]));

    let (received, ce) = ([0x0102_0304_0506_0708], [0x1112_1314_1516_1718]);
    let ack = AckRepr {
        lane: Lane(9),
        delay: 0xa1a2_a3a4,
        base: 0x0b0b_0b0b_0b0b_0b0b,
        ce_total: 0xc1,
        received: &received,
        ce: &ce,
    };
    let mut expected = vec![2, 1, 9, 1, 0, 0xa1, 0xa2, 0xa3, 0xa4];
    expected.extend([0x0b; 8]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0xc1]);
    expected.extend([1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
    assert_eq!(written(|writer| writer.put_ack(&ack)), expected);

    let data = DataHeader {
        eager: true,
        ack_now: true,
        message: MessageId(0x0102_0304_0506),
        tag: Tag(0x1112_1314_1516_1718),
        length: 0x2122_2324_2526,
        offset: 0x3132_3334_3536,
        immediate: 0x4142_4344,
    };
    let expected = [
        0x10, 3, 1, 2, 3, 4, 5, 6, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22,
        0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x41, 0x42, 0x43, 0x44,
    ];
    assert_eq!(written(|writer| writer.put_data_header(&data)), expected);
}

#[test]
fn small_layouts_are_pinned() {
    let message = MessageId(0x0102_0304_0506);
    assert_eq!(written(|writer| writer.put_ping() && !writer.is_empty()), [1]);
    assert_eq!(
        written(|writer| writer.put_credit(0x0a0b, 0x0c0d)),
        [3, 0, 0, 0, 0, 0, 0, 10, 11, 0, 0, 0, 0, 0, 0, 12, 13]
    );
    assert_eq!(
        written(|writer| writer.put_grant(message, 0x0708)),
        [4, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 7, 8]
    );
    assert_eq!(written(|writer| writer.put_probe(0x0102_0304)), [5, 1, 2, 3, 4]);
    assert_eq!(written(|writer| writer.put_close(0x0102, "bye")), [6, 1, 2, 3, b'b', b'y', b'e']);
    assert_eq!(written(|writer| writer.put_cancel(message)), [7, 1, 2, 3, 4, 5, 6]);
    assert_eq!(written(|writer| writer.put_refuse(message, 0x0708)), [8, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let reason = "é".repeat(200);
    let bytes = written(|writer| writer.put_close(1, &reason));
    assert_eq!(only(&bytes), Ok(Frame::Close { code: 1, reason: &reason[..254] }));
    let mut buffer = [0; 7];
    let mut writer = FrameWriter::new(&mut buffer);
    assert!(writer.put_close(1, &reason));
    assert_eq!(only(&buffer), Ok(Frame::Close { code: 1, reason: "é" }));
    assert!(!FrameWriter::new(&mut buffer[..3]).put_close(1, ""));
}

#[test]
fn padding_is_skipped_wherever_it_stands() {
    let mut buffer = [0xff; 100];
    let mut writer = FrameWriter::new(&mut buffer[10..]);
    writer.put_probe(7);
    writer.pad_to_end();
    assert_eq!((writer.len(), writer.remaining()), (90, 0));
    buffer[..10].fill(0);
    assert_eq!(only(&buffer), Ok(Frame::Probe { id: 7 }));
    assert_eq!(FrameReader::new(&[0; 50]).count(), 0);
    assert_eq!(FrameReader::new(&[]).count(), 0);
}
