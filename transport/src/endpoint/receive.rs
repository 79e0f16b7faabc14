//! Datagrams in: data plane or control plane, by the first byte (PROTOCOL §2.1).

use crate::close;
use crate::device::{DeviceEvent, Ecn, Received, Route};
use crate::error::LossCause;
use crate::memory::Memory;
use crate::packet::{ClearHeader, is_data_plane};
use crate::session::{Arrival, Closing, Session};
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
            grants: &self.grants,
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

    /// Takes in what the device has to say besides packets. What it says of the network is a hint:
    /// ICMP is not authenticated. What it says of its own ports is true.
    pub fn handle_device_event(&mut self, now: Time, event: DeviceEvent) {
        match event {
            DeviceEvent::Unreachable(route) => {
                self.control.on_unreachable(now, route);
                self.hint(route, |session| session.on_unreachable(now, route));
            }
            DeviceEvent::TooLarge(route, mtu) => {
                self.hint(route, |session| session.on_too_large(now, mtu));
            }
            DeviceEvent::PortFailed(port) => self.port_failed(now, port),
        }
    }

    fn hint(&mut self, route: Route, tell: impl FnOnce(&mut Session)) {
        let Some(index) = self.by_address.get(&route.remote).copied() else { return };
        if let Some(session) = self.peers[index].session() {
            tell(session);
        }
        self.touch(index);
    }

    /// No session sends from `port` any more; what was on its way from there goes again elsewhere.
    fn port_failed(&mut self, now: Time, port: u16) {
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            let State::Established(session) = &mut peer.state else { continue };
            session.on_port_failed(
                now,
                port,
                &mut peer.outbox,
                &mut self.inbox,
                &mut self.events,
                &mut self.stats,
            );
            self.touch(index);
        }
    }
}
