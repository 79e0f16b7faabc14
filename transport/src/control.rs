//! stand-in
use crate::device::*;
use crate::error::*;
use crate::identity::Identity;
use crate::ids::*;
use crate::seal::Suite;
use crate::time::Time;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;
#[derive(Debug, Clone)]
pub struct LocalParameters {
    pub world: u32,
    pub incarnation: u64,
    pub suites: Vec<Suite>,
    pub lanes: u8,
    pub packet_max: u16,
    pub eager_budget: u64,
    pub receive_budget: u64,
    pub message_window: u64,
    pub capabilities: u64,
    pub addresses: Vec<SocketAddr>,
}
#[derive(Debug, Clone)]
pub struct PeerParameters {
    pub world: u32,
    pub session: SessionId,
    pub incarnation: u64,
    pub suites: Vec<Suite>,
    pub lanes: u8,
    pub packet_max: u16,
    pub eager_budget: u64,
    pub receive_budget: u64,
    pub message_window: u64,
    pub capabilities: u64,
    pub addresses: Vec<SocketAddr>,
}
#[derive(Debug)]
pub struct ControlSettings {
    pub identity: Identity,
    pub parameters: LocalParameters,
    pub epoch: Instant,
    pub wall: Arc<dyn rustls::time_provider::TimeProvider>,
    pub seed: [u8; 32],
    pub handshake_timeout: Duration,
    pub half_open_max: usize,
}
#[derive(Debug)]
pub struct Established {
    pub peer: Rank,
    pub local_session: SessionId,
    pub parameters: PeerParameters,
    pub path_secret: Zeroizing<[u8; 32]>,
    pub remote: SocketAddr,
    pub group: &'static str,
}
#[derive(Debug)]
pub enum ControlEvent {
    Established(Box<Established>),
    Frame { peer: Rank, kind: u16, body: Bytes },
    Closed { peer: Rank, code: u16, reason: String },
    Restarted { peer: Rank },
    Failed { peer: Rank, error: HandshakeError },
    Refused { claimed: Option<Rank>, error: HandshakeError },
}
pub struct ControlTransmit {
    pub route: Route,
    pub segment: Option<usize>,
    pub length: usize,
    pub ecn: Ecn,
}
#[derive(Debug)]
pub struct ControlPlane;
impl ControlPlane {
    pub fn new(_: ControlSettings) -> Result<Self, Error> {
        Ok(Self)
    }
    pub fn connect(&mut self, _: Time, _: Rank, _: &[SocketAddr]) {}
    pub fn handle(&mut self, _: Time, _: Route, _: Ecn, _: &[u8]) {}
    pub fn poll_transmit(&mut self, _: Time, _: &mut Vec<u8>) -> Option<ControlTransmit> {
        None
    }
    pub fn handle_timeout(&mut self, _: Time) {}
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }
    pub fn send(&mut self, _: Rank, _: u16, _: Bytes) -> Result<(), Error> {
        Ok(())
    }
    pub fn close(&mut self, _: Time, _: Rank, _: u16, _: &str) {}
    pub fn forget(&mut self, _: Rank) {}
    pub fn poll_event(&mut self) -> Option<ControlEvent> {
        None
    }
    pub fn on_unreachable(&mut self, _: Time, _: Route, _: &DeviceEvent) {}
}
