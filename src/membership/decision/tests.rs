#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::bootstrap::rendezvous::wire::Carrier;

fn decision(count: u32) -> Decision {
    let place = |rank: u32| Place {
        host: [rank as u8; 16],
        carrier: Carrier::Udp,
        addresses: vec![([0xfd; 16], 4000).into(); 1 + rank as usize % 64],
    };
    Decision {
        purpose: Purpose::Shrink,
        call: 0x0102_0304,
        epoch: Epoch::new(0x0506_0708_090a_0b0c, Zeroizing::new([0x5e; 32])),
        members: (0..count).map(|rank| (Rank(rank), place(rank))).collect(),
    }
}

#[test]
fn a_decision_has_the_documented_layout_and_comes_back() {
    let decision = decision(3);
    let frames = decision.encode();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][..13], [2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(frames[0][13..45], [0x5e; 32]);
    assert_eq!(frames[0][45..53], [0, 0, 0, 3, 0, 0, 0, 3]);
    let part = Part::decode(&frames[0]).unwrap();
    assert_eq!((part.total, part.decision.call), (3, decision.call));
    assert_eq!(part.decision.members, decision.members);
    assert_eq!(part.decision.epoch.secret(), decision.epoch.secret());
    assert_eq!(part.decision.epoch.number(), decision.epoch.number());
    assert!(!format!("{part:?}").contains("5e"), "secrets are not printed");
}

#[test]
fn a_long_list_takes_several_frames_that_each_say_how_many_there_are() {
    let frames = decision(2000).encode();
    assert!(frames.len() > 1);
    let parts: Vec<Part> = frames.iter().map(|frame| Part::decode(frame).unwrap()).collect();
    assert!(parts.iter().all(|part| part.total == 2000));
    assert_eq!(parts.iter().map(|part| part.decision.members.len()).sum::<usize>(), 2000);
}

#[test]
fn nothing_malformed_is_taken() {
    let frame = decision(3).encode().remove(0);
    for length in 0..frame.len() {
        assert!(Part::decode(&frame[..length]).is_err(), "{length}");
    }
    let mut other = frame.clone();
    other[0] = 9;
    assert!(Part::decode(&other).is_err(), "purpose");
    other = [&frame[..], &[0]].concat();
    assert!(Part::decode(&other).is_err(), "excess");
    let (call, place) = (7, decision(2).members[1].1.clone());
    let body = encode_place(call, &place);
    assert_eq!(decode_place(&body), Ok((call, place)));
    for length in 0..body.len() {
        assert!(decode_place(&body[..length]).is_err(), "{length}");
    }
}
