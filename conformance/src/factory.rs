//! What the suite needs to know of a kind of device.

use std::time::Duration;

use sealane_transport::Time;
use sealane_transport::device::Device;

/// What a device is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Local ports (sockets, queue pairs); a device may have fewer.
    pub ports: u16,
    /// Cap on the datagram size in bytes; `None` takes what the device has.
    pub mtu: Option<u16>,
}

impl Default for Options {
    /// Four ports, the device's own MTU.
    fn default() -> Self {
        Self { ports: 4, mtu: None }
    }
}

/// Opens devices that can reach each other, and knows how time passes for them.
pub trait Factory {
    /// For the report: `sim`, `udp`, `verbs`.
    fn name(&self) -> &str;

    /// A device for one more rank. It is dropped at the end of the case.
    ///
    /// # Errors
    ///
    /// A text that says why there is none: the case then fails.
    fn open(&mut self, options: &Options) -> Result<Box<dyn Device>, String>;

    /// A handle that sleeps on the device opened last; `None` in virtual time, where nobody sleeps.
    fn sleeper(&mut self) -> Option<Box<dyn Sleeper>> {
        None
    }

    /// The time now.
    fn now(&self) -> Time;

    /// Lets time pass until something may have arrived at one of the devices, at most until `until`; on
    /// real devices, for a few milliseconds at most.
    fn wait(&mut self, until: Time);

    /// A case has ended, and its devices are gone.
    fn reset(&mut self) {}
}

/// Sleeps on a device, and wakes who sleeps there.
pub trait Sleeper: Send {
    /// Sleeps until the device has something to do or [`wake`](Self::wake) is called, at most `timeout`.
    /// Returns whether it was anything but the timeout.
    fn wait(&self, timeout: Duration) -> bool;

    /// Ends the present wait, or the next one.
    fn wake(&self);

    /// Another handle of the same.
    fn twin(&self) -> Box<dyn Sleeper>;
}
