//! A small deterministic wire for tests of the core alone: virtual time, seeded loss, no sockets.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use sealane_transport::device::{Capabilities, Device, DeviceEvent, Ecn, Received, Route, Train};
use sealane_transport::identity::{Identity, JobId, JobSecret};
use sealane_transport::{BufferId, Config, Endpoint, EndpointSettings, Event, Memory, Rank, Time};

/// 2026-11-01, for certificates.
pub const NOW_UNIX: u64 = 1_793_491_200;

#[derive(Debug)]
struct FixedWall;

impl TimeProvider for FixedWall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW_UNIX)))
    }
}

/// What the wire does to packets.
#[derive(Clone, Copy, Debug)]
pub struct WireModel {
    pub latency: Duration,
    pub jitter: Duration,
    pub loss: f64,
    pub duplicate: f64,
    pub corrupt: f64,
}

impl Default for WireModel {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(10),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
        }
    }
}

struct Datagram {
    from: SocketAddr,
    ecn: Ecn,
    bytes: Vec<u8>,
}

/// Everything in flight, ordered by (time, sequence).
pub struct Wire {
    pub model: WireModel,
    rng: StdRng,
    sequence: u64,
    in_flight: BTreeMap<(Time, u64), (SocketAddr, Datagram)>,
    ports: HashMap<SocketAddr, (usize, u16)>,
    pub now: Time,
    /// Every datagram ever posted.
    pub tap: Vec<Vec<u8>>,
    pub tapping: bool,
    /// Remote addresses that swallow everything.
    pub blackholes: Vec<SocketAddr>,
    /// Local addresses whose ports have failed, and what was posted to them nonetheless.
    pub dead_ports: Vec<SocketAddr>,
    pub posted_dead: usize,
}

impl Wire {
    fn post(&mut self, from: SocketAddr, to: SocketAddr, ecn: Ecn, packet: &[u8]) {
        if self.tapping {
            self.tap.push(packet.to_vec());
        }
        if self.dead_ports.contains(&from) {
            self.posted_dead += 1;
            return;
        }
        if self.blackholes.contains(&to) || self.rng.random_bool(self.model.loss) {
            return;
        }
        let copies = 1 + usize::from(self.rng.random_bool(self.model.duplicate));
        for _ in 0..copies {
            let mut bytes = packet.to_vec();
            if self.rng.random_bool(self.model.corrupt) {
                let at = self.rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << self.rng.random_range(0..8);
            }
            let jitter = self.model.jitter.mul_f64(self.rng.random_range(0.0..=1.0));
            let at = self.now + self.model.latency + jitter;
            self.sequence += 1;
            self.in_flight.insert((at, self.sequence), (to, Datagram { from, ecn, bytes }));
        }
    }
}

/// One endpoint's device on the wire.
pub struct WireDevice {
    wire: Rc<RefCell<Wire>>,
    capabilities: Capabilities,
    addresses: Vec<SocketAddr>,
    buffer: Vec<u8>,
    arrived: VecDeque<(u16, Datagram)>,
}

impl Device for WireDevice {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
    fn lend(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.buffer)
    }
    fn post(&mut self, train: Train) {
        let from = self.addresses[usize::from(train.route.local)];
        for packet in self.buffer[..train.length].chunks(train.stride) {
            self.wire.borrow_mut().post(from, train.route.remote, train.ecn, packet);
        }
    }
    fn flush(&mut self) {}
    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        let mut polled = 0;
        while polled < budget {
            let Some((local, mut datagram)) = self.arrived.pop_front() else { break };
            polled += 1;
            sink(Received {
                route: Route { local, remote: datagram.from },
                ecn: datagram.ecn,
                stride: datagram.bytes.len().max(1),
                bytes: &mut datagram.bytes,
            });
        }
        polled
    }
    fn poll_event(&mut self) -> Option<DeviceEvent> {
        None
    }
}

/// Buffers by id; placement adds, so that a byte placed twice shows.
#[derive(Default)]
pub struct Buffers {
    pub buffers: HashMap<BufferId, Vec<u8>>,
    /// Those into which placement copies.
    pub copied: HashSet<BufferId>,
}

impl Memory for Buffers {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        self.buffers.get(&buffer)?.get(offset as usize..)?.get(..length)
    }
    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        let Some(target) = self.buffers.get_mut(&buffer) else { return false };
        let copied = self.copied.contains(&buffer);
        for (to, from) in target[offset as usize..].iter_mut().zip(payload) {
            *to = if copied { *from } else { to.wrapping_add(*from) };
        }
        true
    }
}

pub struct Node {
    pub endpoint: Endpoint,
    pub device: WireDevice,
    pub memory: Buffers,
    pub events: Vec<Event>,
    pub paused: bool,
}

/// Some endpoints on one wire.
pub struct Net {
    pub wire: Rc<RefCell<Wire>>,
    pub nodes: Vec<Node>,
    pub now: Time,
}

pub struct NetOptions {
    pub nodes: u32,
    pub ports: u16,
    pub mtu: u16,
    pub reliable: bool,
    pub seed: u64,
    pub model: WireModel,
    pub config: Config,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            nodes: 2,
            ports: 4,
            mtu: 1472,
            reliable: false,
            seed: 1,
            model: WireModel::default(),
            config: Config::default(),
        }
    }
}

pub fn address(rank: u32, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, (rank >> 8) as u8, rank as u8], 4000 + port))
}

pub fn identity(rank: u32) -> Identity {
    let job: JobId = "test-job".parse().unwrap();
    let secret = JobSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
    Identity::from_secret(&job, &secret, Rank(rank), NOW_UNIX).unwrap()
}

#[allow(clippy::disallowed_methods)]
pub fn net(options: NetOptions) -> Net {
    let wire = Rc::new(RefCell::new(Wire {
        model: options.model,
        rng: StdRng::seed_from_u64(options.seed),
        sequence: 0,
        in_flight: BTreeMap::new(),
        ports: HashMap::new(),
        now: Time::ZERO,
        tap: Vec::new(),
        tapping: false,
        blackholes: Vec::new(),
        dead_ports: Vec::new(),
        posted_dead: 0,
    }));
    let epoch = Instant::now();
    let mut nodes = Vec::new();
    for rank in 0..options.nodes {
        let addresses: Vec<_> = (0..options.ports).map(|port| address(rank, port)).collect();
        for (port, at) in addresses.iter().enumerate() {
            wire.borrow_mut().ports.insert(*at, (rank as usize, port as u16));
        }
        let capabilities = Capabilities {
            name: "wire",
            mtu: options.mtu,
            mtu_base: if options.reliable { options.mtu } else { 1200 },
            train_packets: 16,
            train_bytes: 65_000,
            ecn: true,
            reliable: options.reliable,
            receive_budget: 4 << 20,
        };
        let mut seed = [0; 32];
        seed[0] = rank as u8;
        seed[1..9].copy_from_slice(&options.seed.to_le_bytes());
        let mut endpoint = Endpoint::new(EndpointSettings {
            config: options.config.clone(),
            identity: identity(rank),
            capabilities: capabilities.clone(),
            addresses: addresses.clone(),
            epoch,
            wall: Arc::new(FixedWall),
            seed,
            world: options.nodes,
        })
        .unwrap();
        for peer in (0..options.nodes).filter(|peer| *peer != rank) {
            let at: Vec<_> = (0..options.ports).map(|port| address(peer, port)).collect();
            endpoint.add_peer(Rank(peer), &at).unwrap();
        }
        let device = WireDevice {
            wire: Rc::clone(&wire),
            capabilities,
            addresses,
            buffer: vec![0; 65_536],
            arrived: VecDeque::new(),
        };
        nodes.push(Node {
            endpoint,
            device,
            memory: Buffers::default(),
            events: Vec::new(),
            paused: false,
        });
    }
    Net { wire, nodes, now: Time::ZERO }
}

impl Net {
    /// Lets every node do what it can now.
    fn settle(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.paused) {
            let Node { endpoint, device, memory, events, .. } = node;
            while let Some((local, mut datagram)) = device.arrived.pop_front() {
                let received = Received {
                    route: Route { local, remote: datagram.from },
                    ecn: datagram.ecn,
                    stride: datagram.bytes.len().max(1),
                    bytes: &mut datagram.bytes,
                };
                endpoint.handle(self.now, received, memory);
            }
            endpoint.handle_timeout(self.now);
            while endpoint.poll_transmit(self.now, device, memory) > 0 {}
            while let Some(event) = endpoint.poll_event() {
                events.push(event);
            }
        }
    }

    /// Moves to the next thing that happens; `false` when nothing will before `until`.
    fn step(&mut self, until: Time) -> bool {
        let arrival = self.wire.borrow().in_flight.first_key_value().map(|(key, _)| key.0);
        let timers = self.nodes.iter().filter(|node| !node.paused);
        let deadline = timers.filter_map(|node| node.endpoint.next_deadline()).min();
        let next = [arrival, deadline].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= until) else {
            self.now = until;
            self.wire.borrow_mut().now = until;
            return false;
        };
        self.now = self.now.max(next);
        let mut wire = self.wire.borrow_mut();
        wire.now = self.now;
        while let Some(entry) = wire.in_flight.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, datagram) = entry.remove();
            if let Some((node, local)) = wire.ports.get(&to).copied() {
                self.nodes[node].device.arrived.push_back((local, datagram));
            }
        }
        true
    }

    /// Runs until `done` or `limit` of virtual time; returns whether `done` came true.
    pub fn run(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            if !self.step(until) {
                return false;
            }
        }
    }
}
