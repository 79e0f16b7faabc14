//! A whole endpoint fed arbitrary datagrams, by strangers and by an authenticated peer gone bad.
//!
//! Input: records of `control u8 | length u8 | bytes`. The control byte's low bits choose what becomes
//! of the bytes; see [`act`].

use std::time::Duration;

use sealane_sim::{Cluster, ClusterSettings, OwnedMemory, Placement};
use sealane_transport::device::{Ecn, Received, Route};
use sealane_transport::packet::ClearHeader;
use sealane_transport::rma::{
    Atomic, Audience, Exposure, Grant, Permissions, RemoteAddress, Segment,
};
use sealane_transport::seal::{Sealer, SessionKeys};
use sealane_transport::{
    Config, Endpoint, Event, Lane, Rank, RecvRequest, SendRequest, SessionId, Suite, Tag, Time,
};

use crate::seeds::KEY;

/// What the bad peer and its victim share.
const SECRET: [u8; 32] = [9; 32];

/// The largest packet of the bad peer.
const PACKET_MAX: u16 = 1472;

struct Stage {
    victim: Endpoint,
    memory: OwnedMemory,
    sealer: Sealer,
    route: Route,
    now: Time,
    /// Of memory that the victim has granted to the bad peer.
    grant: Grant,
}

/// Bytes of that memory.
const GRANTED: u64 = 4096;

/// Runs a whole endpoint on what `bytes` say.
pub fn endpoint(bytes: &[u8]) {
    let Some(mut stage) = Stage::new() else { return };
    let mut rest = bytes;
    while let [control, length, after @ ..] = rest {
        let (record, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        stage.act(*control, record);
        while let Some(event) = stage.victim.poll_event() {
            stage.check(&event);
        }
    }
}

impl Stage {
    /// A victim, rank 0, with a session to rank 1 whose secret we know, and something to do.
    fn new() -> Option<Self> {
        let config = Config { suites: vec![Suite::ChaCha20Poly1305], ..Config::default() };
        let settings = ClusterSettings { config, ..ClusterSettings::default() };
        let mut cluster = Cluster::new(&settings).ok()?;
        let remote = cluster.addresses(1).first().copied()?;
        let mut node = cluster.nodes.swap_remove(0);
        let now = Time::ZERO;
        node.endpoint.join_with_secret(now, Rank(1), &SECRET, 1 << 20).ok()?;
        let (tx, _) = SessionKeys::derive(&SECRET, Suite::ChaCha20Poly1305, Rank(1), Rank(0));
        let suite = Suite::ChaCha20Poly1305;
        let sealer = Sealer::new(tx, suite, Lane(0), PACKET_MAX, None, now);
        for tag in 0..4 {
            let buffer = node.memory.insert(vec![0; 4096], Placement::Copy);
            let (from, capacity) = ((tag > 1).then_some(Rank(1)), 4096);
            let (exact, progress) = (tag == 0, tag == 1);
            let request = RecvRequest { from, tag: Tag(tag), buffer, capacity, exact, progress };
            node.endpoint.post_recv(now, request, &mut node.memory).ok()?;
            let buffer = node.memory.insert(vec![1; 100_000], Placement::Copy);
            let (length, immediate, gated) = (100_000, 0, tag == 3);
            let request = SendRequest {
                tag: Tag(tag),
                buffer,
                length,
                immediate,
                gated,
                deferred_ack: immediate % 2 == 0,
            };
            node.endpoint.send(now, Rank(1), request).ok()?;
        }
        let grant = one_sided(&mut node.endpoint, &mut node.memory, now)?;
        let route = Route { local: 0, remote };
        Some(Self { victim: node.endpoint, memory: node.memory, sealer, route, now, grant })
    }

    /// 0: a raw datagram. 1: a data packet of the bad peer with these bytes as its plaintext. 2: the
    /// same, cut to the length of its last byte. 3: time passes.
    fn act(&mut self, control: u8, record: &[u8]) {
        match control & 0b11 {
            0 => self.receive(control, &mut record.to_vec()),
            1 => {
                let mut packet = self.seal(record);
                self.receive(control, &mut packet);
            }
            2 => {
                let mut packet = self.seal(record);
                let kept = record.last().map_or(0, |last| usize::from(*last));
                packet.truncate(kept);
                self.receive(control, &mut packet);
            }
            _ => {
                let step = Duration::from_micros(1 << (control >> 3).min(22));
                self.now += step;
                if self.victim.next_deadline().is_some_and(|at| at <= self.now) {
                    self.victim.handle_timeout(self.now);
                }
                let _ = self.victim.connect(self.now, Rank(1));
            }
        }
    }

    fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; usize::from(PACKET_MAX)];
        let Ok(number) = self.sealer.mint() else { return Vec::new() };
        let value = number.value();
        let span = value.min(plaintext.first().copied().unwrap_or(0).into()) as u16;
        let (lane, session) = (Lane(0), SessionId(2));
        let generation = self.sealer.generation();
        let header = ClearHeader { generation, lane, span, session, number: value };
        if !header.encode(&mut packet) {
            return Vec::new();
        }
        let plaintext = self.with_key(plaintext);
        let length = self.sealer.seal(number, &mut packet, 16, &plaintext).unwrap_or(0);
        packet.truncate(length);
        packet
    }

    /// The bad peer knows the key that it was given, which the input cannot.
    fn with_key(&self, plaintext: &[u8]) -> Vec<u8> {
        let mut bytes = plaintext.to_vec();
        let stand_in = KEY.0.to_be_bytes();
        if let Some(at) = bytes.windows(8).position(|window| window == stand_in) {
            bytes[at..at + 8].copy_from_slice(&self.grant.key.0.to_be_bytes());
        }
        bytes
    }

    fn receive(&mut self, control: u8, bytes: &mut [u8]) {
        let ecn = Ecn::from_bits(control >> 2);
        let stride = if control & 0x10 == 0 { bytes.len().max(1) } else { 64 };
        let received = Received { route: self.route, ecn, stride, bytes };
        self.victim.handle(self.now, received, &mut self.memory);
    }

    /// What no bad peer may bring about.
    fn check(&self, event: &Event) {
        if let Event::Received { length, .. } = event {
            assert!(*length <= 4096, "longer than the receive");
        }
        if let Event::RmaWritten { key, offset, length, .. } = event {
            let end = offset.checked_add(*length);
            assert!(*key == self.grant.key && end.is_some_and(|end| end <= GRANTED));
        }
        assert!(self.memory.len() == 10, "buffers come and go by command only");
    }
}

/// Memory that the peer may use, and operations on memory that it is said to have granted.
fn one_sided(victim: &mut Endpoint, memory: &mut OwnedMemory, now: Time) -> Option<Grant> {
    let buffer = memory.insert(vec![5; GRANTED as usize], Placement::Copy);
    let exposure = Exposure {
        buffer,
        offset: 0,
        length: GRANTED,
        permissions: Permissions::ALL,
        audience: Audience::only(Rank(1)),
    };
    let grant = victim.grant(exposure).ok()?;
    let theirs = RemoteAddress { key: KEY, offset: 0, epoch: 0 };
    let local = memory.insert(vec![6; 1000], Placement::Copy);
    let parts =
        [(100, 64), (7, 36)].map(|(offset, length)| Segment { buffer: local, offset, length });
    victim.read(now, Rank(1), theirs, &parts).ok()?;
    victim.write(now, Rank(1), theirs, &parts, Some(1)).ok()?;
    victim.atomic(now, Rank(1), theirs, Atomic::FetchAdd { add: 1 }).ok()?;
    victim.flush(Rank(1)).ok()?;
    Some(grant)
}
