//! The device: packets that tell of ends, and sleep until there are any or until someone wakes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::sync::{Condvar, Mutex};

#[derive(Debug, Default)]
struct State {
    packets: BTreeSet<u32>,
    woken: bool,
}

/// Level-triggered, as the epoll set of the real one: a wake-up ends one wait, any, or the next one.
#[derive(Debug)]
pub(crate) struct Device {
    state: Mutex<State>,
    ready: Condvar,
}

impl Device {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::default()), ready: Condvar::new() })
    }

    /// The network delivers a packet.
    pub(crate) fn deliver(&self, packet: u32) {
        self.state.lock().unwrap().packets.insert(packet);
        self.ready.notify_all();
    }

    /// Takes the packets.
    pub(crate) fn poll(&self) -> BTreeSet<u32> {
        std::mem::take(&mut self.state.lock().unwrap().packets)
    }
}

/// Sleeps on a device, and wakes who sleeps.
#[derive(Clone, Debug)]
pub(crate) struct Waiter(pub Arc<Device>);

impl Waiter {
    /// The time limit never comes.
    pub(crate) fn wait(&self, _: Option<Duration>) {
        let mut state = self.0.state.lock().unwrap();
        while !state.woken && state.packets.is_empty() {
            state = self.0.ready.wait(state).unwrap();
        }
        state.woken = false;
    }

    pub(crate) fn wake(&self) {
        self.0.state.lock().unwrap().woken = true;
        self.0.ready.notify_all();
    }
}
