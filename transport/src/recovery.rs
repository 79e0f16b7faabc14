//! Loss recovery: what is in flight, what was lost, when to ask (PROTOCOL §7).
//!
//! The unit of loss detection is the path: order within a five-tuple means something, order between
//! five-tuples means nothing. So RACK (RFC 8985) and the probe timeout (RFC 9002 §6.2) run per path,
//! by time, never by counts of duplicates.

mod acks;
mod given_up;
mod go_back;
mod ledger;
mod settings;
mod timers;

pub(crate) use ledger::PathList;
pub use settings::{Acknowledgement, Outcome, RecoverySettings, RecoveryStats, SentKind};

use std::time::Duration;

use crate::congestion::{Congestion, Controller};
use crate::device::Route;
use crate::ids::PathId;
use crate::limits::OUTSTANDING_MAX;
use crate::path::mtu::MtuSearch;
use crate::path::rtt::RttEstimate;
use crate::path::{Path, PathTable};
use crate::time::Time;

use acks::Touched;
use given_up::Regrets;
use ledger::{Ledger, Sent};
use timers::Silence;

/// Numbers of the span that content never takes.
const RESERVE: u64 = 256;

/// See the module's text. `C` is the content of a packet, which must not be lost.
pub struct Recovery<C> {
    settings: RecoverySettings,
    ledger: Ledger<C>,
    paths: PathTable,
    rtt: RttEstimate,
    controller: Controller,
    mtu: MtuSearch,
    in_flight: u64,
    /// No deadline is earlier; it may be too early, and is then recomputed when it passes.
    deadline: Option<Time>,
    /// The longest probe timeout, or a little more than that: recomputed when `deadline` passes.
    pto_max: Duration,
    /// When the peer was last heard, on whatever path, or something was sent after nothing was in
    /// flight.
    quiet_since: Time,
    /// When the latest packet that was acknowledged had been sent.
    answered: Time,
    silence: Option<Silence>,
    regrets: Regrets,
    touched: Touched,
    stats: RecoveryStats,
    /// Numbers from here on have not been sent.
    next: u64,
}

impl<C: Copy> Recovery<C> {
    /// Nothing in flight, no routes yet.
    #[must_use]
    pub fn new(now: Time, settings: RecoverySettings) -> Self {
        let mut recovery = Self {
            ledger: Ledger::default(),
            paths: PathTable::new(settings.spray, settings.ecn, settings.seed),
            rtt: RttEstimate::new(settings.initial_rtt),
            controller: Controller::new(&settings),
            mtu: MtuSearch::new(now, settings.mtu_base, settings.mtu_max),
            in_flight: 0,
            deadline: None,
            pto_max: Duration::ZERO,
            quiet_since: now,
            answered: Time::ZERO,
            silence: None,
            regrets: Regrets::default(),
            touched: Touched::default(),
            stats: RecoveryStats::default(),
            next: 0,
            settings,
        };
        recovery.pto_max = recovery.pto(&recovery.rtt);
        recovery
    }

    /// Sets the five-tuples, at most [`crate::limits::PATHS_MAX`]. Call it once, before anything is
    /// sent.
    pub fn set_routes(&mut self, routes: &[Route]) {
        self.paths.set_routes(routes);
    }

    /// The five-tuple of a path.
    #[must_use]
    pub fn route(&self, path: PathId) -> Route {
        self.paths.route(path)
    }

    /// The path of a five-tuple.
    #[must_use]
    pub fn path_of(&self, route: Route) -> Option<PathId> {
        self.paths.find(route)
    }

    /// How many paths there are.
    #[must_use]
    pub fn paths(&self) -> usize {
        self.paths.len()
    }

    /// How a path is doing.
    #[must_use]
    pub fn path(&self, path: PathId) -> Option<&Path> {
        self.paths.get(path)
    }

    /// Bytes that congestion control and the peer's buffers still allow.
    #[must_use]
    pub fn window_available(&self) -> u64 {
        let window = self.controller.window().min(self.settings.receive_budget);
        window.saturating_sub(self.in_flight)
    }

    /// Bytes of content sent and neither acknowledged nor lost.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The path for the next train.
    pub fn choose_path(&mut self, now: Time) -> Option<PathId> {
        self.paths.choose(now)
    }

    /// The path for an acknowledgement: back where the peer was heard last, unless that is bad.
    #[must_use]
    pub fn ack_path(&self, last: PathId) -> PathId {
        self.paths.usable_or_next(last)
    }

    /// Datagram payload that is known to pass, in bytes.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu.current()
    }

    /// A size to test, if one is due, and the path to test it on; the same size again until
    /// [`on_sent`](Self::on_sent) says that it went out.
    pub fn poll_mtu_probe(&mut self, now: Time) -> Option<(PathId, u16)> {
        let size = self.mtu.poll(now)?;
        self.paths.choose(now).map(|path| (path, size))
    }

    /// The lowest outstanding number, or `next` if none is.
    #[must_use]
    pub fn floor(&self, next: u64) -> u64 {
        self.ledger.first().unwrap_or(next)
    }

    /// Whether a packet numbered `next` keeps the span within the replay window's half, and leaves
    /// some numbers to acknowledgements and probes: while the lowest is waited for, they must go on.
    #[must_use]
    pub fn has_room_for_data(&self, next: u64) -> bool {
        next.saturating_sub(self.floor(next)) < OUTSTANDING_MAX - RESERVE
    }

    /// Whether a packet numbered `next` keeps the span within the replay window's half.
    #[must_use]
    pub fn has_room(&self, next: u64) -> bool {
        next.saturating_sub(self.floor(next)) < OUTSTANDING_MAX
    }

    /// The session's round-trip time.
    #[must_use]
    pub const fn rtt(&self) -> &RttEstimate {
        &self.rtt
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> RecoveryStats {
        self.stats
    }

    /// The longest probe timeout of any path, without back-off; now and then a little more.
    #[must_use]
    pub const fn pto_max(&self) -> Duration {
        self.pto_max
    }

    /// A path's probe timeout without back-off. Hosts that are late are late on all paths, so the
    /// session's estimate, which has seen more, bounds it from below.
    fn pto(&self, rtt: &RttEstimate) -> Duration {
        let granularity = self.settings.granularity;
        let session = self.rtt.pto(granularity);
        let pto = if rtt.is_sampled() { rtt.pto(granularity).max(session) } else { session };
        (pto + self.settings.peer_ack_delay).max(self.settings.pto_min)
    }

    /// Notes an ack-eliciting packet as sent on `path`, which [`choose_path`](Self::choose_path) or
    /// [`ack_path`](Self::ack_path) gave. Numbers only grow.
    pub fn on_sent(
        &mut self,
        now: Time,
        number: u64,
        path: PathId,
        bytes: u32,
        content: C,
        kind: SentKind,
    ) {
        let Some(state) = self.paths.get_mut(path) else { return };
        if self.ledger.is_empty() {
            self.quiet_since = now;
        }
        let first = state.list.is_empty();
        if first {
            state.wait(now);
        }
        self.ledger.insert(number, Sent::new(path, bytes, now, content, kind), &mut state.list);
        self.next = number + 1;
        match kind {
            SentKind::Data => self.in_flight += u64::from(bytes),
            SentKind::MtuProbe(size) => self.mtu.on_probe_sent(now, size, bytes),
            SentKind::Ping => {}
        }
        if first {
            self.arm(self.path_deadline(path));
        }
    }

    /// Removes a packet from what is in flight.
    fn take(&mut self, number: u64) -> Option<Sent<C>> {
        let path = self.ledger.get(number)?.path;
        let state = self.paths.get_mut(path)?;
        let sent = self.ledger.remove(number, &mut state.list)?;
        if state.list.is_empty() {
            state.waiting = None;
        }
        if sent.kind == SentKind::Data {
            self.in_flight -= u64::from(sent.bytes);
        }
        Some(sent)
    }

    /// The network says that nobody listens on `route`. Returns whether no path is left that it has
    /// not said so of.
    pub fn on_unreachable(&mut self, now: Time, route: Route) -> bool {
        if let Some(path) = self.path_of(route) {
            self.paths.suspect(now, path, self.pto(&self.rtt));
        }
        self.paths.none_usable()
    }

    /// A local port carries nothing more: its paths are denied, and what is in flight on them is
    /// lost. Returns whether no usable path is left.
    pub fn on_port_failed(&mut self, now: Time, port: u16, outcome: &mut Outcome<C>) -> bool {
        for index in 0..self.paths.len() {
            let path = PathId(index as u16);
            if self.paths.route(path).local == port {
                self.paths.deny(path);
                self.lose_all(now, path, outcome);
            }
        }
        self.paths.none_usable()
    }

    /// The network says that a datagram was too large.
    pub fn on_too_large(&mut self, now: Time, mtu: u16) {
        self.mtu.on_too_large(now, mtu);
    }
}

#[cfg(test)]
mod tests;
