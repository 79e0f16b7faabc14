//! A device of any kind, to be wrapped by fault devices.

use std::net::SocketAddr;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};

/// See the module's text.
pub(crate) struct Carrier(pub Box<dyn Device>);

impl Device for Carrier {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        self.0.local_addresses()
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        self.0.lend()
    }

    fn post(&mut self, train: Train) {
        self.0.post(train);
    }

    fn flush(&mut self) {
        self.0.flush();
    }

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        self.0.poll(budget, sink)
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.0.poll_event()
    }
}
