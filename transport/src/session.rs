//! One session: the sealed packets between two ranks, over many paths (PROTOCOL §3, §7, §8).
//!
//! A session joins what the smaller modules decide: which number and key (seal), which path and when
//! again (recovery), which bytes (message), what to say of arrivals (acks), and whether the peer is
//! still there (liveness).

mod acks;
mod in_order;
mod liveness;
mod receive;
mod rma;
mod transmit;

use std::time::Duration;

use crate::config::{Config, LossPolicy, SprayPolicy};
use crate::device::{Capabilities, Route};
use crate::ids::{Lane, PathId, Rank, SessionId};
use crate::message::{ControlFrame, FragmentRef};
use crate::recovery::{Outcome, Recovery, RecoverySettings};
use crate::seal::{Opener, Sealer, SessionKeys, Suite};
use crate::time::Time;

use acks::Acks;
use in_order::InOrder;
use liveness::Liveness;

pub(crate) use liveness::Verdict;
pub(crate) use receive::Arrival;
pub(crate) use transmit::{Closing, Outlet};

/// What a packet in flight carries that must not be lost: at most one of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// A piece of a message.
    pub fragment: Option<FragmentRef>,
    /// A control frame of the message layer.
    pub frame: Option<ControlFrame>,
}

/// What both sides agreed on in PARAMETERS, and where the peer is.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// The other side.
    pub peer: Rank,
    /// Our name for the session: what the peer writes into its packets.
    pub local_id: SessionId,
    /// The peer's name for it: what we write.
    pub remote_id: SessionId,
    /// The AEAD.
    pub suite: Suite,
    /// The largest packet that either side may send.
    pub packet_max: u16,
    /// Bytes in flight that the peer's receive buffers hold.
    pub receive_budget: u64,
    /// Both sides do one-sided operations.
    pub one_sided: bool,
    /// The round trip as the handshake saw it.
    pub rtt: Duration,
    /// The five-tuples between the two.
    pub routes: Vec<Route>,
    /// Nothing is sealed: a simulation asked for it.
    #[cfg(feature = "simulation")]
    pub phantom: bool,
}

/// See the module's text.
pub(crate) struct Session {
    agreed: Agreed,
    sealer: Sealer,
    opener: Opener,
    recovery: Recovery<Content>,
    outcome: Outcome<Content>,
    acks: Acks,
    /// Nothing is kept that arrives behind a hole.
    in_order: Option<InOrder>,
    liveness: Liveness,
    /// Paths that want a PING.
    pings: Vec<PathId>,
    /// The path that the peer was last heard on: a proven way back.
    last_path: PathId,
    /// The path that a PING came on: its answer goes back there too.
    echo: Option<PathId>,
    /// Highest floor that the peer announced.
    floor: u64,
    /// The peer was asked for the acknowledgement that a due key update waits for.
    rekey_asked: Option<Asked>,
}

/// When a peer was asked for something, and when it is to be asked again.
#[derive(Clone, Copy, Debug)]
struct Asked {
    since: Time,
    again_at: Time,
}

impl Session {
    /// A session with keys from `path_secret`.
    pub(crate) fn new(
        now: Time,
        local: Rank,
        agreed: Agreed,
        path_secret: &[u8; 32],
        config: &Config,
        capabilities: &Capabilities,
        seed: u64,
    ) -> Self {
        let (tx, rx) = SessionKeys::derive(path_secret, agreed.suite, local, agreed.peer);
        #[cfg(feature = "simulation")]
        let (tx, rx) =
            if agreed.phantom { (tx.into_phantom(), rx.into_phantom()) } else { (tx, rx) };
        let lane = Lane(0);
        let sealer =
            Sealer::new(tx, agreed.suite, lane, agreed.packet_max, config.rekey_packets, now);
        let opener = Opener::new(rx, agreed.suite, lane, now);
        // What a reliable device does itself, we let rest (PROTOCOL §13.6).
        let reliable = capabilities.reliable;
        let spray = if reliable { SprayPolicy::Single } else { config.spray };
        let mut recovery = Recovery::new(
            now,
            RecoverySettings {
                granularity: config.timer_granularity,
                peer_ack_delay: config.ack_delay_max,
                spray,
                congestion: config.congestion,
                loss: config.loss,
                initial_rtt: config.initial_rtt.min(agreed.rtt),
                pto_min: config.pto_min,
                reliable,
                receive_budget: agreed.receive_budget,
                ecn: capabilities.ecn,
                mtu_base: capabilities.mtu_base.min(agreed.packet_max),
                mtu_max: agreed.packet_max,
                seed,
            },
        );
        recovery.set_routes(&agreed.routes);
        Self {
            agreed,
            sealer,
            opener,
            recovery,
            outcome: Outcome::default(),
            acks: Acks::new(config.ack_delay_max, config.ack_every),
            in_order: (config.loss == LossPolicy::GoBackN).then(InOrder::default),
            liveness: Liveness::new(now, config),
            pings: Vec::new(),
            last_path: PathId(0),
            echo: None,
            floor: 0,
            rekey_asked: None,
        }
    }

    /// What was agreed.
    pub(crate) fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The loss recovery, for figures.
    pub(crate) fn recovery(&self) -> &Recovery<Content> {
        &self.recovery
    }

    /// Three times the longest probe timeout: how long a key outlives its successor's start.
    fn three_pto(&self) -> Duration {
        self.recovery.pto_max().saturating_mul(3)
    }

    /// When something is due without a packet coming in. `owed` as in [`Liveness`].
    pub(crate) fn next_deadline(&self, owed: bool) -> Time {
        let recovery = self.recovery.next_deadline().unwrap_or(Time::MAX);
        let asked = self.rekey_asked.map(|asked| asked.again_at);
        let rekey = asked.or(self.sealer.due_at()).unwrap_or(Time::MAX);
        let standing = recovery.min(self.liveness.deadline(owed)).min(rekey);
        if !self.recovery.has_room(self.sealer.next_number()) {
            // Nothing can be sent until something is acknowledged or lost, which comes with a packet
            // or with recovery's own deadline.
            return standing;
        }
        let acks = self.acks.deadline().unwrap_or(Time::MAX);
        let mtu = self.recovery.mtu_deadline().unwrap_or(Time::MAX);
        standing.min(acks).min(mtu)
    }

    /// The network says that nobody listens on `route`: a hint that probes must confirm.
    pub(crate) fn on_unreachable(&mut self, now: Time, route: Route) {
        if let Some(path) = self.recovery.path_of(route) {
            self.ping(path);
        }
        if self.recovery.on_unreachable(now, route) {
            self.liveness.on_all_unreachable(now);
        }
    }

    /// The network says that a datagram was too large.
    pub(crate) fn on_too_large(&mut self, now: Time, mtu: u16) {
        self.recovery.on_too_large(now, mtu);
    }

    fn ping(&mut self, path: PathId) {
        if !self.pings.contains(&path) {
            self.pings.push(path);
        }
    }
}

#[cfg(test)]
mod tests;
