//! The device of a simulated host.

use std::net::SocketAddr;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Ecn, Received, Route, Train};

use crate::network::Network;

/// What a simulated host's device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Local ports; paths are local × remote ports. At least 1.
    pub ports: u16,
    /// The largest datagram payload in bytes.
    pub mtu: u16,
    /// Bytes that every path carries without probing.
    pub mtu_base: u16,
    /// The most packets in one train.
    pub train_packets: u16,
    /// Whether ECN codepoints are carried.
    pub ecn: bool,
    /// Bytes that wait in the receive queue before datagrams are dropped.
    pub receive_budget: u64,
    /// Hand runs of equal datagrams over as one batch, as GRO does.
    pub coalesce: bool,
    /// Lose trains whole, as loopback and veth do with segmentation offload.
    pub whole_trains: bool,
}

impl Default for DeviceSettings {
    /// Four ports, jumbo frames, trains of 16, ECN, 4 MiB of receive queue.
    fn default() -> Self {
        Self {
            ports: 4,
            mtu: 8952,
            mtu_base: 1200,
            train_packets: 16,
            ecn: true,
            receive_budget: 4 << 20,
            coalesce: true,
            whole_trains: false,
        }
    }
}

/// A host's device on a [`Network`]. Trains go on the wire when they are posted, at the network's
/// current time.
#[derive(Debug)]
pub struct SimDevice {
    network: Network,
    host: usize,
    addresses: Vec<SocketAddr>,
    capabilities: Capabilities,
    coalesce: bool,
    buffer: Vec<u8>,
    batch: Vec<u8>,
}

/// The most bytes of one coalesced batch, as the kernel's GRO has it.
const BATCH_BYTES_MAX: usize = 65_535;

impl SimDevice {
    pub(crate) fn new(
        network: Network,
        host: usize,
        addresses: Vec<SocketAddr>,
        settings: &DeviceSettings,
    ) -> Self {
        let train_packets = settings.train_packets.max(1);
        let train_bytes = u32::from(settings.mtu) * u32::from(train_packets);
        let capabilities = Capabilities {
            name: "sim",
            mtu: settings.mtu,
            mtu_base: settings.mtu_base,
            train_packets,
            train_bytes,
            ecn: settings.ecn,
            reliable: false,
            receive_budget: settings.receive_budget,
        };
        Self {
            network,
            host,
            addresses,
            capabilities,
            coalesce: settings.coalesce,
            buffer: vec![0; train_bytes as usize],
            batch: Vec::with_capacity(BATCH_BYTES_MAX),
        }
    }

    /// This host's number on the network.
    #[must_use]
    pub const fn host(&self) -> usize {
        self.host
    }

    /// Collects the next run of equal datagrams into `batch`.
    fn next_batch(&mut self) -> Option<(Route, Ecn, usize)> {
        let mut world = self.network.world();
        let first = world.receive(self.host, |_| true)?;
        let stride = first.bytes.len().max(1);
        let (route, ecn) = (first.route, first.ecn);
        self.batch.clear();
        self.batch.extend_from_slice(&first.bytes);
        world.recycle(first.bytes);
        let mut full = self.batch.len() == stride && self.coalesce;
        while full {
            let room = BATCH_BYTES_MAX.saturating_sub(self.batch.len());
            let next = world.receive(self.host, |next| {
                let fits = (1..=stride.min(room)).contains(&next.bytes.len());
                next.route == route && next.ecn == ecn && fits
            });
            let Some(next) = next else { break };
            self.batch.extend_from_slice(&next.bytes);
            full = next.bytes.len() == stride;
            world.recycle(next.bytes);
        }
        Some((route, ecn, stride))
    }
}

impl Device for SimDevice {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.buffer)
    }

    fn post(&mut self, mut train: Train) {
        train.length = train.length.min(self.buffer.len());
        if train.stride > usize::from(self.capabilities.mtu) {
            let event = DeviceEvent::TooLarge(train.route, self.capabilities.mtu);
            self.network.world().tell(self.host, event);
            return;
        }
        if !self.capabilities.ecn {
            train.ecn = Ecn::NotEct;
        }
        self.network.world().transmit(self.host, &train, &self.buffer[..train.length]);
    }

    fn flush(&mut self) {}

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        for passed in 0..budget {
            let Some((route, ecn, stride)) = self.next_batch() else { return passed };
            sink(Received { route, ecn, stride, bytes: &mut self.batch });
        }
        budget
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.network.world().next_event(self.host)
    }
}
