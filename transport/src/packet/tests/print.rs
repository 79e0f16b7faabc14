//! How packets and frames read in traces.

use super::*;
use crate::ids::{Lane, MessageId, SessionId, Tag};

fn line(put: impl FnOnce(&mut FrameWriter<'_>) -> bool) -> String {
    only(&written(put)).unwrap().to_string()
}

#[test]
fn clear_header() {
    let (lane, session) = (Lane(0), SessionId(0xabcd));
    let header = ClearHeader { generation: 2, lane, span: 17, session, number: 1000 };
    assert_eq!(header.to_string(), "packet 1000 (span 17) session 43981 lane 0 generation 2");
}

#[test]
fn frames() {
    assert_eq!(only(&[1]).unwrap().to_string(), "PING");
    assert_eq!(line(|writer| writer.put_credit(100, 7)), "CREDIT eager 100 messages 7");
    assert_eq!(line(|writer| writer.put_grant(MessageId(7), 64)), "GRANT message 7 limit 64");
    assert_eq!(line(|writer| writer.put_probe(5)), "PROBE 5");
    assert_eq!(line(|writer| writer.put_close(9, "a \"b\"")), r#"CLOSE code 9 "a \"b\"""#);
    assert_eq!(line(|writer| writer.put_cancel(MessageId(7))), "CANCEL message 7");
    assert_eq!(line(|writer| writer.put_refuse(MessageId(7), 3)), "REFUSE message 7 code 3");
}

#[test]
fn data() {
    let header = DataHeader {
        eager: true,
        ack_now: true,
        message: MessageId(7),
        tag: Tag(8),
        length: 1000,
        offset: 960,
        immediate: 5,
    };
    let mut bytes = written(|writer| writer.put_data_header(&header));
    bytes.extend([0; 40]);
    assert_eq!(
        only(&bytes).unwrap().to_string(),
        "DATA message 7 tag 8 offset 960 of 1000 immediate 5 eager ack-now payload 40"
    );
    let announcement = DataHeader { length: 1 << 40, ..DataHeader::default() };
    assert_eq!(
        line(|writer| writer.put_data_header(&announcement)),
        "DATA message 0 tag 0 offset 0 of 1099511627776 immediate 0 payload 0"
    );
}

#[test]
fn acks() {
    let ack = |base, received: &[u64]| {
        let repr = AckRepr { lane: Lane(0), delay: 250, base, ce_total: 3, received, ce: &[] };
        line(|writer| writer.put_ack(&repr))
    };
    assert_eq!(ack(0, &[]), "ACK lane 0 below 0 delay 250 ns CE 3");
    assert_eq!(ack(70, &[0b1010, 1]), "ACK lane 0 below 70 and 3 up to 134 delay 250 ns CE 3");
}

#[test]
fn acknowledgements_are_not_acknowledged() {
    let ack = AckRepr { lane: Lane(0), delay: 0, base: 0, ce_total: 0, received: &[], ce: &[] };
    assert!(!only(&written(|writer| writer.put_ack(&ack))).unwrap().is_ack_eliciting());
    assert!(!only(&written(|writer| writer.put_close(0, ""))).unwrap().is_ack_eliciting());
    assert!(only(&[1]).unwrap().is_ack_eliciting());
    assert!(only(&written(|writer| writer.put_probe(0))).unwrap().is_ack_eliciting());
}
