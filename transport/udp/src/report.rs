//! What the device has to say: errors of the network as bounded, deduplicated events.

use std::collections::VecDeque;

use sealane_transport::device::{DeviceEvent, Route};

use crate::stats::UdpStats;
use crate::sys::socket::NetworkError;

/// Events kept until the driver fetches them. A flood of ICMP beyond this is only counted.
const EVENTS_MAX: usize = 256;

/// Pending events and the counters.
#[derive(Debug)]
pub struct Report {
    pub stats: UdpStats,
    events: VecDeque<DeviceEvent>,
    /// IP and UDP header bytes of the device's family, to turn a path MTU into a payload.
    header_bytes: u32,
}

impl Report {
    pub fn new(header_bytes: u32) -> Self {
        let events = VecDeque::with_capacity(EVENTS_MAX);
        Self { stats: UdpStats::default(), events, header_bytes }
    }

    /// Queues an event unless the same one is already waiting.
    pub fn event(&mut self, event: DeviceEvent) {
        if self.events.contains(&event) {
            return;
        }
        if self.events.len() == EVENTS_MAX {
            self.stats.events_dropped += 1;
            return;
        }
        self.events.push_back(event);
    }

    /// Queues "too large, limit unknown" unless the kernel already named the limit for the route.
    pub fn too_large(&mut self, route: Route) {
        let known = |e: &DeviceEvent| matches!(e, DeviceEvent::TooLarge(r, _) if *r == route);
        if !self.events.iter().any(known) {
            self.event(DeviceEvent::TooLarge(route, 0));
        }
    }

    /// Takes in one entry of a socket's error queue.
    pub fn network_error(&mut self, local: u16, error: &NetworkError) {
        self.stats.error_reports += 1;
        let Some(remote) = error.remote else { return };
        let route = Route { local, remote };
        match error.errno {
            0 => {}
            libc::EMSGSIZE => {
                let payload = error.info.saturating_sub(self.header_bytes);
                let payload = u16::try_from(payload).unwrap_or(u16::MAX);
                self.event(DeviceEvent::TooLarge(route, payload));
            }
            _ => self.event(DeviceEvent::Unreachable(route)),
        }
    }

    pub fn next_event(&mut self) -> Option<DeviceEvent> {
        self.events.pop_front()
    }
}
