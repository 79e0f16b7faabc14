//! What the fuzz targets call, so that `cargo test` replays their corpora without a fuzzer.
//!
//! Each entry takes arbitrary bytes and must not panic; what it parses it also checks: what was read,
//! written again, reads the same.
#![forbid(unsafe_code)]
// The lib has no tests of its own, and those of the sources that it includes run where they belong.
#![cfg(not(test))]

mod endpoint;
pub mod seeds;

// Parsers that are private to their crates, compiled from its very sources.
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../transport/src/control/hello.rs"]
mod hello;
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../transport/src/control/parameters.rs"]
mod parameters;
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../src/bootstrap"]
mod bootstrap {
    pub(crate) mod rendezvous {
        pub(crate) mod wire;
    }
}
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../src/membership/decision.rs"]
mod decision;
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../src/runtime/notice.rs"]
mod notice;
#[allow(dead_code, unused_imports, missing_docs, reason = "only the parsing half is used here")]
#[path = "../../../transport/src/control/stream.rs"]
mod stream;

use bootstrap::rendezvous::wire;
use sealane_transport::identity::{Authority, Identity, JobId, JobSecret};
use sealane_transport::packet::{ClearHeader, Frame, FrameReader, FrameWriter, is_data_plane};
use sealane_transport::rma::Grant;
use sealane_transport::{Suite, error, identity, ids, limits, seal};

pub use endpoint::endpoint;

/// A named entry.
pub type Entry = (&'static str, fn(&[u8]));

/// Every target, by the name of its corpus.
pub const TARGETS: &[Entry] = &[
    ("packet_header", packet_header),
    ("frames", frames),
    ("parameters", parameters_body),
    ("control_stream", control_stream),
    ("identity", identity_pem),
    ("names", names),
    ("rendezvous", rendezvous_frames),
    ("membership", membership_frames),
    ("notice", notice_frame),
    ("grant", grant),
    ("endpoint", endpoint),
];

/// The clear header: what parses encodes to the same bytes.
pub fn packet_header(bytes: &[u8]) {
    let Ok(header) = ClearHeader::parse(bytes) else { return };
    let mut again = [0; 16];
    assert!(header.encode(&mut again) && is_data_plane(again[0]));
    assert_eq!(again[..], bytes[..16]);
    assert!(header.floor() <= header.number && !header.to_string().is_empty());
}

/// The plaintext of a packet: each frame that reads writes to what reads the same.
pub fn frames(bytes: &[u8]) {
    let mut again = [0; 2048];
    for frame in FrameReader::new(bytes) {
        let Ok(frame) = frame else { return };
        assert!(!frame.to_string().is_empty());
        let mut writer = FrameWriter::new(&mut again);
        let written = match frame {
            Frame::Ping => writer.put_ping(),
            Frame::Credit { eager_limit, message_limit } => {
                writer.put_credit(eager_limit, message_limit)
            }
            Frame::Grant { message, limit } => writer.put_grant(message, limit),
            Frame::Probe { id } => writer.put_probe(id),
            Frame::Close { code, reason } => writer.put_close(code, reason),
            Frame::Cancel { message } => writer.put_cancel(message),
            Frame::Refuse { message, code } => writer.put_refuse(message, code),
            Frame::Result { message, status, value } => writer.put_result(message, status, value),
            Frame::Read(request) => writer.put_read(&request),
            Frame::Atomic(request) => writer.put_atomic(&request),
            Frame::Ack(ack) => {
                let highest = ack.highest();
                assert!(highest.is_none_or(|number| ack.is_received(number)));
                assert!(ack.words().next().is_none_or(|word| word & 1 == 0));
                continue;
            }
            Frame::Data(header, payload) => {
                assert!(header.offset + payload.len() as u64 <= header.length);
                continue;
            }
            Frame::Write(header, payload) => {
                assert!(header.offset + payload.len() as u64 <= header.length);
                assert!(header.message.request().is_none());
                continue;
            }
        };
        let length = writer.len();
        assert!(written && FrameReader::new(&again[..length]).eq([Ok(frame)]));
    }
}

/// The right to use another rank's memory: what decodes encodes to the same bytes.
pub fn grant(bytes: &[u8]) {
    if let Ok(grant) = Grant::decode(bytes) {
        assert_eq!(grant.encode(), bytes);
        assert!(!format!("{grant:?}").contains(&grant.key.0.to_string()), "keys are not printed");
    }
}

/// The body of PARAMETERS: what decodes, encoded, decodes to the same.
pub fn parameters_body(bytes: &[u8]) {
    let Ok(read) = parameters::Parameters::decode(bytes) else { return };
    let again = parameters::Parameters::decode(&read.encode());
    assert!(again.is_ok_and(|again| again == read));
}

/// The control stream in pieces, and the ServerHello inside a handshake: the same frames however the
/// bytes are cut.
pub fn control_stream(bytes: &[u8]) {
    let cut = |step: usize| {
        let mut decoder = stream::FrameDecoder::new(8192);
        let mut frames = Vec::new();
        for piece in bytes.chunks(step.max(1)) {
            decoder.push(piece);
            while let Ok(Some(frame)) = decoder.next() {
                frames.push(frame);
            }
        }
        frames
    };
    let frames = cut(bytes.len());
    assert!(frames == cut(7));
    for frame in frames {
        let _ = stream::split_application(frame.body);
    }
    let mut hello = hello::HelloWatch::default();
    bytes.chunks(100).for_each(|piece| hello.push(piece));
    let _ = hello.found();
}

/// CA, certificate and key in PEM, separated by zero bytes.
pub fn identity_pem(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (ca, certificate, key) = (next(), next(), next());
    if let Ok(identity) = Identity::from_pem(ca, certificate, key, seeds::NOW_UNIX) {
        assert!(!identity.job().as_str().is_empty());
    }
    if let (Ok(certificate), Ok(key)) = (std::str::from_utf8(ca), std::str::from_utf8(key)) {
        let _ = Authority::from_pem(certificate, key);
    }
}

/// Job secrets, job ids and suites as text.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(secret) = JobSecret::parse(text) {
        assert!(text.trim().len() >= 16);
        assert!(!format!("{secret:?}").contains(text.trim()), "secrets are not printed");
    }
    if let Ok(job) = JobId::new(text) {
        assert_eq!(job.as_str(), text);
    }
    let _ = text.parse::<Suite>();
}

/// HELLO, ROSTER or REJECT, by the first byte: what decodes encodes to the same bytes.
pub fn rendezvous_frames(bytes: &[u8]) {
    let [kind, body @ ..] = bytes else { return };
    match kind {
        0 => {
            if let Ok(hello) = wire::Hello::decode(body) {
                assert_eq!(hello.encode(), body);
            }
        }
        1 => {
            let Ok(places) = wire::decode_roster(body) else { return };
            let places = places.iter().map(|(rank, place)| (*rank, place));
            let again = wire::encode_roster(places).concat();
            assert!(again == body || again.is_empty() || body.len() > 256 << 10);
        }
        _ => {
            if let Ok(reject) = wire::Reject::decode(body) {
                assert_eq!(reject.encode(), body);
            }
        }
    }
}

/// EPOCH by a first byte of 0, else PROPOSE or JOIN: what decodes can be told to others.
pub fn membership_frames(bytes: &[u8]) {
    match bytes {
        [0, body @ ..] => {
            let Ok(part) = decision::Part::decode(body) else { return };
            let frames = part.decision.encode();
            assert!(frames.iter().all(|frame| decision::Part::decode(frame).is_ok()));
        }
        [_, body @ ..] => {
            if let Ok((call, place)) = decision::decode_place(body) {
                assert_eq!(decision::encode_place(call, &place), body);
            }
        }
        [] => {}
    }
}

/// NOTICE: what was read, written again, reads the same, and moves no cursor.
pub fn notice_frame(bytes: &[u8]) {
    let Some(read) = notice::Notice::decode(bytes) else { return };
    let again = read.encode();
    assert!(!again[5..].contains(&0x1b) || again[0] > 2);
    assert_eq!(notice::Notice::decode(&again), Some(read));
}
