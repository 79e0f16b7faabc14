//! What the device has to say: bounded, deduplicated events, and the counters.

use std::collections::VecDeque;

use sealane_transport::device::DeviceEvent;

use crate::stats::VerbsStats;

/// Events kept until the driver fetches them.
const EVENTS_MAX: usize = 256;

/// Pending events and the counters.
#[derive(Debug, Default)]
pub struct Report {
    pub stats: VerbsStats,
    events: VecDeque<DeviceEvent>,
}

impl Report {
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

    pub fn next_event(&mut self) -> Option<DeviceEvent> {
        self.events.pop_front()
    }
}
