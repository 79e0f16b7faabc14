//! PARAMETERS and stream frames, as bytes.

use std::net::{Ipv6Addr, SocketAddrV6};

use proptest::prelude::*;

use super::harness::{address, job, parameters};
use crate::control::hello::HelloWatch;
use crate::control::parameters::{PARAMETERS_MAX, Parameters};
use crate::control::stream::{FrameDecoder, Oversized, application_frame, split_application};
use crate::control::*;
use crate::ids::Rank;

fn sample() -> Parameters {
    let mut local = parameters(3);
    local.addresses.push(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 5, 0, 77).into());
    local.to_peer(&job(), Rank(3), Rank(9), SessionId(0x0102_0304), None)
}

#[test]
fn parameters_have_the_documented_layout() {
    let body = sample().encode();
    assert_eq!(body[..7], [0, 1, 4, b'p', b'a', b'i', b'r']);
    assert_eq!(body[7..19], [0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 4]);
    assert_eq!(body[19..27], 1003_u64.to_be_bytes());
    assert_eq!(body[27..31], [1, 2, 3, 4]);
    let suites = crate::seal::Suite::available().len();
    assert_eq!(usize::from(body[31]), suites);
    let tail = &body[32 + suites..];
    assert_eq!(tail[..3], [1, 0x23, 0x28]);
    assert_eq!(tail[35..43], [2, 4, 10, 0, 0, 3, 0x0f, 0xa0]);
    assert_eq!(tail[43], 6);
    assert_eq!(tail[60..], [0, 5, 0, 0, 0, 77]);
    assert_eq!(Parameters::decode(&body), Ok(sample()));
}

#[test]
fn every_truncation_of_parameters_is_an_error() {
    let body = sample().encode();
    for length in 0..body.len() {
        assert!(Parameters::decode(&body[..length]).is_err(), "{length}");
    }
}

#[test]
fn extensions_are_skipped_and_must_be_whole() {
    let mut body = sample().encode();
    body.extend_from_slice(&[0xab, 0xcd, 0, 3, 1, 2, 3, 0xff, 1, 0, 0]);
    assert_eq!(Parameters::decode(&body), Ok(sample()));
    body.extend_from_slice(&[0, 2, 0, 9, 1]);
    assert_eq!(Parameters::decode(&body), Err(HandshakeError::BadParameters("truncated")));
    body.resize(PARAMETERS_MAX + 1, 0);
    assert_eq!(Parameters::decode(&body), Err(HandshakeError::BadParameters("too long")));
}

#[test]
fn other_versions_and_nonsense_are_told_apart() {
    let reject = |change: fn(&mut Parameters)| {
        let mut parameters = sample();
        change(&mut parameters);
        Parameters::decode(&parameters.encode()).unwrap_err()
    };
    let mut future = sample().encode();
    future[1] = 2;
    assert_eq!(Parameters::decode(&future), Err(HandshakeError::Incompatible("protocol version")));
    let bad = HandshakeError::BadParameters;
    assert_eq!(reject(|it| it.peer.session = SessionId(0)), bad("session id 0"));
    assert_eq!(reject(|it| it.peer.lanes = 0), bad("no lanes"));
    assert_eq!(reject(|it| it.peer.packet_max = 1199), bad("packet_max below 1200"));
    assert_eq!(reject(|it| it.peer.message_window = 0), bad("a window of nothing"));
    assert_eq!(reject(|it| it.peer.receive_budget = 0), bad("a window of nothing"));
    let mut many = sample();
    many.peer.addresses = (0..100).map(address).collect();
    let read = Parameters::decode(&many.encode()).unwrap();
    assert_eq!(read.peer.addresses.len(), 64, "the writer keeps what may be read");
}

#[test]
fn unknown_suites_are_left_out() {
    let mut body = sample().encode();
    body[32] = 200;
    let read = Parameters::decode(&body).unwrap();
    assert_eq!(read.peer.suites, sample().peer.suites[1..]);
}

#[test]
fn a_length_alone_reserves_nothing_and_is_bounded() {
    let mut decoder = FrameDecoder::new(100);
    decoder.push(&[1, 0, 0, 0, 101]);
    assert_eq!(decoder.next(), Err(Oversized));
    let mut decoder = FrameDecoder::new(100);
    decoder.trust();
    decoder.push(&[2, 0, 0x10, 0, 2]);
    assert_eq!(decoder.next(), Ok(None));
    let mut decoder = FrameDecoder::new(100);
    decoder.trust();
    decoder.push(&[2, 0, 0x10, 0, 3]);
    assert_eq!(decoder.next(), Err(Oversized));
}

#[test]
fn peers_words_are_printable_and_bounded() {
    let noisy: Vec<u8> = (0..=255).cycle().take(4000).collect();
    let clean = refusal::clean(&noisy);
    assert_eq!(clean.len(), 200);
    assert!(clean.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
}

proptest! {
    #[test]
    fn no_parameters_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Parameters::decode(&body);
    }

    #[test]
    fn damaged_parameters_do_not_panic(at in 0..100_usize, byte: u8) {
        let mut body = sample().encode();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(read) = Parameters::decode(&body) {
            prop_assert_eq!(Parameters::decode(&read.encode()), Ok(read));
        }
    }

    #[test]
    fn frames_survive_any_fragmentation(
        frames in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
        cuts in prop::collection::vec(1..50_usize, 1..40),
    ) {
        let mut stream = Vec::new();
        for (kind, body) in &frames {
            for part in application_frame(*kind, Bytes::copy_from_slice(body)).unwrap() {
                stream.extend_from_slice(&part);
            }
        }
        let mut decoder = FrameDecoder::new(100);
        decoder.trust();
        let mut read = Vec::new();
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            decoder.push(head);
            rest = tail;
            while let Some(frame) = decoder.next().unwrap() {
                let (kind, body) = split_application(frame.body).unwrap();
                read.push((kind, body.to_vec()));
            }
        }
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn no_server_hello_panics(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..12)) {
        let mut watch = HelloWatch::default();
        watch.push(&[2, 0, 1]);
        for chunk in chunks {
            watch.push(&chunk);
        }
    }
}
