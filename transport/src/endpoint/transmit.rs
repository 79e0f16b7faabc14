//! Datagrams out: control plane first, then every peer that has something, in turn.

use crate::device::{Device, Train};
use crate::memory::Memory;
use crate::session::Outlet;
use crate::time::Time;

use super::Endpoint;
use super::peer::State;

impl Endpoint {
    /// Posts what is due to `device`, sealing straight from `memory`; returns the trains posted. Call
    /// it until it returns 0, then flush the device.
    pub fn poll_transmit(
        &mut self,
        now: Time,
        device: &mut dyn Device,
        memory: &dyn Memory,
    ) -> usize {
        let mut trains = if self.control.has_transmit() {
            self.transmit_control(now, device)
        } else {
            // The common case, and that of every look of a thread that waits.
            0
        };
        for (mut session, closing) in std::mem::take(&mut self.farewells) {
            session.farewell(now, &closing, device);
            trains += 1;
        }
        for _ in 0..self.dirty.len() {
            let Some(index) = self.dirty.pop_front() else { break };
            self.peers[index].dirty = false;
            let (posted, blocked) = self.transmit_peer(now, index, device, memory);
            trains += posted;
            self.arm(now, index);
            if blocked {
                self.touch(index);
                break;
            }
        }
        trains
    }

    fn transmit_control(&mut self, now: Time, device: &mut dyn Device) -> usize {
        let mut trains = 0;
        loop {
            let Some(buffer) = device.lend() else { return trains };
            self.scratch.clear();
            let Some(transmit) = self.control.poll_transmit(now, &mut self.scratch) else {
                return trains;
            };
            let length = transmit.length.min(self.scratch.len());
            if length == 0 || length > buffer.len() {
                continue;
            }
            buffer[..length].copy_from_slice(&self.scratch[..length]);
            let stride = transmit.segment.unwrap_or(length);
            device.post(Train { route: transmit.route, length, stride, ecn: transmit.ecn });
            self.stats.control_sent += 1;
            trains += 1;
        }
    }

    fn transmit_peer(
        &mut self,
        now: Time,
        index: usize,
        device: &mut dyn Device,
        memory: &dyn Memory,
    ) -> (usize, bool) {
        let peer = &mut self.peers[index];
        let State::Established(session) = &mut peer.state else { return (0, false) };
        let mut outlet = Outlet {
            now,
            device,
            memory,
            outbox: &mut peer.outbox,
            inbox: &mut self.inbox,
            events: &mut self.events,
            stats: &mut self.stats,
        };
        match session.transmit(&mut outlet) {
            Ok(progress) => {
                if progress.more {
                    self.touch(index);
                }
                (progress.trains, progress.blocked)
            }
            Err(cause) => {
                self.lose(now, index, &cause, None);
                (0, false)
            }
        }
    }
}
