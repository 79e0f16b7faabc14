//! Datagrams in: from known connections, and from strangers.

use bytes::BytesMut;
use quinn_proto::{ConnectionHandle, DatagramEvent, EcnCodepoint, Incoming, Transmit};

use super::ControlPlane;
use super::link::{Link, Origin};
use crate::device::{Ecn, Route};
use crate::time::Time;

/// Stray datagrams that wait to be posted; more are dropped, as the network might.
const STRAY_MAX: usize = 256;

impl ControlPlane {
    /// Takes in a datagram that arrived over `route`. Data-plane packets and garbage are ignored.
    pub fn handle(&mut self, now: Time, route: Route, ecn: Ecn, datagram: &[u8]) {
        if datagram.first().is_none_or(|byte| byte & 0xc0 == 0) {
            return;
        }
        let mut reply = std::mem::take(&mut self.scratch);
        reply.clear();
        let event = self.quic.handle(
            self.instant(now),
            route.remote,
            None,
            EcnCodepoint::from_bits(ecn as u8),
            BytesMut::from(datagram),
            &mut reply,
        );
        match event {
            Some(DatagramEvent::ConnectionEvent(ConnectionHandle(id), event)) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.heard = true;
                    link.connection.handle_event(event);
                    self.drive(now, id);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.admit(now, route, incoming, &mut reply);
            }
            Some(DatagramEvent::Response(transmit)) => self.stray(route, &transmit, &reply),
            None => {}
        }
        self.scratch = reply;
    }

    /// A stranger's first packet: accept it, ask for proof of its address, or ignore it.
    fn admit(&mut self, now: Time, route: Route, incoming: Incoming, reply: &mut Vec<u8>) {
        if self.half_open >= self.half_open_max {
            self.quic.ignore(incoming);
            return;
        }
        let crowded = self.half_open >= self.half_open_max / 4;
        if crowded && !incoming.remote_address_validated() && incoming.may_retry() {
            if let Ok(transmit) = self.quic.retry(incoming, reply) {
                self.stray(route, &transmit, reply);
            }
            return;
        }
        match self.quic.accept(incoming, self.instant(now), reply, None) {
            Ok((ConnectionHandle(id), connection)) => {
                let deadline = now + self.handshake_timeout;
                let mut link = Link::new(
                    connection,
                    Origin::Theirs,
                    route.local,
                    route.remote,
                    Some(deadline),
                );
                link.heard = true;
                self.half_open += 1;
                self.links.insert(id, link);
                self.drive(now, id);
            }
            Err(error) => {
                if let Some(transmit) = error.response {
                    self.stray(route, &transmit, reply);
                }
            }
        }
    }

    /// Queues a datagram that belongs to no connection. It leaves by the port that it answers.
    fn stray(&mut self, route: Route, transmit: &Transmit, bytes: &[u8]) {
        if self.stray.len() < STRAY_MAX {
            let bytes = bytes.get(..transmit.size).unwrap_or(bytes);
            let route = Route { local: route.local, remote: transmit.destination };
            self.stray.push_back((route, bytes.to_vec()));
        }
    }
}
