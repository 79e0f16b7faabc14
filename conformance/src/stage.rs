//! Ranks of one case, driven in turn by one thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use sealane_sim::rng::Rng;
use sealane_sim::{FaultDevice, Faults, OwnedMemory, Placement};
use sealane_transport::device::Device;
use sealane_transport::identity::{Identity, JobId, JobSecret};
use sealane_transport::{
    BufferId, Config, Endpoint, EndpointSettings, Event, OperationError, Rank, RecvRequest, RmaId,
    SendRequest, Tag, Time,
};

use crate::carrier::Carrier;
use crate::factory::{Factory, Options};

/// 2026-11-01, for certificates.
const WALL_UNIX: u64 = 1_793_491_200;

/// The longest that a case may wait for one thing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Batches that a rank takes in before it transmits.
const POLL_BUDGET: usize = 32;

#[derive(Debug)]
struct Wall;

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(WALL_UNIX)))
    }
}

/// One rank.
pub(crate) struct Node {
    pub endpoint: Endpoint,
    pub device: FaultDevice<Carrier>,
    pub memory: OwnedMemory,
    pub events: Vec<Event>,
    /// It does nothing, as a process that was stopped.
    pub stopped: bool,
}

/// See the module's text.
pub(crate) struct Stage<'a> {
    pub factory: &'a mut dyn Factory,
    pub seed: u64,
    pub nodes: Vec<Node>,
}

/// How the ranks of a case are set up.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub ranks: u32,
    pub options: Options,
    pub config: Config,
    /// Of packets that come in.
    pub faults: Faults,
}

impl Default for Cast {
    fn default() -> Self {
        // Machines that are emulated, and shared, must not look dead.
        let config = Config { peer_timeout: Duration::from_secs(20), ..Config::default() };
        Self { ranks: 2, options: Options::default(), config, faults: Faults::NONE }
    }
}

impl Cast {
    /// With everything that a network may do to packets.
    pub(crate) fn in_bad_weather() -> Self {
        let faults =
            Faults { loss: 0.02, reorder: 0.1, duplicate: 0.05, corrupt: 0.01, ..Faults::NONE };
        Self { faults, ..Self::default() }
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(factory: &'a mut dyn Factory, seed: u64) -> Self {
        Self { factory, seed, nodes: Vec::new() }
    }

    /// Opens a device for each rank, and tells the ranks of each other.
    pub(crate) fn enter(&mut self, cast: &Cast) -> Result<(), String> {
        for rank in 0..cast.ranks {
            let device = Carrier(self.factory.open(&cast.options)?);
            let seed = self.seed ^ u64::from(rank) << 32;
            let device = FaultDevice::new(device, cast.faults, Faults::NONE, seed);
            let device = device.map_err(|error| error.to_string())?;
            let endpoint = endpoint(rank, cast, &device, seed)?;
            let (memory, events) = (OwnedMemory::default(), Vec::new());
            self.nodes.push(Node { endpoint, device, memory, events, stopped: false });
        }
        let addresses: Vec<_> =
            self.nodes.iter().map(|node| node.device.local_addresses().to_vec()).collect();
        for (rank, node) in (0..).zip(&mut self.nodes) {
            for (peer, addresses) in (0..).zip(&addresses).filter(|(peer, _)| *peer != rank) {
                node.endpoint.add_peer(Rank(peer), addresses).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// The time now.
    pub(crate) fn now(&self) -> Time {
        self.factory.now()
    }

    /// Drives all ranks until `done`, which is asked after each round; fails when it takes too long.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), String> {
        let deadline = self.now() + PATIENCE;
        loop {
            let busy = self.round();
            if done(self) {
                return Ok(());
            }
            if self.now() >= deadline {
                return Err(format!("{what}: not within {PATIENCE:?}"));
            }
            if !busy {
                let awake = self.nodes.iter().filter(|node| !node.stopped);
                let due = awake.filter_map(|node| node.endpoint.next_deadline()).min();
                self.factory.wait(due.unwrap_or(Time::MAX).min(deadline));
            }
        }
    }

    /// Drives all ranks for a while.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now() + time;
        loop {
            let busy = self.round();
            if self.now() >= end {
                return Ok(());
            }
            if !busy {
                self.factory.wait(end);
            }
        }
    }

    /// Lets every rank do what it can now; returns whether anything moved.
    fn round(&mut self) -> bool {
        let now = self.now();
        let mut busy = false;
        for node in self.nodes.iter_mut().filter(|node| !node.stopped) {
            let Node { endpoint, device, memory, events, .. } = node;
            busy |= device.poll(POLL_BUDGET, &mut |batch| endpoint.handle(now, batch, memory)) > 0;
            while let Some(event) = device.poll_event() {
                endpoint.handle_device_event(now, event);
            }
            if endpoint.next_deadline().is_some_and(|at| at <= now) {
                endpoint.handle_timeout(now);
            }
            while endpoint.poll_transmit(now, device, memory) > 0 {
                busy = true;
            }
            device.flush();
            // What is held back moves only when polled.
            busy |= device.is_holding();
            while let Some(event) = endpoint.poll_event() {
                events.push(event);
                busy = true;
            }
        }
        busy
    }

    /// Memory of a rank, filled with `bytes`.
    pub(crate) fn memory(&mut self, rank: usize, bytes: Vec<u8>) -> BufferId {
        self.nodes[rank].memory.insert(bytes, Placement::Copy)
    }

    /// What is in it.
    pub(crate) fn bytes(&self, rank: usize, buffer: BufferId) -> &[u8] {
        self.nodes[rank].memory.bytes(buffer).unwrap_or_default()
    }

    /// Sends `bytes` between two ranks, receives posted first; returns the receiving buffer.
    pub(crate) fn send(
        &mut self,
        (from, to): (usize, usize),
        tag: u64,
        bytes: Vec<u8>,
    ) -> Result<BufferId, String> {
        let (now, length) = (self.now(), bytes.len() as u64);
        // Addition shows a byte that is placed twice.
        let target = self.nodes[to].memory.insert(vec![0; bytes.len()], Placement::Add);
        let source = self.memory(from, bytes);
        let request = RecvRequest {
            from: Some(Rank(from as u32)),
            tag: Tag(tag),
            buffer: target,
            capacity: length,
            exact: true,
            progress: false,
        };
        let Node { endpoint, memory, .. } = &mut self.nodes[to];
        endpoint.post_recv(now, request, memory).map_err(|error| error.to_string())?;
        let request = SendRequest {
            tag: Tag(tag),
            buffer: source,
            length,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        let sender = &mut self.nodes[from].endpoint;
        sender.send(now, Rank(to as u32), request).map_err(|error| error.to_string())?;
        Ok(target)
    }

    /// How many events of a rank satisfy a condition.
    pub(crate) fn count(&self, rank: usize, wanted: impl Fn(&Event) -> bool) -> usize {
        self.nodes[rank].events.iter().filter(|event| wanted(event)).count()
    }

    /// How the one-sided operations of a rank ended; fails if one did twice.
    pub(crate) fn ends(
        &self,
        rank: usize,
    ) -> Result<BTreeMap<RmaId, Result<u64, OperationError>>, String> {
        let mut ends = BTreeMap::new();
        for event in &self.nodes[rank].events {
            let (rma, end) = match event {
                Event::RmaDone { rma, value } => (*rma, Ok(*value)),
                Event::RmaFailed { rma, error } => (*rma, Err(error.clone())),
                _ => continue,
            };
            if ends.insert(rma, end).is_some() {
                return Err(format!("{rma} ended twice"));
            }
        }
        Ok(ends)
    }

    /// Drives until operations of rank 0 have ended, and says how, in order.
    pub(crate) fn finish(
        &mut self,
        rmas: &[RmaId],
    ) -> Result<Vec<Result<u64, OperationError>>, String> {
        let wanted = rmas.len();
        let ended = |event: &Event| match event {
            Event::RmaDone { rma, .. } | Event::RmaFailed { rma, .. } => rmas.contains(rma),
            _ => false,
        };
        self.until("one-sided operations", |stage| stage.count(0, ended) >= wanted)?;
        let ends = self.ends(0)?;
        rmas.iter()
            .map(|rma| ends.get(rma).cloned().ok_or_else(|| format!("{rma} has no end")))
            .collect()
    }

    /// Fails if a rank broke the protocol, or lost another.
    pub(crate) fn in_order(&self) -> Result<(), String> {
        for (rank, node) in self.nodes.iter().enumerate() {
            let violations = node.endpoint.stats().dropped.violations;
            if violations > 0 {
                return Err(format!("{violations} violations at rank {rank}"));
            }
            let lost = node.events.iter().find(|event| matches!(event, Event::PeerLost { .. }));
            if let Some(lost) = lost {
                return Err(format!("rank {rank}: {lost:?}"));
            }
        }
        Ok(())
    }
}

fn endpoint(
    rank: u32,
    cast: &Cast,
    device: &FaultDevice<Carrier>,
    seed: u64,
) -> Result<Endpoint, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let job = JobId::new("conformance").map_err(|error| text(&error))?;
    let secret = JobSecret::parse("a secret that everybody knows").map_err(|e| text(&e))?;
    let identity = Identity::from_secret(&job, &secret, Rank(rank), WALL_UNIX);
    Endpoint::new(EndpointSettings {
        config: cast.config.clone(),
        identity: identity.map_err(|error| text(&error))?,
        capabilities: device.capabilities().clone(),
        addresses: device.local_addresses().to_vec(),
        epoch: epoch(),
        wall: Arc::new(Wall),
        seed: Rng::new(seed, 1).seed(),
        world: cast.ranks,
    })
    .map_err(|error| text(&error))
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin; only distances from it count")]
fn epoch() -> Instant {
    Instant::now()
}

/// Bytes that tell places and salts apart.
pub(crate) fn pattern(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ salt).collect()
}
