//! The devices that the runtime drives: UDP sockets or verbs queue pairs, bare or with faults put in.

use std::net::SocketAddr;
use std::time::Duration;

use sealane_sim::fault::{FaultCounters, FaultDevice, FaultError, Faults};
use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};
use sealane_udp::{UdpConfig, UdpDevice, UdpError};
#[cfg(feature = "verbs")]
use sealane_verbs::{VerbsConfig, VerbsDevice, VerbsError};

/// A device without faults.
#[allow(clippy::large_enum_variant, reason = "there is one per process, and it is seldom moved")]
#[derive(Debug)]
pub enum Bare {
    /// UDP sockets.
    Udp(UdpDevice),
    /// Queue pairs of an RDMA device.
    #[cfg(feature = "verbs")]
    Verbs(VerbsDevice),
}

/// A device that can also be slept on.
#[expect(clippy::large_enum_variant, reason = "there is one per process, and it is seldom moved")]
#[derive(Debug)]
pub enum Wire {
    /// As it is.
    Bare(Bare),
    /// Its packets suffer: for tests and for `sealane perf`.
    Faulty(FaultDevice<Bare>),
}

/// Sleeps on a device, and wakes who sleeps, from any thread.
#[derive(Clone, Debug)]
pub enum Waiter {
    /// On sockets.
    Udp(sealane_udp::Waiter),
    /// On completions.
    #[cfg(feature = "verbs")]
    Verbs(sealane_verbs::Waiter),
}

impl Waiter {
    /// Sleeps until the device is ready, someone wakes this waiter, or `timeout` passes (`None` sleeps
    /// without limit). It may return early; it never sleeps through what was ready before the call.
    pub fn wait(&self, timeout: Option<Duration>) {
        match self {
            Self::Udp(waiter) => _ = waiter.wait(timeout),
            #[cfg(feature = "verbs")]
            Self::Verbs(waiter) => _ = waiter.wait(timeout),
        }
    }

    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        match self {
            Self::Udp(waiter) => waiter.wake(),
            #[cfg(feature = "verbs")]
            Self::Verbs(waiter) => waiter.wake(),
        }
    }
}

impl Wire {
    /// Opens sockets.
    ///
    /// # Errors
    ///
    /// As [`UdpDevice::bind`].
    pub fn udp(config: &UdpConfig) -> Result<Self, UdpError> {
        UdpDevice::bind(config).map(Bare::Udp).map(Self::Bare)
    }

    /// Opens queue pairs.
    ///
    /// # Errors
    ///
    /// As [`VerbsDevice::open`].
    #[cfg(feature = "verbs")]
    pub fn verbs(config: &VerbsConfig) -> Result<Self, VerbsError> {
        VerbsDevice::open(config).map(Bare::Verbs).map(Self::Bare)
    }

    /// Puts faults between the core and the device, on the way in: every packet passes one receiver.
    /// Equal seeds draw equal faults for equal traffic.
    ///
    /// # Errors
    ///
    /// [`FaultError`] for a probability outside 0..=1.
    pub fn with_faults(self, faults: Faults, seed: u64) -> Result<Self, FaultError> {
        match self {
            Self::Bare(device) => {
                FaultDevice::new(device, faults, Faults::NONE, seed).map(Self::Faulty)
            }
            Self::Faulty(mut device) => {
                device.set(faults, Faults::NONE)?;
                Ok(Self::Faulty(device))
            }
        }
    }

    /// Lets every path swallow everything, both ways.
    ///
    /// # Errors
    ///
    /// None: the faults are sound.
    pub fn blackholed(self) -> Result<Self, FaultError> {
        let all = Faults { blackhole: 1.0, ..Faults::NONE };
        match self {
            Self::Bare(device) => FaultDevice::new(device, all, all, 0).map(Self::Faulty),
            Self::Faulty(mut device) => {
                device.set(all, all)?;
                Ok(Self::Faulty(device))
            }
        }
    }

    /// A handle to sleep on the device and to wake who sleeps.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        match self.bare() {
            Bare::Udp(device) => Waiter::Udp(device.waiter()),
            #[cfg(feature = "verbs")]
            Bare::Verbs(device) => Waiter::Verbs(device.waiter()),
        }
    }

    /// Whether packets are held back that only another poll releases.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        match self {
            Self::Bare(_) => false,
            Self::Faulty(device) => device.is_holding(),
        }
    }

    /// What the faults did, if any were put in.
    #[must_use]
    pub fn injected(&self) -> Option<FaultCounters> {
        match self {
            Self::Bare(_) => None,
            Self::Faulty(device) => Some(device.received()),
        }
    }

    fn bare(&self) -> &Bare {
        match self {
            Self::Bare(device) => device,
            Self::Faulty(device) => device.inner(),
        }
    }

    fn device(&self) -> &dyn Device {
        match self {
            Self::Bare(device) => device.device(),
            Self::Faulty(device) => device,
        }
    }

    fn device_mut(&mut self) -> &mut dyn Device {
        match self {
            Self::Bare(device) => device.device_mut(),
            Self::Faulty(device) => device,
        }
    }
}

impl Bare {
    fn device(&self) -> &dyn Device {
        match self {
            Self::Udp(device) => device,
            #[cfg(feature = "verbs")]
            Self::Verbs(device) => device,
        }
    }

    fn device_mut(&mut self) -> &mut dyn Device {
        match self {
            Self::Udp(device) => device,
            #[cfg(feature = "verbs")]
            Self::Verbs(device) => device,
        }
    }
}

/// A device that hands everything on to what is in it.
macro_rules! delegate {
    ($name:ty) => {
        impl Device for $name {
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
    };
}

delegate!(Bare);
delegate!(Wire);
