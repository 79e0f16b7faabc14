//! Loss recovery: what is in flight, what was lost, when to ask (PROTOCOL §7).
//!
//! The unit of loss detection is the path: order within a five-tuple means something, order between
//! five-tuples means nothing. So RACK (RFC 8985) and the probe timeout (RFC 9002 §6.2) run per path,
//! by time, never by counts of duplicates.

mod ledger;

pub(crate) use ledger::PathList;

use std::time::Duration;

use crate::config::{CongestionPolicy, SprayPolicy};
use crate::congestion::{AckSample, Congestion, Controller};
use crate::device::Route;
use crate::ids::PathId;
use crate::limits::OUTSTANDING_MAX;
use crate::path::mtu::MtuSearch;
use crate::path::rtt::RttEstimate;
use crate::path::{Health, PathTable};
use crate::time::Time;

use ledger::{Ledger, Sent};

/// What an acknowledgement says; implemented by the packet layer's ACK view.
pub trait Acknowledgement {
    /// All numbers below it were received or given up by their sender.
    fn base(&self) -> u64;
    /// How long the receiver held it back after the latest arrival.
    fn delay(&self) -> Duration;
    /// The highest number received; `None` if there is none yet.
    fn highest(&self) -> Option<u64>;
    /// Whether `number` was received.
    fn is_received(&self, number: u64) -> bool;
    /// Whether `number` arrived with a CE mark.
    fn is_ce(&self, number: u64) -> bool;
}

/// What a packet in flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentKind {
    /// Content; counts against the congestion window.
    Data,
    /// A sign of life is asked for.
    Ping,
    /// A datagram size is under test; its loss says nothing about congestion.
    MtuProbe(u16),
}

/// What [`Recovery`] is made of.
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
    /// Content that the peer has.
    pub acked: Vec<C>,
    /// Content that must go again.
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
    /// Probe timeouts.
    pub timeouts: u64,
}

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
    stats: RecoveryStats,
    /// Numbers from here on have not been sent.
    next: u64,
}

impl<C: Copy> Recovery<C> {
    /// Nothing in flight, no routes yet.
    #[must_use]
    pub fn new(now: Time, settings: RecoverySettings) -> Self {
        Self {
            ledger: Ledger::default(),
            paths: PathTable::new(settings.spray, settings.ecn, settings.seed),
            rtt: RttEstimate::default(),
            controller: Controller::new(&settings),
            mtu: MtuSearch::new(now, settings.mtu_base, settings.mtu_max),
            in_flight: 0,
            deadline: None,
            stats: RecoveryStats::default(),
            next: 0,
            settings,
        }
    }

    /// Sets the five-tuples. Call it once, before anything is sent.
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

    /// Bytes that congestion control and the peer's buffers still allow.
    #[must_use]
    pub fn window_available(&self) -> u64 {
        let window = self.controller.window().min(self.settings.receive_budget);
        window.saturating_sub(self.in_flight)
    }

    /// Bytes sent and neither acknowledged nor lost.
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

    /// Datagram payload that is known to pass.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu.current()
    }

    /// A size to test, if one is due, and the path to test it on.
    pub fn poll_mtu_probe(&mut self, now: Time) -> Option<(PathId, u16)> {
        let size = self.mtu.poll(now)?;
        self.paths.choose(now).map(|path| (path, size))
    }

    /// The lowest outstanding number, or `next` if none is.
    #[must_use]
    pub fn floor(&self, next: u64) -> u64 {
        self.ledger.first().unwrap_or(next)
    }

    /// Whether a packet numbered `next` keeps the span within the replay window's half.
    #[must_use]
    pub fn has_room(&self, next: u64) -> bool {
        next - self.floor(next) < OUTSTANDING_MAX
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

    /// The longest probe timeout of any path, without back-off.
    #[must_use]
    pub fn pto_max(&self) -> Duration {
        let paths = self.paths.iter().map(|path| self.pto(&path.rtt)).max();
        paths.unwrap_or_default().max(self.pto(&self.rtt))
    }

    fn pto(&self, rtt: &RttEstimate) -> Duration {
        let rtt = if rtt.is_sampled() { rtt } else { &self.rtt };
        rtt.pto(self.settings.granularity) + self.settings.peer_ack_delay
    }

    fn path_deadline(&self, path: PathId) -> Option<Time> {
        let state = self.paths.get(path)?;
        let sent = state.last_sent?;
        let backoff = state.timeouts.min(6);
        Some(sent + self.pto(&state.rtt).saturating_mul(1 << backoff))
    }

    fn arm(&mut self, at: Option<Time>) {
        self.deadline = [self.deadline, at].into_iter().flatten().min();
    }

    /// Notes an ack-eliciting packet as sent.
    pub fn on_sent(
        &mut self,
        now: Time,
        number: u64,
        path: PathId,
        bytes: u32,
        content: C,
        kind: SentKind,
    ) {
        self.next = number + 1;
        let sent = Sent::new(path, bytes, now, content, kind);
        if kind == SentKind::Data {
            self.in_flight += u64::from(bytes);
        }
        if let Some(state) = self.paths.get_mut(path) {
            state.last_sent = Some(now);
            self.ledger.insert(number, sent, &mut state.list);
        }
        self.arm(self.path_deadline(path));
    }

    /// Takes in an acknowledgement.
    ///
    /// That it names no number that was never minted is for the caller to check, who knows the number
    /// space: packets that are not ack-eliciting take numbers too, and never come here.
    pub fn on_ack(&mut self, now: Time, ack: &impl Acknowledgement, outcome: &mut Outcome<C>) {
        let Some(highest) = ack.highest() else { return };
        let mut newest = None;
        let mut number = self.floor(self.next);
        let end = self.next.min(highest + 1);
        while number < end {
            if ack.is_received(number)
                && let Some(sent) = self.take(number)
            {
                self.acked(now, number, &sent, ack, number == highest, outcome);
                newest = Some(number);
            }
            number += 1;
        }
        if newest.is_some() {
            self.detect(now, outcome);
        }
        if self.ledger.is_empty() {
            self.deadline = None;
        }
    }

    /// Removes a packet from what is in flight.
    fn take(&mut self, number: u64) -> Option<Sent<C>> {
        let path = self.ledger.get(number)?.path;
        let state = self.paths.get_mut(path)?;
        let sent = self.ledger.remove(number, &mut state.list)?;
        if state.list.is_empty() {
            state.last_sent = None;
        }
        if sent.kind == SentKind::Data {
            self.in_flight -= u64::from(sent.bytes);
        }
        Some(sent)
    }

    fn acked(
        &mut self,
        now: Time,
        number: u64,
        sent: &Sent<C>,
        ack: &impl Acknowledgement,
        sample: bool,
        outcome: &mut Outcome<C>,
    ) {
        let ce = ack.is_ce(number);
        let mut queueing = None;
        if let Some(state) = self.paths.get_mut(sent.path) {
            if sample {
                let rtt = now.since(sent.at).saturating_sub(ack.delay());
                state.rtt.update(now, rtt);
                self.rtt.update(now, rtt);
                queueing = Some(rtt.saturating_sub(self.rtt.min(now)));
            }
            state.rack = state.rack.max(Some(number));
            state.timeouts = 0;
        }
        self.paths.on_acked(sent.path, ce);
        if let SentKind::MtuProbe(size) = sent.kind {
            self.mtu.on_probe_acked(now, size);
        }
        if sent.kind == SentKind::Data {
            self.mtu.on_acked(sent.bytes);
            self.controller.on_ack(&AckSample {
                now,
                path: sent.path,
                bytes: u64::from(sent.bytes),
                in_flight: self.in_flight + u64::from(sent.bytes),
                queueing,
                base_rtt: self.rtt.min(now),
                ce,
                mtu: self.mtu.current(),
            });
        }
        outcome.acked.push(sent.content);
    }

    /// RACK: a packet is lost when one sent later on the same path was received, and so much time has
    /// passed that reordering within the path cannot explain it.
    fn detect(&mut self, now: Time, outcome: &mut Outcome<C>) {
        for index in 0..self.paths.len() {
            let path = PathId(index as u16);
            while let Some(state) = self.paths.get(path) {
                let (Some(first), Some(rack)) = (state.list.first(), state.rack) else { break };
                if first >= rack {
                    break;
                }
                let rtt = if state.rtt.is_sampled() { &state.rtt } else { &self.rtt };
                let window = (rtt.min(now) / 4).max(self.settings.granularity);
                let Some(sent) = self.ledger.get(first) else { break };
                let lost_at = sent.at + rtt.latest() + window;
                if now < lost_at {
                    self.arm(Some(lost_at));
                    break;
                }
                self.lose(now, first, outcome);
            }
        }
    }

    fn lose(&mut self, now: Time, number: u64, outcome: &mut Outcome<C>) {
        let Some(sent) = self.take(number) else { return };
        self.stats.lost += 1;
        match sent.kind {
            SentKind::MtuProbe(size) => self.mtu.on_probe_lost(now, size),
            SentKind::Ping => {}
            SentKind::Data => {
                self.mtu.on_lost(now, sent.bytes);
                self.controller.on_loss(now, sent.at, u64::from(sent.bytes));
                outcome.lost.push(sent.content);
            }
        }
    }

    /// When [`on_timeout`](Self::on_timeout) should be called.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        [self.deadline, self.paths.next_probe()].into_iter().flatten().min()
    }

    /// When [`poll_mtu_probe`](Self::poll_mtu_probe) may have something.
    #[must_use]
    pub const fn mtu_deadline(&self) -> Option<Time> {
        self.mtu.deadline()
    }

    /// Runs what is due: RACK's reordering timers, probe timeouts, probes of suspect paths.
    pub fn on_timeout(&mut self, now: Time, outcome: &mut Outcome<C>) {
        self.paths.poll_probes(now, &mut outcome.ping);
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        self.deadline = None;
        self.detect(now, outcome);
        for index in 0..self.paths.len() {
            let path = PathId(index as u16);
            match self.path_deadline(path) {
                Some(at) if at <= now => self.path_timeout(now, path, outcome),
                at => self.arm(at),
            }
        }
    }

    /// A path has been silent for its probe timeout. The first time it is asked; the second time
    /// everything on it is lost, and it is suspect.
    fn path_timeout(&mut self, now: Time, path: PathId, outcome: &mut Outcome<C>) {
        self.stats.timeouts += 1;
        let Some(state) = self.paths.get_mut(path) else { return };
        state.timeouts += 1;
        state.last_sent = Some(now);
        if state.timeouts == 1 {
            outcome.ping.push(path);
            self.arm(self.path_deadline(path));
            return;
        }
        while let Some(first) = self.paths.get(path).and_then(|state| state.list.first()) {
            self.lose(now, first, outcome);
        }
        self.paths.suspect(now, path, self.pto(&self.rtt));
    }

    /// The network says that nobody listens on `route`. Returns whether it has said so of all paths.
    pub fn on_unreachable(&mut self, now: Time, route: Route) -> bool {
        if let Some(path) = self.path_of(route) {
            self.paths.suspect(now, path, self.pto(&self.rtt));
        }
        self.paths.iter().all(|path| path.health == Health::Suspect)
    }

    /// The network says that a datagram was too large.
    pub fn on_too_large(&mut self, now: Time, mtu: u16) {
        self.mtu.on_too_large(now, mtu);
    }
}
