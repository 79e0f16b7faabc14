//! The device: sockets, transmit and receive sides, and the [`Device`] contract over them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};

use crate::config::{MTU_BASE, UdpConfig};
use crate::error::{Opening, UdpError};
use crate::port::{self, Port};
use crate::receive::Receiver;
use crate::report::Report;
use crate::stats::UdpStats;
use crate::sys::interface::{self, Interface};
use crate::sys::poller::Poller;
use crate::transmit::{Flushed, Segmentation, Transmitter};
use crate::waiter::Waiter;

/// The kernel's limit on segments of one message (`UDP_MAX_SEGMENTS`; newer kernels take more).
const SEGMENTS_MAX: u16 = 64;

/// UDP sockets as one device. See the [crate] documentation.
#[derive(Debug)]
pub struct UdpDevice {
    capabilities: Capabilities,
    addresses: Vec<SocketAddr>,
    ports: Vec<Port>,
    poller: Arc<Poller>,
    transmitter: Transmitter,
    receiver: Receiver,
    report: Report,
    /// Bit per port: its socket buffer is full, and the sleeper waits for room.
    blocked: u64,
}

impl UdpDevice {
    /// Opens the sockets.
    ///
    /// # Errors
    /// [`UdpError`] with the cause and a remedy; everything opened so far is closed again.
    pub fn bind(config: &UdpConfig) -> Result<Self, UdpError> {
        config.validate()?;
        let opening = |i: usize| {
            let ip = config.addresses[i % config.addresses.len()];
            let port = config.first_port.filter(|_| i == 0).unwrap_or(0);
            Opening { address: SocketAddr::new(ip, port), opened: i, wanted: config.ports }
        };
        let failed = |i, what| move |source: io::Error| opening(i).error(what, source);
        let interfaces =
            interface::interfaces().map_err(failed(0, "listing the network interfaces"))?;
        let poller = Poller::new().map_err(failed(0, "creating the epoll set"))?;
        let mut ports = Vec::with_capacity(config.ports);
        for i in 0..config.ports {
            let port = Port::open(opening(i), config, &interfaces)?;
            poller.add(port.fd(), i as u16).map_err(failed(i, "adding to the epoll set"))?;
            ports.push(port);
        }
        Ok(Self::assemble(config, ports, poller, &interfaces))
    }

    fn assemble(
        config: &UdpConfig,
        ports: Vec<Port>,
        poller: Poller,
        interfaces: &[Interface],
    ) -> Self {
        warn_of_small_buffers(config, &ports);
        let ipv4 = config.addresses.iter().all(std::net::IpAddr::is_ipv4);
        let headers = port::header_bytes(ipv4);
        let train_bytes = u32::from(u16::MAX - headers);
        let gso = config.gso && ports.iter().all(Port::has_gso);
        let train_packets = if gso { SEGMENTS_MAX } else { 1 };
        let mtu = ports.iter().map(|p| p.mtu(interfaces)).min().unwrap_or(MTU_BASE);
        let granted: u64 = ports.iter().map(|p| p.receive_buffer).sum();
        let capabilities = Capabilities {
            name: "udp",
            mtu: mtu.min(config.mtu.unwrap_or(u16::MAX)).max(MTU_BASE),
            mtu_base: MTU_BASE,
            train_packets,
            train_bytes,
            ecn: true,
            reliable: false,
            // The kernel charges a datagram's buffers, not its payload: for full packets up to a
            // little over twice as much (a linear buffer is rounded up to a power of two, plus its
            // descriptor), which is why it doubles what was asked. Three eighths of what it
            // granted, that is 2.67 charged bytes per payload byte, is payload that surely fits.
            receive_budget: granted / 8 * 3,
        };
        let segmentation =
            Segmentation { packets: usize::from(train_packets), bytes: train_bytes as usize };
        Self {
            capabilities,
            addresses: ports.iter().map(|p| p.address).collect(),
            transmitter: Transmitter::new(ports.len(), ipv4, segmentation),
            receiver: Receiver::new(ports.len()),
            report: Report::new(u32::from(headers)),
            poller: Arc::new(poller),
            ports,
            blocked: 0,
        }
    }

    /// A handle to sleep on this device, and to wake who sleeps.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter::new(Arc::clone(&self.poller))
    }

    /// What the device has done so far.
    #[must_use]
    pub fn stats(&self) -> &UdpStats {
        &self.report.stats
    }

    /// Sends what waits for one port, and keeps the sleeper's interest in step.
    fn flush_port(&mut self, local: u16) {
        let Some(port) = self.ports.get(usize::from(local)) else { return };
        let flushed = self.transmitter.flush(local, port, &mut self.report);
        let bit = 1u64 << local;
        let blocked = flushed == Flushed::Blocked;
        if flushed == Flushed::Failed {
            self.fail_port(local);
        } else if blocked != (self.blocked & bit != 0) {
            self.blocked ^= bit;
            if let Err(error) = self.poller.want_write(port.fd(), local, blocked) {
                tracing::warn!(%error, local, "cannot change what to wait for on a UDP port");
            }
        }
    }

    /// Sends what waits for any port whose bit is not set.
    fn flush_except(&mut self, not: u64) {
        for local in 0..self.ports.len() as u16 {
            if not & (1u64 << local) == 0 && self.transmitter.is_waiting(local) {
                self.flush_port(local);
            }
        }
    }

    /// Gives up a broken port and says so.
    fn fail_port(&mut self, local: u16) {
        self.blocked &= !(1u64 << local);
        self.transmitter.fail(local, &mut self.report);
        self.receiver.fail(local);
        if let Some(port) = self.ports.get(usize::from(local)) {
            // A closed socket has left the set already.
            let _ = self.poller.remove(port.fd());
        }
        self.report.event(DeviceEvent::PortFailed(local));
    }

    /// Tries again where a full socket buffer stopped sending.
    fn flush_blocked(&mut self) {
        let mut left = self.blocked;
        while left != 0 {
            self.flush_port(left.trailing_zeros() as u16);
            left &= left - 1;
        }
    }
}

/// Says once per device when the kernel grants less receive buffer than asked for.
fn warn_of_small_buffers(config: &UdpConfig, ports: &[Port]) {
    let granted = ports.iter().map(|p| p.receive_buffer).min().unwrap_or(0) / 2;
    let asked = config.receive_buffer as u64;
    if granted < asked {
        tracing::warn!(
            asked,
            granted,
            "UDP receive buffers are smaller than asked for, large messages will be slower; \
             allow more with `sysctl -w net.core.rmem_max={asked}`"
        );
    }
}

impl Device for UdpDevice {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        if !self.transmitter.can_lend() {
            self.flush();
        }
        self.transmitter.lend()
    }

    fn post(&mut self, train: Train) {
        if self.transmitter.post(train, &mut self.report) {
            self.flush_except(self.blocked);
        }
    }

    fn flush(&mut self) {
        self.flush_except(0);
    }

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        self.flush_blocked();
        let (passed, failed) =
            self.receiver.poll(&self.ports, &self.poller, &mut self.report, budget, sink);
        if let Some(local) = failed {
            self.fail_port(local);
        }
        passed
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.report.next_event()
    }
}
