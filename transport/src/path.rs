//! Paths: five-tuples with a round-trip time, a health, and a policy that sprays trains over them
//! (PROTOCOL §7.1).

pub mod mtu;
pub mod rtt;
mod spray;
mod table;

use std::net::SocketAddr;
use std::time::Duration;

use crate::device::Route;
use crate::recovery::PathList;
use crate::time::Time;

pub(crate) use table::PathTable;

use rtt::RttEstimate;

/// First and longest pause between two probes of a suspect path.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(20);
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How a path is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// In use.
    #[default]
    Good,
    /// Came back with a congestion mark: passed over once.
    Skip,
    /// Silent or unreachable: used only for probes until one is answered.
    Suspect,
    /// Its local port is gone: never used again.
    Denied,
}

impl Health {
    /// Whether trains may take the path.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Good | Self::Skip)
    }
}

/// What becomes of a path when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The next train takes it.
    Take,
    /// It is passed over this once.
    Pass,
    /// It is taken only if there is no other.
    Avoid,
    /// It is not taken.
    Never,
}

/// RACK widens its reordering window so many times at most, RFC 8985 §7.2 step 4.
const REORDERING_MAX: u32 = 8;

/// Losses in a row that were none too early, after which the window narrows again: RFC 8985 §7.2.
const REORDERING_PERSISTS: u32 = 16;

/// One path.
#[derive(Clone, Debug)]
pub struct Path {
    /// Its five-tuple.
    pub route: Route,
    /// Its own round-trip time.
    pub rtt: RttEstimate,
    /// How it is doing.
    pub health: Health,
    /// Since when an answer has been waited for; `None` while nothing is in flight. Not moved by
    /// what is sent later: a path that swallows everything must not live by being fed.
    pub(crate) waiting: Option<Time>,
    /// It was silent for its probe timeout, and nothing was heard on it since: it carries nothing new.
    pub(crate) asked: bool,
    /// An answer, on any path, to what was sent from then on shows that the peer could have answered
    /// on this one too.
    pub(crate) asked_since: Time,
    /// Its clock was started anew since it began to wait, because the whole peer had been silent. Once
    /// only: a peer that is heard again and again, after silences shorter than this path's own timeout,
    /// would otherwise spare it for ever.
    spared: bool,
    /// The highest number received on it, and how long after its sending that was known.
    pub(crate) rack: Option<(u64, Duration)>,
    pub(crate) list: PathList,
    /// RACK's reordering window is so many times the usual one.
    reordering: u32,
    losses: u32,
    /// Acknowledgements that named packets of it, and packets of it that were declared lost.
    pub(crate) answers: u64,
    pub(crate) lost: u64,
    probe_at: Option<Time>,
    probe_pause: Duration,
}

/// What is known of a path to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathInfo {
    /// Index of our port.
    pub local: u16,
    /// The peer's address.
    pub remote: SocketAddr,
    /// How it is doing.
    pub health: Health,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Acknowledgements that named packets of it.
    pub answers: u64,
    /// Packets of it that were declared lost.
    pub lost: u64,
}

impl Path {
    pub(crate) const fn info(&self) -> PathInfo {
        PathInfo {
            local: self.route.local,
            remote: self.route.remote,
            health: self.health,
            rtt: self.rtt.smoothed,
            answers: self.answers,
            lost: self.lost,
        }
    }

    fn new(route: Route) -> Self {
        Self {
            route,
            rtt: RttEstimate::default(),
            health: Health::Good,
            waiting: None,
            asked: false,
            asked_since: Time::ZERO,
            spared: false,
            rack: None,
            list: PathList::default(),
            reordering: 1,
            losses: 0,
            answers: 0,
            lost: 0,
            probe_at: None,
            probe_pause: PROBE_PAUSE_MIN,
        }
    }

    /// Something was sent, and nothing was in flight before.
    pub(crate) fn wait(&mut self, now: Time) {
        self.waiting = Some(now);
        self.asked_since = now;
        self.spared = false;
    }

    /// The peer is heard again after a silence: a path that waits gets its whole time anew, once.
    pub(crate) fn spare(&mut self, now: Time) {
        if self.waiting.is_some() && !self.spared {
            self.waiting = Some(now);
            self.spared = true;
        }
    }

    /// Something came through.
    pub(crate) fn on_heard(&mut self, now: Time) {
        self.asked = false;
        if self.waiting.is_some() {
            self.wait(now);
        }
    }

    /// Whether a train may take it now.
    fn turn(&self) -> Turn {
        match self.health {
            Health::Denied => Turn::Never,
            Health::Good if !self.asked => Turn::Take,
            Health::Skip if !self.asked => Turn::Pass,
            _ => Turn::Avoid,
        }
    }

    /// How much later than its successor a packet may honestly arrive: RFC 8985 §6.2.
    pub(crate) fn reorder_window(&self, session: &RttEstimate, granularity: Duration) -> Duration {
        let rtt = if self.rtt.is_sampled() { &self.rtt } else { session };
        (rtt.min() / 4).max(granularity) * self.reordering
    }

    /// A packet was lost by time.
    pub(crate) fn on_lost(&mut self) {
        self.lost += 1;
        self.losses += 1;
        if self.losses >= REORDERING_PERSISTS {
            self.reordering = 1;
        }
    }

    /// A packet was given up too early.
    pub(crate) fn on_spurious(&mut self) {
        self.losses = 0;
        self.reordering = (self.reordering + 1).min(REORDERING_MAX);
    }
}
