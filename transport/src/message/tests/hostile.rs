//! A peer with valid keys that keeps to no rule: typed refusals, no panic, bounded memory.

use crate::event::Event;
use crate::ids::{MessageId, Tag};
use crate::limits::MESSAGE_WINDOW;
use crate::message::RecvRequest;
use crate::packet::DataHeader;

use super::harness::{Dice, Side, for_seeds};

const EAGER: u64 = 256 << 10;

fn header(message: u64, length: u64, offset: u64) -> DataHeader {
    DataHeader {
        eager: true,
        ack_now: false,
        message: MessageId(message),
        tag: Tag(1),
        length,
        offset,
        immediate: 0,
    }
}

fn data(side: &mut Side, header: &DataHeader, payload: &[u8]) -> Result<(), &'static str> {
    let peer = side.peer;
    side.inbox.on_data(peer, header, payload, &mut side.memory, &mut side.events).map(|_| ())
}

fn post(side: &mut Side, capacity: u64, exact: bool) {
    let buffer = side.buffer(vec![0; capacity as usize]);
    let from = Some(side.peer);
    side.post(RecvRequest { from, tag: Tag(1), buffer, capacity, exact, progress: false });
}

/// A few bytes at the end of the budget used to make room for all before them, in every message.
#[test]
fn sparse_eager_bytes_cannot_multiply_the_budget() {
    let mut side = Side::new(0, EAGER, EAGER);
    let mut refused = 0;
    for message in 0..MESSAGE_WINDOW {
        let header = header(message, 1 << 40, EAGER - 64);
        refused += usize::from(data(&mut side, &header, &[0; 64]).is_err());
        assert!(side.inbox.buffered_bytes() <= EAGER);
    }
    assert_eq!(refused as u64, MESSAGE_WINDOW - 1);
}

#[test]
fn bytes_that_were_not_allowed_are_violations() {
    let mut side = Side::new(0, EAGER, EAGER);
    let ungranted = DataHeader { eager: false, ..header(0, 1 << 20, 0) };
    assert!(data(&mut side, &ungranted, &[0; 64]).is_err());
    assert!(data(&mut side, &header(MESSAGE_WINDOW, 64, 0), &[0; 64]).is_err());
    assert!(data(&mut side, &header(u64::MAX, 64, 0), &[0; 64]).is_err());
    assert!(data(&mut side, &header(1, 1 << 40, EAGER), &[0; 64]).is_err());
    let cancelled = side.inbox.on_cancel(side.peer, MessageId(u64::MAX), &mut side.events);
    assert!(cancelled.is_err());
}

#[test]
fn a_message_that_changes_its_mind_is_a_violation() {
    let mut side = Side::new(0, EAGER, EAGER);
    let first = header(0, 256, 0);
    assert_eq!(data(&mut side, &first, &[0; 64]), Ok(()));
    for other in [
        DataHeader { length: 512, offset: 64, ..first },
        DataHeader { tag: Tag(2), offset: 64, ..first },
        DataHeader { immediate: 1, offset: 64, ..first },
    ] {
        assert!(data(&mut side, &other, &[0; 64]).is_err());
    }
}

#[test]
fn a_message_that_does_not_fit_is_refused_and_the_caller_told() {
    for (capacity, exact) in [(255, false), (257, true), (0, false)] {
        let mut side = Side::new(0, EAGER, EAGER);
        post(&mut side, capacity, exact);
        assert_eq!(data(&mut side, &header(0, 256, 0), &[0; 256]), Ok(()));
        assert!(matches!(side.events.pop_front(), Some(Event::RecvFailed { .. })));
        assert!(matches!(side.packet(64), Some(super::harness::Packet::Frame(_))));
        // What comes after the refusal is dropped, even if it repeats the beginning.
        assert_eq!(data(&mut side, &header(0, 256, 0), &[0; 256]), Ok(()));
        assert!(side.events.is_empty() && side.inbox.buffered_bytes() == 0);
    }
}

#[test]
fn a_buffer_that_went_away_fails_its_receive_once() {
    let mut side = Side::new(0, EAGER, EAGER);
    post(&mut side, 128, true);
    side.memory.gone = side.memory.bytes.keys().next().copied();
    assert_eq!(data(&mut side, &header(0, 128, 0), &[0; 64]), Ok(()));
    assert_eq!(data(&mut side, &header(0, 128, 64), &[0; 64]), Ok(()));
    let failed = |event: &Event| matches!(event, Event::RecvFailed { .. });
    assert_eq!(side.events.iter().filter(|event| failed(event)).count(), 1);
    assert!(!side.inbox.expecting(side.peer));
}

/// Headers as the packet layer lets them through, but otherwise anything.
#[test]
fn random_headers_never_panic_and_never_store_beyond_the_budget() {
    for_seeds("random_headers_never_panic_and_never_store_beyond_the_budget", 60, |seed| {
        let mut dice = Dice(seed);
        let mut side = Side::new(0, EAGER, 1 << 20);
        for _ in 0..3_000 {
            if dice.chance(10) {
                post(&mut side, dice.below(2_000), dice.chance(50));
            }
            if dice.chance(10) {
                let message = MessageId(dice.below(2_000));
                let _ = side.inbox.on_cancel(side.peer, message, &mut side.events);
            }
            let length =
                [dice.below(2_000), dice.below(EAGER), dice.below(1 << 40)][dice.below(3) as usize];
            let offset = dice.below(length.min(2 * EAGER) / 64 + 1) * 64;
            let left = length.saturating_sub(offset);
            let size = (dice.below(20) * 64).min(left);
            if offset > length || size == 0 && offset > 0 {
                continue;
            }
            let header = DataHeader {
                eager: dice.chance(80),
                tag: Tag(dice.below(3)),
                ..header(dice.below(MESSAGE_WINDOW + 100), length, offset)
            };
            let _ = data(&mut side, &header, &vec![1; size as usize]);
            assert!(side.inbox.buffered_bytes() <= EAGER);
            while let Some(frame) = side.inbox.next_control(side.peer) {
                side.inbox.on_control_lost(side.peer, frame);
                if dice.chance(50) {
                    break;
                }
            }
        }
    });
}

/// Frames about messages of ours that we never sent, or that are over.
#[test]
fn frames_about_unknown_messages_change_nothing() {
    let mut side = Side::new(0, EAGER, EAGER);
    side.outbox.on_grant(MessageId(5), u64::MAX);
    assert_eq!(side.outbox.on_refuse(MessageId(u64::MAX)), None);
    side.outbox.on_credit(u64::MAX, u64::MAX);
    side.outbox.on_credit(0, 0);
    let buffer = side.buffer(vec![1; 1000]);
    let request = crate::message::SendRequest {
        tag: Tag(1),
        buffer,
        length: 1000,
        immediate: 0,
        gated: false,
        deferred_ack: false,
    };
    let send = side.send(request);
    side.outbox.on_grant(MessageId(0), u64::MAX);
    let packet = side.packet(2_000).unwrap();
    side.acked(&packet);
    assert_eq!(side.events.pop_front(), Some(Event::Sent { send }));
    assert!(side.packet(2_000).is_none());
}
