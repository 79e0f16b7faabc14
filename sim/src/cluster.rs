//! Many endpoints on one network, driven in virtual time until something happens.
//!
//! A [`Cluster`] keeps the drain contract of [`Endpoint`] for its nodes, hands every event to an
//! observer, and jumps from one moment at which something is due to the next.

mod identity;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sealane_transport::device::Device;
use sealane_transport::{Config, Endpoint, EndpointSettings, Error, Event, Rank, Time};

use crate::device::{DeviceSettings, SimDevice};
use crate::memory::OwnedMemory;
use crate::network::{LinkSettings, Network};
use crate::rng::Rng;

pub use identity::identity;
pub(crate) use identity::{Wall, epoch};

/// Datagram batches that a node takes in before it transmits.
const POLL_BUDGET: usize = 64;

/// Rounds without virtual time passing, after which the cluster is taken to spin.
const ROUNDS_MAX: u32 = 100_000;

/// What a [`Cluster`] is made of.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// How many ranks.
    pub nodes: u32,
    /// Everything random comes from here.
    pub seed: u64,
    /// The configuration of every endpoint.
    pub config: Config,
    /// The device of every host.
    pub device: DeviceSettings,
    /// The links between them.
    pub links: LinkSettings,
    /// Poll devices at least this often even if nothing is due: fault devices release what they hold
    /// back at polls.
    pub tick: Option<Duration>,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            nodes: 2,
            seed: 1,
            config: Config::default(),
            device: DeviceSettings::default(),
            links: LinkSettings::default(),
            tick: None,
        }
    }
}

/// One rank.
#[derive(Debug)]
pub struct Node<D> {
    /// The protocol core.
    pub endpoint: Endpoint,
    /// Its device.
    pub device: D,
    /// The buffers that its operations name.
    pub memory: OwnedMemory,
    /// A paused node does nothing, as a process that was stopped.
    pub paused: bool,
}

/// Why [`Cluster::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The observer said so.
    Done,
    /// Nothing will ever happen again.
    Quiescent,
    /// Virtual time is up.
    Deadline,
    /// Work goes on for ever without virtual time passing: a defect.
    Spinning,
}

/// See the module's text.
#[derive(Debug)]
pub struct Cluster<D = SimDevice> {
    /// The network between the nodes.
    pub network: Network,
    /// The nodes, by rank.
    pub nodes: Vec<Node<D>>,
    tick: Option<Duration>,
    addresses: Vec<Vec<SocketAddr>>,
    events: Vec<(usize, Event)>,
}

impl Cluster<SimDevice> {
    /// A cluster on plain simulated devices.
    ///
    /// # Errors
    /// What [`Endpoint::new`] says to the configuration.
    pub fn new(settings: &ClusterSettings) -> Result<Self, Error> {
        Self::wrapped(settings, |_, device| device)
    }
}

impl<D: Device> Cluster<D> {
    /// A cluster whose devices are what `wrap` makes of each rank's simulated one.
    ///
    /// # Errors
    /// What [`Endpoint::new`] says to the configuration.
    pub fn wrapped(
        settings: &ClusterSettings,
        mut wrap: impl FnMut(usize, SimDevice) -> D,
    ) -> Result<Self, Error> {
        let network = Network::new(settings.seed, settings.links);
        let mut nodes = Vec::new();
        let mut addresses = Vec::new();
        for rank in 0..settings.nodes {
            let device = wrap(rank as usize, network.attach(&settings.device));
            addresses.push(device.local_addresses().to_vec());
            let endpoint = endpoint(settings, rank, &device)?;
            nodes.push(Node { endpoint, device, memory: OwnedMemory::default(), paused: false });
        }
        for (rank, node) in (0..).zip(&mut nodes) {
            for (peer, addresses) in (0..).zip(&addresses).filter(|(peer, _)| *peer != rank) {
                node.endpoint.add_peer(Rank(peer), addresses)?;
            }
        }
        let (tick, events) = (settings.tick, Vec::new());
        Ok(Self { network, nodes, tick, addresses, events })
    }

    /// Forms every session from one secret, without handshakes: for runs of the data plane alone.
    ///
    /// # Errors
    /// What [`Endpoint::join_with_secret`] says.
    pub fn join_all(&mut self, secret: &[u8; 32]) -> Result<(), Error> {
        let now = self.now();
        let budgets: Vec<u64> =
            self.nodes.iter().map(|node| node.device.capabilities().receive_budget).collect();
        for (rank, node) in (0..).zip(&mut self.nodes) {
            for (peer, budget) in (0..).zip(&budgets).filter(|(peer, _)| *peer != rank) {
                let mut pair = *secret;
                pair[0] ^= rank.max(peer) as u8;
                pair[1] ^= rank.min(peer) as u8;
                node.endpoint.join_with_secret(now, Rank(peer), &pair, *budget)?;
            }
        }
        Ok(())
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.network.now()
    }

    /// The addresses of a node's ports.
    #[must_use]
    pub fn addresses(&self, node: usize) -> &[SocketAddr] {
        &self.addresses[node]
    }

    /// Runs for at most `limit` of virtual time. The observer gets every event and may command
    /// endpoints; it returns `true` to stop.
    pub fn run(
        &mut self,
        limit: Duration,
        mut observe: impl FnMut(&mut Self, usize, Event) -> bool,
    ) -> Stop {
        let deadline = self.now() + limit;
        let mut rounds = 0;
        loop {
            let before = self.now();
            if self.settle(&mut observe) {
                return Stop::Done;
            }
            let Some(next) = self.next_moment() else { return Stop::Quiescent };
            if next > deadline {
                self.network.advance(deadline);
                return Stop::Deadline;
            }
            self.network.advance(next.max(before));
            rounds = if self.now() > before { 0 } else { rounds + 1 };
            if rounds > ROUNDS_MAX {
                return Stop::Spinning;
            }
        }
    }

    /// Runs for `time` and drops all events.
    pub fn idle(&mut self, time: Duration) {
        self.run(time, |_, _, _| false);
    }

    /// Lets every node do all that it can do now. Returns whether the observer wants to stop.
    fn settle(&mut self, observe: &mut impl FnMut(&mut Self, usize, Event) -> bool) -> bool {
        let now = self.now();
        let mut rounds = 0;
        loop {
            let mut busy = false;
            for (index, node) in self.nodes.iter_mut().enumerate().filter(|(_, n)| !n.paused) {
                busy |= node.turn(now);
                while let Some(event) = node.endpoint.poll_event() {
                    self.events.push((index, event));
                }
            }
            busy |= !self.events.is_empty();
            for (index, event) in std::mem::take(&mut self.events) {
                if observe(self, index, event) {
                    return true;
                }
            }
            rounds += 1;
            if !busy || rounds > ROUNDS_MAX {
                return false;
            }
        }
    }

    /// When something is due next.
    fn next_moment(&self) -> Option<Time> {
        let awake = self.nodes.iter().filter(|node| !node.paused);
        let deadlines = awake.filter_map(|node| node.endpoint.next_deadline());
        let due = deadlines.chain(self.network.next_arrival()).min()?;
        Some(self.tick.map_or(due, |tick| due.min(self.now() + tick)))
    }
}

impl<D: Device> Node<D> {
    /// One turn of the drain contract. Returns whether anything moved.
    fn turn(&mut self, now: Time) -> bool {
        let Self { endpoint, device, memory, .. } = self;
        let mut busy = device.poll(POLL_BUDGET, &mut |batch| {
            endpoint.handle(now, batch, memory);
        }) > 0;
        while let Some(event) = device.poll_event() {
            endpoint.handle_device_event(now, event);
            busy = true;
        }
        if endpoint.next_deadline().is_some_and(|at| at <= now) {
            endpoint.handle_timeout(now);
        }
        while endpoint.poll_transmit(now, device, memory) > 0 {
            busy = true;
        }
        device.flush();
        busy
    }
}

fn endpoint<D: Device>(
    settings: &ClusterSettings,
    rank: u32,
    device: &D,
) -> Result<Endpoint, Error> {
    Endpoint::new(EndpointSettings {
        config: settings.config.clone(),
        identity: identity(rank)?,
        capabilities: device.capabilities().clone(),
        addresses: device.local_addresses().to_vec(),
        epoch: epoch(),
        wall: Arc::new(Wall),
        seed: Rng::new(settings.seed, 1 << 32 | u64::from(rank)).seed(),
        world: settings.nodes,
    })
}
