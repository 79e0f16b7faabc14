//! Endpoints around one in the middle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use sealane_collectives::Buffers;
use sealane_kernels::Placement;
use sealane_transport::device::{Device, Received, Route};
use sealane_transport::identity::{Identity, JobId, JobSecret};
use sealane_transport::{
    BufferId, Config, Endpoint, EndpointSettings, Event, Rank, RecvRequest, SendRequest, Tag, Time,
};

use crate::slots::Slots;

/// 2026-11-01, for certificates.
const NOW_UNIX: u64 = 1_793_491_200;
/// Virtual time between two turns.
const TURN: Duration = Duration::from_micros(10);

#[derive(Debug)]
struct FixedWall;

impl TimeProvider for FixedWall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW_UNIX)))
    }
}

/// How large a star is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Endpoints around the middle.
    pub peers: usize,
    /// Local ports of each endpoint: a session has the square of it as paths.
    pub ports: u16,
    /// Bytes of the largest packet.
    pub packet: u16,
}

/// One endpoint and what it works with.
pub struct Node {
    /// The core.
    pub endpoint: Endpoint,
    /// Where it posts.
    pub device: Slots,
    /// User memory.
    pub memory: Buffers,
    /// Sends acknowledged, and receives complete.
    pub done: (usize, usize),
}

/// See the module's text. Node 0 is the middle.
pub struct Star {
    /// All endpoints, by rank.
    pub nodes: Vec<Node>,
    /// Virtual time.
    pub now: Time,
}

impl Star {
    /// A star whose sessions stand and have carried nothing.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let mut star = Self::strangers(shape);
        for peer in 1..=shape.peers {
            for (at, other) in [(0, peer), (peer, 0)] {
                let budget = star.nodes[other].device.capabilities().receive_budget;
                let (endpoint, other) = (&mut star.nodes[at].endpoint, Rank(other as u32));
                endpoint.join_with_secret(Time::ZERO, other, &[7; 32], budget).unwrap();
            }
        }
        star.settle();
        star
    }

    /// A star without sessions: what is sent first begins with a handshake.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "an epoch, on which nothing depends")]
    pub fn strangers(shape: Shape) -> Self {
        let epoch = Instant::now();
        let mut nodes: Vec<Node> = (0..=shape.peers).map(|at| node(at, shape, epoch)).collect();
        for peer in 1..=shape.peers {
            for (at, other) in [(0, peer), (peer, 0)] {
                let addresses = nodes[other].device.local_addresses().to_vec();
                nodes[at].endpoint.add_peer(Rank(other as u32), &addresses).unwrap();
            }
        }
        Self { nodes, now: Time::from_nanos(1) }
    }

    /// Memory of a node, as a buffer of messages that is placed into by copy.
    pub fn buffer(&mut self, node: usize, bytes: usize) -> BufferId {
        let arena = &mut self.nodes[node].memory.0;
        let region = arena.own(bytes);
        BufferId(arena.view(region, 0, bytes as u64, Placement::Copy).unwrap().0)
    }

    /// Sends `length` bytes of `buffer`.
    pub fn send(&mut self, (from, to): (usize, usize), tag: u64, buffer: BufferId, length: usize) {
        let request = SendRequest {
            tag: Tag(tag),
            buffer,
            length: length as u64,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        self.nodes[from].endpoint.send(self.now, Rank(to as u32), request).unwrap();
    }

    /// Posts a receive of `length` bytes into `buffer`.
    pub fn recv(&mut self, (from, to): (usize, usize), tag: u64, buffer: BufferId, length: usize) {
        let request = RecvRequest {
            from: Some(Rank(from as u32)),
            tag: Tag(tag),
            buffer,
            capacity: length as u64,
            exact: true,
            progress: false,
        };
        let node = &mut self.nodes[to];
        node.endpoint.post_recv(self.now, request, &mut node.memory).unwrap();
    }

    /// Runs the timers of a node that are due.
    pub fn time_out(&mut self, node: usize) {
        self.nodes[node].endpoint.handle_timeout(self.now);
    }

    /// Posts what is due at a node, once; returns the trains.
    pub fn transmit(&mut self, node: usize) -> usize {
        let Node { endpoint, device, memory, .. } = &mut self.nodes[node];
        endpoint.poll_transmit(self.now, device, memory)
    }

    /// Hands everything that a node has posted to its receivers.
    pub fn deliver(&mut self, node: usize) {
        for index in 0..self.nodes[node].device.posted().len() {
            let route = self.nodes[node].device.posted()[index].route;
            let (to, port) = Slots::whose(route.remote);
            let remote = self.nodes[node].device.local_addresses()[usize::from(route.local)];
            let [from, to] = self.nodes.get_disjoint_mut([node, to]).unwrap();
            let (train, bytes) = from.device.train(index);
            let (ecn, stride) = (train.ecn, train.stride);
            let received = Received { route: Route { local: port, remote }, ecn, stride, bytes };
            to.endpoint.handle(self.now, received, &mut to.memory);
        }
        self.nodes[node].device.clear();
    }

    /// Counts the events of a node.
    pub fn collect(&mut self, node: usize) {
        let Node { endpoint, done, .. } = &mut self.nodes[node];
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Sent { .. } => done.0 += 1,
                Event::Received { .. } => done.1 += 1,
                Event::Connected { .. } | Event::Placed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// A turn of every node; returns whether anything was posted.
    pub fn turn(&mut self) -> bool {
        self.now += TURN;
        let mut any = false;
        for node in 0..self.nodes.len() {
            self.time_out(node);
            any |= self.transmit(node) > 0;
            self.deliver(node);
            self.collect(node);
        }
        any
    }

    /// Turns until nothing is due, not even the last delayed acknowledgement.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 32 {
            quiet = if self.turn() { 0 } else { quiet + 1 };
        }
    }

    /// Moves one message and waits for its acknowledgement.
    pub fn exchange(
        &mut self,
        (from, to): (usize, usize),
        tag: u64,
        buffers: (BufferId, BufferId),
        length: usize,
    ) {
        self.recv((from, to), tag, buffers.1, length);
        self.send((from, to), tag, buffers.0, length);
        self.settle();
    }
}

fn node(at: usize, shape: Shape, epoch: Instant) -> Node {
    let device = Slots::new(at, shape.ports, shape.packet);
    let job: JobId = "cost".parse().unwrap();
    let secret = JobSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
    let endpoint = Endpoint::new(EndpointSettings {
        config: Config::default(),
        identity: Identity::from_secret(&job, &secret, Rank(at as u32), NOW_UNIX).unwrap(),
        capabilities: device.capabilities().clone(),
        addresses: device.local_addresses().to_vec(),
        epoch,
        wall: Arc::new(FixedWall),
        seed: [at as u8; 32],
        world: shape.peers as u32 + 1,
    });
    Node { endpoint: endpoint.unwrap(), device, memory: Buffers::default(), done: (0, 0) }
}
