//! Frames of one-sided operations: layouts to the byte, bounds, malformed bytes.

use proptest::prelude::*;

use super::*;
use crate::ids::MessageId;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::rma::{Atomic, RemoteAddress, RemoteKey};

const MESSAGE: MessageId = MessageId(0x0102_0304_0506);
const ADDRESS: RemoteAddress = RemoteAddress {
    key: RemoteKey(0x1112_1314_1516_1718),
    offset: 0x2122_2324_2526_2728,
    epoch: 0x3132_3334,
};
/// Message, key, offset and epoch as they stand in every request.
const COMMON: [u8; 26] = [
    1, 2, 3, 4, 5, 6, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25,
    0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34,
];

fn write() -> WriteHeader {
    WriteHeader {
        eager: true,
        ack_now: true,
        message: MESSAGE,
        address: ADDRESS,
        length: 0x00a1_a2a3_a4a5,
        offset: 0x0000_b1b2_b3c0,
        immediate: Some(0x4142_4344),
    }
}

fn atomic(operation: Atomic) -> Vec<u8> {
    let request = AtomicRequest { message: MESSAGE, address: ADDRESS, operation };
    written(|writer| writer.put_atomic(&request))
}

#[test]
fn layouts_are_pinned() {
    let mut expected = vec![0x11, 7];
    expected.extend(COMMON);
    expected.extend([0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0, 0, 0xb1, 0xb2, 0xb3, 0xc0]);
    expected.extend([0x41, 0x42, 0x43, 0x44]);
    assert_eq!(written(|writer| writer.put_write_header(&write())), expected);
    assert_eq!(expected.len(), WRITE_HEADER_LEN);

    let request = ReadRequest { message: MESSAGE, address: ADDRESS, length: 0x00a1_a2a3_a4a5 };
    let mut expected = vec![0x12, 0];
    expected.extend(COMMON);
    expected.extend([0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5]);
    assert_eq!(written(|writer| writer.put_read(&request)), expected);
    assert_eq!(expected.len(), READ_LEN);

    let mut expected = vec![0x13, 1];
    expected.extend(COMMON);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(atomic(Atomic::FetchAdd { add: 9 }), expected);
    expected[1] = 2;
    expected[43] = 7;
    assert_eq!(atomic(Atomic::CompareSwap { compare: 7, swap: 9 }), expected);
    assert_eq!(expected.len(), ATOMIC_LEN);

    assert_eq!(
        written(|writer| writer.put_result(MESSAGE, 0x0708, 0x0a0b)),
        [9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 10, 11]
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (key, offset, epoch, immediate) in any::<(u64, u64, u32, Option<u32>)>(),
        (operand, compare, status, eager) in any::<(u64, u64, u16, bool)>(),
        message in 0..1_u64 << 47,
        length in 0..=MESSAGE_BYTES_MAX,
        start in 0..1_u64 << 33,
    ) {
        let message = MessageId(message);
        let address = RemoteAddress { key: RemoteKey(key), offset, epoch };
        let operations =
            [Atomic::FetchAdd { add: operand }, Atomic::CompareSwap { compare, swap: operand }];
        let read = ReadRequest { message, address, length };
        let atomics =
            operations.map(|operation| AtomicRequest { message, address, operation });
        let header = WriteHeader {
            eager, ack_now: !eager, message, address, immediate,
            length: start * 64 + 5, offset: start * 64,
        };
        let mut bytes = written(|writer| {
            writer.put_read(&read)
                && writer.put_result(message, status, operand)
                && writer.put_atomic(&atomics[0])
                && writer.put_atomic(&atomics[1])
                && writer.put_write_header(&header)
        });
        bytes.extend([1, 2, 3, 4, 5]);
        let expected = [
            Frame::Read(read),
            Frame::Result { message, status, value: operand },
            Frame::Atomic(atomics[0]),
            Frame::Atomic(atomics[1]),
            Frame::Write(header, &[1, 2, 3, 4, 5]),
        ];
        let read: Result<Vec<_>, _> = FrameReader::new(&bytes).collect();
        prop_assert_eq!(read, Ok(expected.to_vec()));
    }
}

#[test]
fn every_truncation() {
    let request = ReadRequest { message: MESSAGE, address: ADDRESS, length: 5 };
    let header = WriteHeader { offset: 0, ..write() };
    let frames = [
        (written(|writer| writer.put_read(&request)), "READ"),
        (atomic(Atomic::FetchAdd { add: 1 }), "ATOMIC"),
        (written(|writer| writer.put_result(MESSAGE, 1, 2)), "RESULT"),
        (written(|writer| writer.put_write_header(&header)), "the WRITE header"),
    ];
    for (bytes, name) in frames {
        assert!(only(&bytes).is_ok(), "{name}");
        for length in 1..bytes.len() {
            assert_eq!(only(&bytes[..length]), Err(PacketError::Truncated(name)), "{length}");
        }
    }
}

#[test]
fn bytes_that_no_honest_sender_writes() {
    let changed = |mut bytes: Vec<u8>, at: usize, to: u8| {
        bytes[at] = to;
        only(&bytes).map(|_| ())
    };
    let header = WriteHeader { offset: 0, immediate: None, ..write() };
    let write = || written(|writer| writer.put_write_header(&header));
    let request = ReadRequest { message: MESSAGE, address: ADDRESS, length: 5 };
    let read = || written(|writer| writer.put_read(&request));
    let add = || atomic(Atomic::FetchAdd { add: 1 });
    let result = || written(|writer| writer.put_result(MESSAGE, 0, 0));
    assert_eq!(changed(write(), 1, 8), Err(PacketError::Reserved("WRITE")));
    assert_eq!(changed(write(), 43, 1), Err(PacketError::Reserved("WRITE")), "no immediate");
    assert_eq!(changed(read(), 1, 1), Err(PacketError::Reserved("READ")));
    assert_eq!(changed(add(), 1, 0), Err(PacketError::Reserved("ATOMIC")));
    assert_eq!(changed(add(), 1, 3), Err(PacketError::Reserved("ATOMIC")));
    assert_eq!(changed(add(), 43, 1), Err(PacketError::Reserved("ATOMIC")), "nothing to compare");
    let answer = PacketError::RequestId(MESSAGE.0 | 1 << 47);
    assert_eq!(changed(write(), 2, 0x81), Err(answer));
    assert_eq!(changed(read(), 2, 0x81), Err(answer));
    assert_eq!(changed(add(), 2, 0x81), Err(answer));
    assert_eq!(changed(result(), 1, 0x81), Err(answer));
    let beyond = PacketError::MessageLength((1 << 40) + 5);
    assert_eq!(changed(read(), 28, 1), Err(beyond));
    let mut offset = write();
    offset[39] = 63;
    assert_eq!(only(&offset).map(|_| ()), Err(PacketError::Offset(63)));
    let mut short = write();
    short.extend([0; 65]);
    assert_eq!(only(&short).map(|_| ()), Err(PacketError::Payload(65)));
}

#[test]
fn keys_are_not_printed() {
    let header = WriteHeader { offset: 0, ..write() };
    let bytes = written(|writer| writer.put_write_header(&header));
    let frame = only(&bytes).unwrap();
    let key = ADDRESS.key.0;
    for text in [frame.to_string(), format!("{frame:?}"), format!("{ADDRESS:?}")] {
        assert!(!text.contains(&key.to_string()) && !text.contains(&format!("{key:x}")), "{text}");
    }
    assert_eq!(
        frame.to_string(),
        "WRITE message 1108152157446 to 2387509390608836392 offset 0 of 694218368165 \
         immediate 1094861636 eager ack-now payload 0"
    );
}
