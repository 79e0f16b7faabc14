//! Sleeping until the device has something to do, and waking whoever sleeps.

use std::sync::Arc;
use std::time::Duration;

use crate::sys::poller::Poller;

/// Why [`Waiter::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// A socket has packets or errors, or can send again: poll and flush the device.
    Ready,
    /// [`Waiter::wake`] was called (or a signal arrived).
    Woken,
    /// The time is up.
    TimedOut,
}

/// Sleeps on a device's sockets; wakes sleepers from any thread.
///
/// A wake-up sent while nobody sleeps is kept for the next [`wait`](Self::wait); several are one.
/// Each wake-up ends at least one wait; a driver has one sleeper at a time.
#[derive(Clone, Debug)]
pub struct Waiter {
    poller: Arc<Poller>,
}

impl Waiter {
    pub(crate) fn new(poller: Arc<Poller>) -> Self {
        Self { poller }
    }

    /// Sleeps until the device is ready, someone wakes this waiter, or `timeout` passes (`None`
    /// sleeps without limit). Resolution is that of the kernel's high-resolution timers. It may
    /// return early; it never sleeps through a readiness that existed before the call.
    pub fn wait(&self, timeout: Option<Duration>) -> Wakeup {
        self.poller.wait(timeout)
    }

    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        self.poller.wake();
    }
}
