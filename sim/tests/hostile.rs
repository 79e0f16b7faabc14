//! Hostile datagrams, before and during handshakes and transfers: replayed, reflected, cut at every
//! length, every header bit flipped, payload bits flipped, random. The result is right, everything
//! dropped is counted, and memory is flat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::plan::{Plan, Shape};
use common::watch::{Heard, Overheard, assert_clean, watch};
use common::{Run, for_seeds};
use sealane_sim::rng::Rng;
use sealane_sim::{Cluster, ClusterSettings};
use sealane_transport::device::Ecn;
use sealane_transport::{Event, Rank};

const TEST: &str = "hostile";

/// Who writes what it likes into the network.
struct Attacker {
    rng: Rng,
    heard: Arc<Mutex<Heard>>,
    injected: u64,
}

impl Attacker {
    fn new(seed: u64, heard: &Arc<Mutex<Heard>>) -> Self {
        Self { rng: Rng::new(seed, 0xbad), heard: Arc::clone(heard), injected: 0 }
    }

    fn overheard(&mut self) -> Option<Overheard> {
        let heard = self.heard.lock().unwrap();
        let recorded = &heard.recorded;
        (!recorded.is_empty()).then(|| recorded[self.rng.index(recorded.len())].clone())
    }

    fn inject(&mut self, cluster: &Cluster, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let ecn = [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce][self.rng.index(4)];
        cluster.network.inject(from, to, ecn, bytes);
        self.injected += 1;
    }

    fn somewhere(&mut self, cluster: &Cluster) -> SocketAddr {
        let node = self.rng.index(cluster.nodes.len());
        let addresses = cluster.addresses(node);
        addresses[self.rng.index(addresses.len())]
    }

    /// Random bytes: data plane, QUIC long and short headers, and nothing at all.
    fn random(&mut self, cluster: &Cluster) {
        let length = [0, 1, 15, 16, 31, 32, 33, 64, 1200, 1472][self.rng.index(10)];
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            *first =
                [*first & 0x0c, *first & 0x3f, 0x40 | *first, 0xc0 | *first][self.rng.index(4)];
        }
        let (from, to) = (self.somewhere(cluster), self.somewhere(cluster));
        self.inject(cluster, from, to, &bytes);
    }

    /// Something that was overheard, as it was or damaged.
    fn echo(&mut self, cluster: &Cluster) {
        let Some(Overheard { from, to, mut bytes }) = self.overheard() else { return };
        match self.rng.below(6) {
            0 => self.inject(cluster, from, to, &bytes),
            1 => self.inject(cluster, to, from, &bytes),
            2 => {
                let from = self.somewhere(cluster);
                let to = self.somewhere(cluster);
                self.inject(cluster, from, to, &bytes);
            }
            3 => {
                let cut = self.rng.index(bytes.len() + 1);
                self.inject(cluster, from, to, &bytes[..cut]);
            }
            4 => {
                bytes.push(0);
                self.inject(cluster, from, to, &bytes);
            }
            _ => {
                let bit = self.rng.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                self.inject(cluster, from, to, &bytes);
            }
        }
    }

    /// One overheard data packet: every truncation, every header bit, sampled payload bits.
    fn torture(&mut self, cluster: &Cluster) {
        let found = (0..64).find_map(|_| {
            self.overheard().filter(|packet| packet.bytes[0] & 0xc0 == 0 && packet.bytes.len() > 64)
        });
        let Some(Overheard { from, to, bytes }) = found else { return };
        for cut in 0..bytes.len() {
            self.inject(cluster, from, to, &bytes[..cut]);
        }
        let payload_bits = (0..64).map(|_| 128 + self.rng.index(bytes.len() * 8 - 128));
        let payload_bits: Vec<_> = payload_bits.collect();
        for bit in (0..128).chain(payload_bits) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            self.inject(cluster, from, to, &flipped);
        }
    }
}

fn settings(seed: u64) -> ClusterSettings {
    let mut settings = ClusterSettings { nodes: 3, seed, ..ClusterSettings::default() };
    settings.config.rekey_packets = Some(256);
    settings.device.mtu = 1472;
    settings
}

fn shape(ops: usize) -> Shape {
    let spread = Duration::from_millis(20);
    Shape { nodes: 3, ops, ports: 4, largest: 500_000, spread, blackholes: 0 }
}

#[test]
fn forgeries_before_and_during_everything_change_nothing() {
    for_seeds(TEST, 6, |seed| {
        let plan = Plan::draw(seed, &shape(20));
        let mut cluster = Cluster::new(&settings(seed)).unwrap();
        let heard = watch(&cluster.network);
        let mut attacker = Attacker::new(seed, &heard);
        for _ in 0..500 {
            attacker.random(&cluster);
        }
        Run::new(&plan).complete(&mut cluster, Duration::from_secs(120), |cluster, _| {
            for _ in 0..10 {
                attacker.random(cluster);
                attacker.echo(cluster);
            }
            if attacker.rng.chance(0.1) {
                attacker.torture(cluster);
            }
        });
        assert_clean(&heard);
        let mut dropped = [0; 4];
        for node in &cluster.nodes {
            let counts = node.endpoint.stats().dropped;
            assert_eq!(counts.violations, 0);
            dropped[0] += counts.malformed_header;
            dropped[1] += counts.unknown_session;
            dropped[2] += counts.replayed;
            dropped[3] += counts.authentication;
        }
        assert!(dropped.iter().all(|count| *count > 0), "{dropped:?}");
    });
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_flood_of_forgeries_leaves_memory_flat_and_peers_connected() {
    let plan = Plan::draw(3, &shape(6));
    let mut settings = settings(3);
    // Replayed first flights are half-open handshakes until this has passed.
    settings.config.handshake_timeout = Duration::from_millis(200);
    let mut cluster = Cluster::new(&settings).unwrap();
    let heard = watch(&cluster.network);
    let mut attacker = Attacker::new(3, &heard);
    Run::new(&plan).complete(&mut cluster, Duration::from_secs(60), |_, _| {});
    let flood = |cluster: &mut Cluster, attacker: &mut Attacker, packets: u64| {
        let end = attacker.injected + packets;
        while attacker.injected < end {
            for _ in 0..50 {
                attacker.random(cluster);
                attacker.echo(cluster);
            }
            cluster.run(Duration::from_millis(1), |_, _, event| {
                assert!(!matches!(event, Event::PeerLost { .. }), "{event:?}");
                false
            });
        }
    };
    flood(&mut cluster, &mut attacker, 50_000);
    let before = resident();
    flood(&mut cluster, &mut attacker, 100_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "grown by {grown} bytes");
    for node in &cluster.nodes {
        for peer in (0..3).filter(|peer| Rank(*peer) != node.endpoint.rank()) {
            assert_eq!(node.endpoint.peer_info(Rank(peer)).unwrap().lost, None);
        }
    }
}
