//! As `secrecy`, where no tap is permitted: the same core with real handshakes on the simulated
//! network, whose every datagram is recorded, and the private keys that the job secret derives.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use sealane::{Rank, Tag};
use sealane_sim::{Captured, Cluster, ClusterSettings, Placement, Stop};
use sealane_transport::device::Ecn;
use sealane_transport::{Event, RecvRequest, SendRequest};

use crate::needles::{Found, Needles};

/// What `sealane_sim::cluster::identity` derives its identities from.
const JOB: &[u8] = b"simulation";
const SECRET: &[u8] = b"a secret that everybody knows";

const CANARY: &[u8; 16] = b"PLAINTEXT-CANARY";
/// Coprime to the canary's length, to granules and to packets: canaries at every alignment.
const PERIOD: usize = 37;
const BYTES: usize = 300_000;
const SEED: u64 = 7;

/// 32 bytes for one purpose (PROTOCOL §8.7), by another implementation of HKDF than the core's.
fn derived(info: &[&[u8]]) -> Vec<u8> {
    struct Seed;
    impl KeyType for Seed {
        fn len(&self) -> usize {
            32
        }
    }
    let prk = Salt::new(HKDF_SHA256, b"sealane v1 job secret").extract(SECRET);
    let mut bytes = vec![0; 32];
    prk.expand(info, Seed).unwrap().fill(&mut bytes).unwrap();
    bytes
}

fn needles() -> Needles {
    let mut needles = Needles::default();
    needles.add("the canary", *CANARY);
    needles.add("the job secret", SECRET);
    needles.add("the authority's key", derived(&[b"sealane v1 ca key\0", JOB]));
    for rank in 0..2_u32 {
        let info: [&[u8]; 4] = [b"sealane v1 leaf key\0", JOB, b"\0", &rank.to_be_bytes()];
        needles.add(format!("the key of rank {rank}"), derived(&info));
    }
    needles
}

/// Canaries every [`PERIOD`] bytes among zeroes.
fn payload() -> Vec<u8> {
    let mut bytes = vec![0; BYTES];
    for period in bytes.chunks_exact_mut(PERIOD) {
        period[..CANARY.len()].copy_from_slice(CANARY);
    }
    bytes
}

#[derive(Debug, Default)]
struct Recording {
    honest: Found,
    injected: Found,
}

/// Everything that enters the network of `cluster` from now on.
fn record(cluster: &Cluster, needles: &Needles) -> Arc<Mutex<Recording>> {
    let recording = Arc::new(Mutex::new(Recording::default()));
    let (shared, needles) = (Arc::clone(&recording), needles.clone());
    cluster.network.tap(Box::new(move |packet: &Captured<'_>| {
        let recording = &mut *shared.lock().unwrap();
        let found = if packet.injected { &mut recording.injected } else { &mut recording.honest };
        needles.look(packet.bytes, found);
    }));
    recording
}

/// Sends the payload from each of two ranks to the other, and checks what came.
fn exchange(cluster: &mut Cluster) {
    let length = BYTES as u64;
    let now = cluster.now();
    let mut inboxes = Vec::new();
    for (node, peer) in [(0, Rank(1)), (1, Rank(0))] {
        let node = &mut cluster.nodes[node];
        let buffer = node.memory.insert(payload(), Placement::Copy);
        let inbox = node.memory.insert(vec![0; BYTES], Placement::Copy);
        let receive = RecvRequest {
            from: Some(peer),
            tag: Tag(1),
            buffer: inbox,
            capacity: length,
            exact: true,
            progress: false,
        };
        node.endpoint.post_recv(now, receive, &mut node.memory).unwrap();
        let send = SendRequest {
            tag: Tag(1),
            buffer,
            length,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        node.endpoint.send(now, peer, send).unwrap();
        inboxes.push(inbox);
    }
    let mut left = 4;
    let stop = cluster.run(Duration::from_secs(10), |_, _, event| {
        left -= u32::from(matches!(event, Event::Sent { .. } | Event::Received { .. }));
        left == 0
    });
    assert_eq!((stop, left), (Stop::Done, 0));
    for (node, inbox) in cluster.nodes.iter().zip(inboxes) {
        assert!(node.memory.bytes(inbox).unwrap() == payload(), "what was sent came");
    }
}

#[test]
fn a_recording_of_handshake_and_data_shows_no_payload_and_no_key() {
    let needles = needles();
    let settings = ClusterSettings { seed: SEED, ..ClusterSettings::default() };
    let mut cluster = Cluster::new(&settings).unwrap();
    let recording = record(&cluster, &needles);
    exchange(&mut cluster);

    // The recording works: a plaintext datagram is seen for what it is.
    let (from, to) = (cluster.addresses(0)[0], cluster.addresses(1)[0]);
    cluster.network.inject(from, to, Ecn::NotEct, &needles.plaintext());

    let recording = recording.lock().unwrap();
    needles.assert_all_in(&recording.injected);
    let honest = &recording.honest;
    assert!(honest.seen.is_empty(), "in the clear: {:?}", honest.seen);
    // And it is complete: every datagram that the endpoints say they sent, and all that crossed.
    let sum = |of: fn(&sealane::Stats) -> u64| {
        cluster.nodes.iter().map(|node| of(node.endpoint.stats())).sum::<u64>()
    };
    assert_eq!(honest.sealed, sum(|stats| stats.packets_sent));
    assert_eq!(honest.datagrams, sum(|stats| stats.packets_sent + stats.control_sent));
    assert_eq!(honest.datagrams + 1, cluster.network.counters().transmitted);
    assert!(honest.handshakes >= 2, "{honest:?}");
    assert!(honest.bytes > 2 * BYTES, "{honest:?}");
}
