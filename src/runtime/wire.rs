//! The devices that the runtime drives: UDP sockets, bare or with faults put in.

use std::net::SocketAddr;

use sealane_sim::fault::{FaultCounters, FaultDevice, FaultError, Faults};
use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};
use sealane_udp::{UdpConfig, UdpDevice, UdpError, Waiter};

/// A device that can also be slept on.
#[expect(clippy::large_enum_variant, reason = "there is one per process, and it is never moved")]
#[derive(Debug)]
pub enum Wire {
    /// UDP sockets.
    Udp(UdpDevice),
    /// UDP sockets whose packets suffer: for tests and for `sealane perf`.
    Faulty(FaultDevice<UdpDevice>),
}

impl Wire {
    /// Opens sockets.
    ///
    /// # Errors
    ///
    /// As [`UdpDevice::bind`].
    pub fn udp(config: &UdpConfig) -> Result<Self, UdpError> {
        UdpDevice::bind(config).map(Self::Udp)
    }

    /// Puts faults between the core and the sockets, on the way in: every packet passes one receiver.
    /// Equal seeds draw equal faults for equal traffic.
    ///
    /// # Errors
    ///
    /// [`FaultError`] for a probability outside 0..=1.
    pub fn with_faults(self, faults: Faults, seed: u64) -> Result<Self, FaultError> {
        match self {
            Self::Udp(device) => {
                FaultDevice::new(device, faults, Faults::NONE, seed).map(Self::Faulty)
            }
            Self::Faulty(mut device) => {
                device.set(faults, Faults::NONE)?;
                Ok(Self::Faulty(device))
            }
        }
    }

    /// A handle to sleep on the sockets and to wake who sleeps.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.socket().waiter()
    }

    /// Whether packets are held back that only another poll releases.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Faulty(device) => device.is_holding(),
        }
    }

    /// What the faults did, if any were put in.
    #[must_use]
    pub fn injected(&self) -> Option<FaultCounters> {
        match self {
            Self::Udp(_) => None,
            Self::Faulty(device) => Some(device.received()),
        }
    }

    fn socket(&self) -> &UdpDevice {
        match self {
            Self::Udp(device) => device,
            Self::Faulty(device) => device.inner(),
        }
    }

    fn device(&self) -> &dyn Device {
        match self {
            Self::Udp(device) => device,
            Self::Faulty(device) => device,
        }
    }

    fn device_mut(&mut self) -> &mut dyn Device {
        match self {
            Self::Udp(device) => device,
            Self::Faulty(device) => device,
        }
    }
}

impl Device for Wire {
    fn capabilities(&self) -> &Capabilities {
        self.device().capabilities()
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        self.device().local_addresses()
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        self.device_mut().lend()
    }

    fn post(&mut self, train: Train) {
        self.device_mut().post(train);
    }

    fn flush(&mut self) {
        self.device_mut().flush();
    }

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        self.device_mut().poll(budget, sink)
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.device_mut().poll_event()
    }
}
