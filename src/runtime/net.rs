//! An endpoint on a device: one turn of the drain contract, and sleeping between turns.

use std::time::Duration;

use sealane_transport::device::Device;
use sealane_transport::{Endpoint, Memory, Time};
use sealane_udp::UdpConfig;

use super::clock::Clock;
use super::wire::{Waiter, Wire};
use crate::communicator::Crash;

/// Batches taken from the device before what they caused is transmitted: enough to amortise a turn,
/// few enough that acknowledgements are not held up.
const POLL_BUDGET: usize = 32;

/// Held packets of a fault injector move only when polled.
const HOLDING_WAIT: Duration = Duration::from_micros(200);

/// The longest sleep: a lost wake-up must not be a hang.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// See the module's text.
pub(crate) struct Net {
    pub clock: Clock,
    pub endpoint: Endpoint,
    pub wire: Wire,
    waiter: Waiter,
    crashed: bool,
    /// Set in tests only.
    pub fuse: Option<Fuse>,
}

/// A crash to come, when so many more packets have been received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    pub packets: u64,
    pub how: Crash,
}

impl Net {
    pub(crate) fn new(clock: Clock, endpoint: Endpoint, wire: Wire) -> Self {
        let waiter = wire.waiter();
        Self { clock, endpoint, wire, waiter, crashed: false, fuse: None }
    }

    /// A handle that wakes whoever sleeps on the device.
    pub(crate) fn waiter(&self) -> Waiter {
        self.waiter.clone()
    }

    /// From now on nothing comes in, and nothing goes out.
    pub(crate) fn crash(&mut self, how: Crash) {
        self.crashed = !matches!(how, Crash::Blackholed | Crash::Stalled);
        let signal = match how {
            Crash::Silent | Crash::Stalled => return,
            Crash::Closed => {
                self.take_wire();
                return;
            }
            Crash::Blackholed => {
                if let Some(Ok(wire)) = self.take_wire().map(Wire::blackholed) {
                    self.wire = wire;
                }
                return;
            }
            Crash::Killed => rustix::process::Signal::KILL,
            Crash::Stopped => rustix::process::Signal::STOP,
        };
        if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), signal) {
            tracing::error!("cannot signal ourselves: {error}");
        }
    }

    /// Our sockets, whose place those of nobody take.
    fn take_wire(&mut self) -> Option<Wire> {
        let nobody = UdpConfig { ports: 1, ..UdpConfig::default() };
        let nobody = Wire::udp(&nobody).ok()?;
        Some(std::mem::replace(&mut self.wire, nobody))
    }

    /// How to crash, when the fuse has burnt down.
    pub(crate) fn take_burnt(&mut self) -> Option<Crash> {
        self.fuse.take_if(|fuse| fuse.packets == 0).map(|fuse| fuse.how)
    }

    /// Takes in what has arrived; returns whether anything had. Timers run after it, so that an
    /// acknowledgement that is here already does not count as late.
    pub(crate) fn receive(&mut self, memory: &mut dyn Memory) -> bool {
        if self.crashed {
            return false;
        }
        let now = self.clock.now();
        let (endpoint, fuse) = (&mut self.endpoint, &mut self.fuse);
        let polled = self.wire.poll(POLL_BUDGET, &mut |received| match fuse {
            None => endpoint.handle(now, received, memory),
            Some(Fuse { packets: 0, .. }) => {}
            Some(fuse) => {
                fuse.packets -= 1;
                endpoint.handle(now, received, memory);
            }
        });
        while let Some(event) = self.wire.poll_event() {
            endpoint.handle_device_event(now, event);
        }
        if endpoint.next_deadline().is_some_and(|at| at <= now) {
            endpoint.handle_timeout(now);
        }
        polled > 0
    }

    /// Sends what is due; returns whether anything was.
    pub(crate) fn transmit(&mut self, memory: &dyn Memory) -> bool {
        if self.crashed {
            return false;
        }
        let now = self.clock.now();
        let mut any = false;
        while self.endpoint.poll_transmit(now, &mut self.wire, memory) > 0 {
            any = true;
        }
        if any {
            self.wire.flush();
        }
        any
    }

    /// How long nothing is due, at most until `deadline`.
    pub(crate) fn idle_time(&self, deadline: Time) -> Duration {
        if self.crashed {
            return SLEEP_MAX;
        }
        let now = self.clock.now();
        let due = self.endpoint.next_deadline().unwrap_or(Time::MAX).min(deadline);
        let longest = if self.wire.is_holding() { HOLDING_WAIT } else { SLEEP_MAX };
        due.since(now).min(longest)
    }

    /// One turn without messages, and a sleep if nothing happened: for the rendezvous.
    pub(crate) fn turn_or_sleep(&mut self, deadline: Time) {
        let received = self.receive(&mut NoMemory);
        let sent = self.transmit(&NoMemory);
        if !received && !sent {
            self.waiter.wait(Some(self.idle_time(deadline)));
        }
    }
}

/// Memory before there are buffers: nothing can be placed, nothing sent.
pub(crate) struct NoMemory;

impl Memory for NoMemory {
    fn source(&self, _: sealane_transport::BufferId, _: u64, _: usize) -> Option<&[u8]> {
        None
    }

    fn place(&mut self, _: sealane_transport::BufferId, _: u64, _: &[u8]) -> bool {
        false
    }
}
