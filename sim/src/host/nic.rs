//! A host's interface: the [`Device`] through which the core reaches the fabric.

use std::net::SocketAddr;
use std::sync::Arc;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Ecn, Received, Train};
use sealane_transport::packet::is_data_plane;

use crate::engine::{Cost, EventQueue, Picos};
use crate::fabric::{Address, Fabric, Happening, Packet};

/// What an interface is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NicSettings {
    /// Sockets of a host; five-tuples are local × remote ones.
    pub ports: u16,
    /// The largest datagram payload in bytes.
    pub mtu: u16,
    /// Bytes that every path carries without probing.
    pub mtu_base: u16,
    /// The most packets in one train, which share a five-tuple.
    pub train_packets: u16,
    /// Whether codepoints are carried.
    pub ecn: bool,
    /// Bytes that peers may have in flight towards a host.
    pub receive_budget: u64,
    /// Bytes of the transmit queue, after which the device takes no more.
    pub transmit_queue: u64,
    /// Sealing, before a packet can leave.
    pub seal: Cost,
    /// Opening, before a packet is acted on.
    pub open: Cost,
    /// Packets carry lengths, not payloads.
    pub phantom: bool,
}

impl Default for NicSettings {
    /// 16 ports, 4150-byte packets, each sprayed for itself, 8 of them in the transmit queue; towards a
    /// host at most what 100 Gb/s carry in 42 µs, a few round trips of the usual fabric.
    fn default() -> Self {
        Self {
            ports: 16,
            mtu: 4150,
            mtu_base: 4150,
            train_packets: 1,
            ecn: true,
            receive_budget: 512 << 10,
            transmit_queue: 8 * 4216,
            seal: Cost::default(),
            open: Cost::default(),
            phantom: true,
        }
    }
}

impl NicSettings {
    /// What the device says that it can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let train_packets = self.train_packets.max(1);
        Capabilities {
            name: "sim",
            mtu: self.mtu,
            mtu_base: self.mtu_base,
            train_packets,
            train_bytes: u32::from(self.mtu) * u32::from(train_packets),
            ecn: self.ecn,
            reliable: false,
            receive_budget: self.receive_budget,
        }
    }
}

/// The state of an interface.
#[derive(Debug)]
pub struct Nic {
    host: u32,
    addresses: Vec<SocketAddr>,
    capabilities: Arc<Capabilities>,
    transmit_queue: u64,
    seal: Cost,
    /// The sealing engine is busy until then.
    sealed_until: Picos,
    phantom: bool,
    /// The device has refused a train and must wake its host when there is room.
    pub(crate) blocked: bool,
}

impl Nic {
    pub(super) fn new(
        host: u32,
        addresses: Vec<SocketAddr>,
        capabilities: &Arc<Capabilities>,
        settings: &NicSettings,
    ) -> Self {
        Self {
            host,
            addresses,
            capabilities: Arc::clone(capabilities),
            transmit_queue: settings.transmit_queue,
            seal: settings.seal,
            sealed_until: Picos::ZERO,
            phantom: settings.phantom,
            blocked: false,
        }
    }

    /// The addresses of the host's sockets.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether packets carry lengths, not payloads.
    #[must_use]
    pub const fn is_phantom(&self) -> bool {
        self.phantom
    }

    /// When a host that was refused should try again: when half of the queue is free.
    pub(crate) fn room_at(&self, now: Picos, fabric: &Fabric) -> Picos {
        let link = fabric.uplink(self.host);
        let half = fabric.serialise(link, self.transmit_queue / 2);
        now + fabric.backlog(link, now) - half
    }
}

/// An interface for the length of a call: what a host lends to its endpoint.
#[expect(
    missing_debug_implementations,
    reason = "it lives for one call, and its tap has nothing to show"
)]
pub struct HostDevice<'a> {
    /// Virtual time.
    pub now: Picos,
    /// The interface.
    pub nic: &'a mut Nic,
    /// Where packets go.
    pub fabric: &'a mut Fabric,
    /// What will happen to them.
    pub queue: &'a mut EventQueue<Happening>,
    /// Memory for one train, shared by all hosts.
    pub buffer: &'a mut [u8],
    /// Whoever wants to see packets go.
    pub tap: &'a mut dyn FnMut(&Packet, u16, Ecn),
}

impl HostDevice<'_> {
    fn post_packet(&mut self, from: Address, to: Address, ecn: Ecn, range: std::ops::Range<usize>) {
        let bytes = &self.buffer[range];
        let Ok(length) = u16::try_from(bytes.len()) else { return };
        let (head, tail) = match phantom_head(bytes).filter(|_| self.nic.phantom) {
            Some(head) => (&bytes[..head], &bytes[bytes.len() - Packet::TAIL..]),
            None => (bytes, &[][..]),
        };
        let id = self.fabric.packets.take(from, to, head, tail);
        (self.tap)(&self.fabric.packets[id], length, ecn);
        let done = self.nic.sealed_until.max(self.now) + self.nic.seal.of(u64::from(length));
        self.nic.sealed_until = done;
        self.fabric.inject((self.now, done), id, (length, ecn), self.queue);
    }
}

/// The bytes before the payload of a packet that is not sealed: its tag says so. Control-plane packets
/// are always whole.
fn phantom_head(bytes: &[u8]) -> Option<usize> {
    const CLEAR: usize = sealane_transport::packet::CLEAR_HEADER_LEN;
    let (_, tag) = bytes.split_last_chunk::<{ Packet::TAIL }>()?;
    let head = CLEAR + usize::from(u16::from_be_bytes([tag[0], tag[1]]));
    let payload = bytes.len().checked_sub(head + Packet::TAIL)?;
    (is_data_plane(bytes[0]) && payload > 0).then_some(head)
}

impl Device for HostDevice<'_> {
    fn capabilities(&self) -> &Capabilities {
        &self.nic.capabilities
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        &self.nic.addresses
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        let link = self.fabric.uplink(self.nic.host);
        let full = self.fabric.serialise(link, self.nic.transmit_queue);
        if self.fabric.backlog(link, self.now) >= full {
            self.nic.blocked = true;
            return None;
        }
        Some(self.buffer)
    }

    fn post(&mut self, train: Train) {
        let from = Address { host: self.nic.host, port: train.route.local };
        // Addresses outside the fabric lead nowhere, as in any network.
        let Some(to) = Address::of(train.route.remote).filter(|to| to.host < self.fabric.hosts())
        else {
            return;
        };
        let ecn = if self.nic.capabilities.ecn { train.ecn } else { Ecn::NotEct };
        let length = train.length.min(self.buffer.len());
        let mut start = 0;
        while start < length {
            let end = (start + train.stride.max(1)).min(length);
            self.post_packet(from, to, ecn, start..end);
            start = end;
        }
    }

    fn flush(&mut self) {}

    fn poll(&mut self, _budget: usize, _sink: &mut dyn FnMut(Received<'_>)) -> usize {
        // Arrivals are events: the world hands them to the endpoint one by one.
        0
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        None
    }
}
