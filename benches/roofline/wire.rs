//! What carries the trains: bare system calls, or Sealane's device.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sealane_transport::device::{Device, Ecn, Received, Route, Train};
use sealane_udp::{UdpConfig, UdpDevice};

use super::bare::BareWire;

/// Receive buffer per socket, in bytes.
pub const RECEIVE_BUFFER: usize = 4 << 20;

/// Which wire to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Bare,
    Device,
}

/// One end of a pair.
pub trait Wire: Send {
    fn address(&self) -> SocketAddr;
    fn connect(&mut self, remote: SocketAddr);
    /// A buffer for a train, if there is room.
    fn lend(&mut self) -> Option<&mut [u8]>;
    fn post(&mut self, length: usize, stride: usize);
    fn flush(&mut self);
    /// Passes what has arrived, as runs of packets of the given stride.
    fn poll(&mut self, sink: &mut dyn FnMut(&mut [u8], usize));
}

/// Opens one end.
pub fn open(backend: Backend) -> Box<dyn Wire> {
    match backend {
        Backend::Bare => Box::new(BareWire::bind()),
        Backend::Device => Box::new(DeviceWire::bind()),
    }
}

struct DeviceWire {
    device: UdpDevice,
    route: Route,
}

impl DeviceWire {
    fn bind() -> Self {
        let config = UdpConfig { ports: 1, receive_buffer: RECEIVE_BUFFER, ..UdpConfig::default() };
        let device = UdpDevice::bind(&config).expect("opening a device");
        let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
        Self { device, route: Route { local: 0, remote } }
    }
}

impl Wire for DeviceWire {
    fn address(&self) -> SocketAddr {
        self.device.local_addresses()[0]
    }

    fn connect(&mut self, remote: SocketAddr) {
        self.route.remote = remote;
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        self.device.lend()
    }

    fn post(&mut self, length: usize, stride: usize) {
        self.device.post(Train { route: self.route, length, stride, ecn: Ecn::Ect0 });
    }

    fn flush(&mut self) {
        self.device.flush();
    }

    fn poll(&mut self, sink: &mut dyn FnMut(&mut [u8], usize)) {
        self.device.poll(8, &mut |r: Received<'_>| sink(r.bytes, r.stride));
    }
}
