//! The network: hosts, ports, links, and virtual time.
//!
//! Everything that will happen waits in one queue ordered by (time, sequence), so two runs from one
//! seed are the same run. A [`Network`] is a handle; the world behind it dies with the last one.

mod link;
mod world;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_transport::Time;
use sealane_transport::device::Ecn;

pub use link::{LinkSettings, Rate};
pub use world::Counters;
pub(crate) use world::World;

use crate::device::{DeviceSettings, SimDevice};

/// A datagram as the tap sees it when it enters the network, before any fault.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// When it was transmitted.
    pub time: Time,
    /// Its source address.
    pub from: SocketAddr,
    /// Its destination address.
    pub to: SocketAddr,
    /// Its ECN codepoint.
    pub ecn: Ecn,
    /// True for datagrams that the test injected rather than a device posted.
    pub injected: bool,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// What listens on the wire.
pub type Tap = Box<dyn FnMut(&Captured<'_>) + Send>;

/// A simulated network.
#[derive(Clone)]
pub struct Network {
    world: Arc<Mutex<World>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Network {
    /// An empty network whose links all behave as `links` until told otherwise.
    #[must_use]
    pub fn new(seed: u64, links: LinkSettings) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(seed, links))) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic in a tap is a failed test; what other handles see then no longer matters.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a host and returns its device. Hosts are numbered from 0 in the order of attaching.
    #[must_use]
    pub fn attach(&self, settings: &DeviceSettings) -> SimDevice {
        let (host, addresses) = self.world().attach(settings);
        SimDevice::new(self.clone(), host, addresses, settings)
    }

    /// Takes a host off the network: what is sent to it is answered by "unreachable" where
    /// [`set_icmp`](Self::set_icmp) is on, and by silence otherwise.
    pub fn detach(&self, host: usize) {
        self.world().detach(host);
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world().now
    }

    /// When the next datagram arrives somewhere.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Time> {
        self.world().next_arrival()
    }

    /// Moves time forward to `to`, delivering everything that is due. Time never goes back.
    pub fn advance(&self, to: Time) {
        self.world().advance(to);
    }

    /// Changes all links, those with settings of their own included.
    pub fn set_links(&self, links: LinkSettings) {
        let mut world = self.world();
        world.links_default = links;
        world.links_between.clear();
    }

    /// Changes the links from host `from` to host `to`, in this direction only.
    pub fn set_links_between(&self, from: usize, to: usize, links: LinkSettings) {
        self.world().links_between.insert((from, to), links);
    }

    /// Swallows everything from port `from` to port `to` until [`heal`](Self::heal).
    pub fn blackhole(&self, from: SocketAddr, to: SocketAddr) {
        self.world().blackholes.insert((from, to));
    }

    /// Swallows everything from host `from` to host `to`, in this direction only.
    pub fn partition(&self, from: usize, to: usize) {
        self.world().partitions.insert((from, to));
    }

    /// Ends all blackholes and partitions.
    pub fn heal(&self) {
        let mut world = self.world();
        world.blackholes.clear();
        world.partitions.clear();
    }

    /// Whether datagrams to nobody are answered by "unreachable".
    pub fn set_icmp(&self, on: bool) {
        self.world().icmp = on;
    }

    /// Puts a datagram on the wire as if `from` had sent it; `from` may be forged. It suffers what
    /// its link does to any datagram.
    pub fn inject(&self, from: SocketAddr, to: SocketAddr, ecn: Ecn, bytes: &[u8]) {
        self.world().inject(from, to, ecn, bytes);
    }

    /// Listens to every datagram that enters the network from now on. Taps add up; they run inside
    /// the network and must not call it.
    pub fn tap(&self, tap: Tap) {
        self.world().taps.push(tap);
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.world().counters
    }

    /// A digest over (time, source, destination, length) of every arrival: equal digests mean equal
    /// runs. Payload stays out because TLS draws entropy of its own.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.world().digest
    }
}
