//! What goes into and comes out of [`Recovery`](super::Recovery).

use std::time::Duration;

use crate::config::{CongestionPolicy, LossPolicy, SprayPolicy};
use crate::ids::PathId;

/// What an acknowledgement says; implemented by the packet layer's ACK view.
pub trait Acknowledgement {
    /// All numbers below it were received or given up by their sender.
    fn base(&self) -> u64;
    /// The lowest number, not below the base, that was not received.
    fn first_missing(&self) -> u64 {
        self.base()
    }
    /// How long the receiver held it back after the latest arrival.
    fn delay(&self) -> Duration;
    /// The highest number received; `None` if there is none yet.
    fn highest(&self) -> Option<u64>;
    /// Bit `i`: whether number `from + i` was received, or lies below the base.
    fn received_from(&self, from: u64) -> u64;
    /// Whether `number` was received, or lies below the base.
    fn is_received(&self, number: u64) -> bool {
        self.received_from(number) & 1 != 0
    }
    /// Whether `number` arrived with a CE mark.
    fn is_ce(&self, number: u64) -> bool;
}

/// What a packet in flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentKind {
    /// Content; counts against the congestion window.
    Data,
    /// A sign of life is asked for. Carries no content.
    Ping,
    /// A datagram size is under test; its loss says nothing about congestion. Carries no content.
    MtuProbe(u16),
}

/// What [`Recovery`](super::Recovery) is made of.
#[derive(Clone, Debug)]
pub struct RecoverySettings {
    /// How late timers may honestly be.
    pub granularity: Duration,
    /// The longest that the peer holds an acknowledgement back.
    pub peer_ack_delay: Duration,
    /// How paths are chosen.
    pub spray: SprayPolicy,
    /// Congestion control.
    pub congestion: CongestionPolicy,
    /// What goes again when something is lost.
    pub loss: LossPolicy,
    /// What the round trip is taken for until there is a sample.
    pub initial_rtt: Duration,
    /// No probe timeout is shorter.
    pub pto_min: Duration,
    /// The device delivers reliably and over paths of its own: what overtakes is hardly a sign of loss.
    pub reliable: bool,
    /// Bytes in flight that the peer's buffers hold.
    pub receive_budget: u64,
    /// The device reports CE marks.
    pub ecn: bool,
    /// Datagram payload that passes everywhere.
    pub mtu_base: u16,
    /// Datagram payload to search up to.
    pub mtu_max: u16,
    /// Seed of the path choice.
    pub seed: u64,
}

/// What a call came to. Reused, so that steady state allocates nothing.
#[derive(Clone, Debug)]
pub struct Outcome<C> {
    /// Content of [`SentKind::Data`] that the peer has.
    pub acked: Vec<C>,
    /// Content of [`SentKind::Data`] that must go again.
    pub lost: Vec<C>,
    /// Paths that want a PING.
    pub ping: Vec<PathId>,
}

impl<C> Default for Outcome<C> {
    fn default() -> Self {
        Self { acked: Vec::new(), lost: Vec::new(), ping: Vec::new() }
    }
}

impl<C> Outcome<C> {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.acked.clear();
        self.lost.clear();
        self.ping.clear();
    }
}

/// Counters of one session's recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryStats {
    /// Packets declared lost.
    pub lost: u64,
    /// Packets acknowledged after they were declared lost.
    pub spurious: u64,
    /// Probe timeouts of paths.
    pub timeouts: u64,
    /// Times that the peer was silent on all paths for a probe timeout.
    pub silences: u64,
}
