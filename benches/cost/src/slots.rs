//! A device that keeps what is posted until it is handed over. It allocates nothing once it is made.

use std::net::{Ipv4Addr, SocketAddr};

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};

/// Trains that it takes at a time.
const TRAINS: usize = 64;
/// Bytes of one.
const TRAIN_BYTES: usize = 1 << 16;
/// Payload bytes in flight that it claims to hold.
const RECEIVE_BUDGET: u64 = 16 << 20;
/// The port of a node's first local address.
const PORT: u16 = 9000;

/// See the module's text.
#[derive(Debug)]
pub struct Slots {
    capabilities: Capabilities,
    addresses: Vec<SocketAddr>,
    buffers: Vec<u8>,
    posted: Vec<Train>,
}

impl Slots {
    /// The device of a node, with so many local ports and packets of so many bytes.
    pub(crate) fn new(node: usize, ports: u16, packet: u16) -> Self {
        Self {
            capabilities: Capabilities {
                name: "memory",
                mtu: packet,
                mtu_base: packet,
                train_packets: 16,
                train_bytes: TRAIN_BYTES as u32,
                ecn: true,
                reliable: false,
                receive_budget: RECEIVE_BUDGET,
            },
            addresses: (0..ports).map(|port| Self::address(node, port)).collect(),
            buffers: vec![0; TRAINS * TRAIN_BYTES],
            posted: Vec::with_capacity(TRAINS),
        }
    }

    fn address(node: usize, port: u16) -> SocketAddr {
        let [high, low] = (node as u16).to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(10, 1, high, low), PORT + port))
    }

    /// The node and the port of an address.
    pub(crate) fn whose(address: SocketAddr) -> (usize, u16) {
        let SocketAddr::V4(v4) = address else { panic!("all addresses are IPv4") };
        let [_, _, high, low] = v4.ip().octets();
        (usize::from(u16::from_be_bytes([high, low])), address.port() - PORT)
    }

    /// Trains that were posted and not taken.
    pub fn posted(&self) -> &[Train] {
        &self.posted
    }

    /// Packets of them.
    pub fn packets(&self) -> usize {
        self.posted.iter().map(|train| train.length.div_ceil(train.stride)).sum()
    }

    /// A train that was posted, and its bytes.
    pub(crate) fn train(&mut self, index: usize) -> (Train, &mut [u8]) {
        let train = self.posted[index];
        (train, &mut self.buffers[index * TRAIN_BYTES..][..train.length])
    }

    /// All were taken.
    pub(crate) fn clear(&mut self) {
        self.posted.clear();
    }
}

impl Device for Slots {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        let at = self.posted.len();
        (at < TRAINS).then(|| &mut self.buffers[at * TRAIN_BYTES..][..TRAIN_BYTES])
    }

    fn post(&mut self, train: Train) {
        self.posted.push(train);
    }

    fn flush(&mut self) {}

    /// Packets are handed over by [`Star::deliver`](crate::Star::deliver).
    fn poll(&mut self, _budget: usize, _sink: &mut dyn FnMut(Received<'_>)) -> usize {
        0
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        None
    }
}
