//! Datagrams in: data plane or control plane, by the first byte (PROTOCOL §2.1).

use crate::close;
use crate::device::{DeviceEvent, Ecn, Received, Route};
use crate::error::LossCause;
use crate::memory::Memory;
use crate::packet::{ClearHeader, is_data_plane};
use crate::session::{Arrival, Closing};
use crate::time::Time;

use super::Endpoint;
use super::peer::State;

impl Endpoint {
    /// Takes in received packets. Anything that cannot be authenticated is counted and changes
    /// nothing else.
    pub fn handle(&mut self, now: Time, received: Received<'_>, memory: &mut dyn Memory) {
        let Received { route, ecn, stride, bytes } = received;
        for packet in bytes.chunks_mut(stride.max(1)) {
            match packet.first() {
                Some(first) if is_data_plane(*first) => {
                    self.handle_packet(now, route, ecn, packet, memory);
                }
                Some(_) => {
                    self.stats.control_received += 1;
                    self.control.handle(now, route, ecn, packet);
                    self.drain_control(now);
                }
                None => self.stats.dropped.empty += 1,
            }
        }
    }

    fn handle_packet(
        &mut self,
        now: Time,
        route: Route,
        ecn: Ecn,
        packet: &mut [u8],
        memory: &mut dyn Memory,
    ) {
        let Ok(header) = ClearHeader::parse(packet) else {
            self.stats.dropped.malformed_header += 1;
            return;
        };
        let Some(index) = self.sessions.get(&header.session).copied() else {
            self.stats.dropped.unknown_session += 1;
            return;
        };
        let peer = &mut self.peers[index];
        let State::Established(session) = &mut peer.state else { return };
        let mut arrival = Arrival {
            now,
            outbox: &mut peer.outbox,
            inbox: &mut self.inbox,
            memory,
            events: &mut self.events,
            stats: &mut self.stats,
        };
        let result = session.receive(&mut arrival, &header, route, ecn, packet);
        self.touch(index);
        match result {
            Ok(()) => self.touch_granted(),
            Err(LossCause::Closed { code, reason }) => {
                let rank = self.peers[index].rank;
                self.closed(now, rank, code, reason);
            }
            Err(cause) => {
                let closing = Closing { code: close::VIOLATION, reason: cause.to_string() };
                self.lose(now, index, &cause, Some(closing));
            }
        }
    }

    /// Grants are shared by all peers, so what one frees another may take.
    pub(super) fn touch_granted(&mut self) {
        while let Some(rank) = self.inbox.poll_ready() {
            if let Some(index) = self.ranks.get(&rank).copied() {
                self.touch(index);
            }
        }
    }

    /// Takes in what the device has to say besides packets. All of it is a hint: ICMP is not
    /// authenticated.
    pub fn handle_device_event(&mut self, now: Time, event: DeviceEvent) {
        let (DeviceEvent::Unreachable(route) | DeviceEvent::TooLarge(route, _)) = event else {
            return;
        };
        self.control.on_unreachable(now, route, &event);
        let Some(index) = self.by_address.get(&route.remote).copied() else { return };
        if let Some(session) = self.peers[index].session() {
            match event {
                DeviceEvent::Unreachable(_) => session.on_unreachable(now, route),
                DeviceEvent::TooLarge(_, mtu) => session.on_too_large(now, mtu),
                DeviceEvent::PortFailed(_) => {}
            }
        }
        self.touch(index);
    }
}
