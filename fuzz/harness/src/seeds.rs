//! Where the fuzzer starts: one input of each kind, whole and damaged. The committed corpora hold them.

use sealane_transport::device::Ecn;
use sealane_transport::ids::{MessageId, SessionId, Tag};
use sealane_transport::packet::{
    AckRepr, AtomicRequest, ClearHeader, DataHeader, FrameWriter, ReadRequest, WriteHeader,
};
use sealane_transport::rma::{Atomic, Grant, Permissions, RemoteAddress, RemoteKey};
use sealane_transport::{Epoch, Lane, Rank, Suite};

use crate::bootstrap::rendezvous::wire::{Carrier, Place};
use crate::decision::{Decision, Purpose, encode_place};
use crate::notice::Notice;
use crate::parameters::{Parameters, PeerParameters};

/// 2026-11-01, for certificates.
pub const NOW_UNIX: u64 = 1_793_491_200;

/// Target, name, bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// All seeds, the same at every call.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    headers(&mut seeds);
    let frames = frames();
    for (name, bytes) in &frames {
        put(&mut seeds, "frames", name, bytes);
        endpoint(&mut seeds, name, bytes);
    }
    let grant = Grant {
        owner: Rank(3),
        key: KEY,
        length: 1 << 20,
        permissions: Permissions::READ | Permissions::WRITE,
        epoch: 1,
    };
    put(&mut seeds, "grant", "whole", &grant.encode());
    put(&mut seeds, "grant", "version", &[&[2], &grant.encode()[1..]].concat());
    members(&mut seeds);
    parameters(&mut seeds);
    texts(&mut seeds);
    seeds
}

/// What the ranks of communicators tell each other.
fn members(seeds: &mut Vec<Seed>) {
    let notice = |notice: Notice| notice.encode();
    let text = "all_reduce of 8 float by sum".to_owned();
    let gone = Notice::Lost { rank: Rank(3), text: "unreachable".to_owned() };
    put(seeds, "notice", "lost", &notice(gone));
    let other = Notice::Mismatch { rank: Rank(1), sequence: 7, text: text.clone() };
    put(seeds, "notice", "mismatch", &notice(other));
    let waiting = Notice::Waiting { rank: Rank(0), sequence: 7, digest: 9, text };
    put(seeds, "notice", "waiting", &notice(waiting));
    let addresses = vec![([127, 0, 0, 1], 4000).into()];
    let place = Place { host: [7; 16], carrier: Carrier::Udp, addresses };
    put(seeds, "membership", "propose", &[&[1], &encode_place(5, &place)[..]].concat());
    let decision = Decision {
        purpose: Purpose::Shrink,
        call: 5,
        epoch: Epoch::new(2, zeroize::Zeroizing::new([3; 32])),
        members: vec![(Rank(0), place.clone()), (Rank(2), place)],
    };
    let frames = decision.encode();
    put(seeds, "membership", "epoch", &[&[0], &frames[0][..]].concat());
}

/// The input itself, and cut short by one byte.
fn put(seeds: &mut Vec<Seed>, target: &'static str, name: &str, bytes: &[u8]) {
    seeds.push((target, name.to_owned(), bytes.to_vec()));
    let short = bytes.len().saturating_sub(1);
    seeds.push((target, format!("{name}-cut"), bytes[..short].to_vec()));
}

fn headers(seeds: &mut Vec<Seed>) {
    let header = |generation, span, number| {
        let mut bytes = [0; 16];
        let (lane, session) = (Lane(0), SessionId(2));
        ClearHeader { generation, lane, span, session, number }.encode(&mut bytes);
        bytes
    };
    put(seeds, "packet_header", "first", &header(0, 0, 0));
    put(seeds, "packet_header", "widest", &header(3, 4096, (1 << 62) - 1));
    put(seeds, "packet_header", "span-beyond-number", &header(1, 5, 4));
    let mut version = header(0, 0, 9);
    version[0] |= 0x10;
    put(seeds, "packet_header", "version", &version);
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut out = Vec::new();
    let mut frame = |name, payload, write: &dyn Fn(&mut FrameWriter<'_>) -> bool| {
        let mut bytes = vec![0; 1200];
        let mut writer = FrameWriter::new(&mut bytes);
        assert!(write(&mut writer), "{name} fits");
        let length = writer.len();
        bytes.truncate(length);
        bytes.resize(length + payload, 0x55);
        out.push((name, bytes));
    };
    frame("ping", 0, &|writer| writer.put_ping());
    frame("credit", 0, &|writer| writer.put_credit(1 << 20, 2048));
    frame("grant", 0, &|writer| writer.put_grant(MessageId(1), 65_536));
    frame("probe", 0, &|writer| writer.put_probe(7));
    frame("close", 0, &|writer| writer.put_close(1, "idle"));
    frame("cancel", 0, &|writer| writer.put_cancel(MessageId(0)));
    frame("refuse", 0, &|writer| writer.put_refuse(MessageId(2), 1));
    for (name, words, ce) in [("ack", 0, false), ("ack-words", 3, false), ("ack-ce", 2, true)] {
        frame(name, 0, &|writer| {
            let received = [2_u64, 0, u64::MAX];
            let ce: &[u64] = if ce { &received[..words] } else { &[] };
            let received = &received[..words];
            let (lane, delay, base, ce_total) = (Lane(0), 1000, 4, 2);
            writer.put_ack(&AckRepr { lane, delay, base, ce_total, received, ce })
        });
    }
    for (name, message, length, offset, payload) in
        [("data", 0, 64, 0, 64), ("data-empty", 1, 0, 0, 0), ("data-end", 2, 130, 128, 2)]
    {
        let tag = Tag(message);
        let message = MessageId(message);
        let (eager, ack_now, immediate) = (true, message.0 == 2, 5);
        let header = DataHeader { eager, ack_now, message, tag, length, offset, immediate };
        frame(name, payload, &|writer| writer.put_data_header(&header));
    }
    frame("result", 0, &|writer| writer.put_result(MessageId(0), 4, 9));
    let address = RemoteAddress { key: KEY, offset: 64, epoch: 0 };
    for (name, message, key, length) in
        [("read", 0, KEY, 100), ("read-empty", 1, KEY, 0), ("read-wrong", 2, WRONG, 8)]
    {
        let (message, address) = (MessageId(message), RemoteAddress { key, ..address });
        frame(name, 0, &|writer| writer.put_read(&ReadRequest { message, address, length }));
    }
    for (name, message, operation) in [
        ("fetch-add", 3, Atomic::FetchAdd { add: 1 }),
        ("compare-swap", 4, Atomic::CompareSwap { compare: 0, swap: 7 }),
    ] {
        let request = AtomicRequest { message: MessageId(message), address, operation };
        frame(name, 0, &|writer| writer.put_atomic(&request));
    }
    for (name, message, length, offset, payload) in
        [("write", 5, 64, 0, 64), ("write-far", 6, 1 << 40, 0, 64), ("write-end", 7, 130, 128, 2)]
    {
        let (message, immediate) = (MessageId(message), (payload == 2).then_some(3));
        let (eager, ack_now) = (true, false);
        let header = WriteHeader { eager, ack_now, message, address, length, offset, immediate };
        frame(name, payload, &|writer| writer.put_write_header(&header));
    }
    // The answer to a read that nobody asked for.
    let answer = DataHeader { message: MessageId(0).answer(), length: 64, ..DataHeader::default() };
    frame("answer", 64, &|writer| writer.put_data_header(&answer));
    out
}

/// Stands for the key of memory that the victim has granted: what it really is, the harness knows.
pub const KEY: RemoteKey = RemoteKey(u64::from_be_bytes(*b"KEY-KEY-"));

/// No key at all.
const WRONG: RemoteKey = RemoteKey(1);

/// Frames sealed by the bad peer, twice, then time passing.
fn endpoint(seeds: &mut Vec<Seed>, name: &str, frame: &[u8]) {
    let length = frame.len().min(255);
    let mut bytes = Vec::new();
    for control in [1, 1 | (Ecn::Ce as u8) << 2, 2, 0] {
        bytes.extend_from_slice(&[control, length as u8]);
        bytes.extend_from_slice(&frame[..length]);
        bytes.extend_from_slice(&[0xff, 0, 0x7b, 0]);
    }
    put(seeds, "endpoint", name, &bytes);
}

fn parameters(seeds: &mut Vec<Seed>) {
    let Ok(job) = sealane_transport::identity::JobId::new("corpus") else { return };
    let addresses = ["10.0.0.1:4000", "[fe80::1%3]:4000", "0.0.0.0:1"];
    let peer = PeerParameters {
        world: 4,
        session: SessionId(77),
        incarnation: 1 << 60,
        suites: vec![Suite::Aes256Gcm, Suite::ChaCha20Poly1305],
        lanes: 1,
        packet_max: 8952,
        eager_budget: 256 << 10,
        receive_budget: 4 << 20,
        message_window: 1024,
        capabilities: 0,
        addresses: addresses.iter().filter_map(|text| text.parse().ok()).collect(),
    };
    let parameters = Parameters { job, sender: Rank(0), receiver: Rank(1), peer, epoch: None };
    let mut body = parameters.encode();
    let frame = |kind: u8, body: &[u8]| {
        let mut frame = vec![kind];
        frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
        frame.extend_from_slice(body);
        frame
    };
    put(seeds, "parameters", "whole", &body);
    let stream = [frame(1, &body), frame(2, b"\x00\x01hello"), frame(9, b"")].concat();
    put(seeds, "control_stream", "whole", &stream);
    put(seeds, "control_stream", "long", &frame(2, &[0; 9000]));
    body.extend_from_slice(&[0, 9, 0, 3, 1, 2, 3]);
    put(seeds, "parameters", "extension", &body);
    body[1] = 2;
    put(seeds, "parameters", "version", &body);
}

fn texts(seeds: &mut Vec<Seed>) {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
    put(seeds, "identity", "stubs", [pem, "\0", pem, "\0", key].concat().as_bytes());
    put(seeds, "names", "job", b"job-7");
    put(seeds, "names", "secret", b"  0123456789abcdef0123456789abcdef\n");
    put(seeds, "names", "suite", b"aes-256-gcm");
    put(seeds, "names", "hyphen", b"-job");
    let place = [&[7; 16][..], &[2, 4, 10, 0, 0, 1, 0x0f, 0xa0, 6], &[0xfe; 16], &[0, 9]].concat();
    put(seeds, "rendezvous", "hello", &[&[0, 0, 0, 0, 4], &place[..]].concat());
    put(seeds, "rendezvous", "reject-world", &[2, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 8]);
    put(seeds, "rendezvous", "reject-missing", &[2, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 2]);
}
