//! What time brings: RACK's reordering timers, probe timeouts, probes of suspect paths.
//!
//! A path is judged only while the peer is heard on others. While it is silent everywhere, its host is
//! more likely late than all its paths dead at once, and to send everything again would only make it
//! later: then nothing is given up, one path is asked now and then, and the clocks of all paths start
//! afresh when the peer is back.

use crate::congestion::Congestion;
use crate::ids::PathId;
use crate::time::Time;

use super::{Outcome, Recovery, SentKind};

/// Doublings of the pause between two questions to a silent peer: RFC 9002 §6.2.1 asks for back-off,
/// and has no cap; this one keeps the end of a silence from going unnoticed for long.
const BACKOFF_MAX: u32 = 6;

/// The peer is silent on all paths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// Questions asked so far.
    asked: u32,
    /// When to ask next; paths have no deadlines before.
    until: Time,
}

impl<C: Copy> Recovery<C> {
    /// When the path is to be asked, or given up: when it has been silent for its probe timeout.
    pub(super) fn path_deadline(&self, path: PathId) -> Option<Time> {
        let state = self.paths.get(path)?;
        let at = state.waiting? + self.pto(&state.rtt);
        Some(self.silence.map_or(at, |silence| at.max(silence.until)))
    }

    pub(super) fn arm(&mut self, at: Option<Time>) {
        self.deadline = [self.deadline, at].into_iter().flatten().min();
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

    /// Runs what is due. Call it after all acknowledgements that have arrived were taken in.
    pub fn on_timeout(&mut self, now: Time, outcome: &mut Outcome<C>) {
        self.paths.poll_probes(now, &mut outcome.ping);
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        self.deadline = None;
        let mut pto_max = self.pto(&self.rtt);
        // From another path each time, so that a silent peer is not asked on the same one for ever.
        let (paths, first) = (self.paths.len(), self.stats.timeouts as usize);
        for index in 0..paths {
            let path = PathId(((index + first) % paths) as u16);
            self.detect(now, path, outcome);
            if self.path_deadline(path).is_some_and(|at| at <= now) {
                self.path_timeout(now, path, outcome);
            }
            let pto = self.paths.get(path).map(|state| self.pto(&state.rtt));
            pto_max = pto_max.max(pto.unwrap_or_default());
        }
        self.pto_max = pto_max;
        // Only now, since a silence that has just begun puts off the deadlines of all paths.
        self.arm_paths();
    }

    fn arm_paths(&mut self) {
        for index in 0..self.paths.len() {
            self.arm(self.path_deadline(PathId(index as u16)));
        }
    }

    /// A path has been silent for its probe timeout. The first time it is asked, and rested; the
    /// second time everything on it is lost, and it is suspect: if something that was sent later, on
    /// another path, was answered meanwhile.
    fn path_timeout(&mut self, now: Time, path: PathId, outcome: &mut Outcome<C>) {
        self.stats.timeouts += 1;
        let others = !self.paths.none_usable();
        let Some(state) = self.paths.get_mut(path) else { return };
        let silent = self.answered < state.asked_since;
        let probe = !state.health.is_usable() && others;
        // On a reliable device the path is all there is, and lives: it is asked again.
        if !self.settings.reliable && (probe || (state.asked && !silent)) {
            self.lose_all(now, path, outcome);
            self.paths.suspect(now, path, self.pto(&self.rtt));
            return;
        }
        self.paths.ask(now, path);
        outcome.ping.push(path);
        if silent {
            self.call_witness(now, outcome);
            self.hush(now, outcome);
        }
    }

    /// Asks another path along with the one that was silent, so that there is an answer to compare
    /// its silence with even if nothing else is in flight.
    fn call_witness(&mut self, now: Time, outcome: &mut Outcome<C>) {
        if let Some(witness) = self.paths.choose(now)
            && !outcome.ping.contains(&witness)
        {
            outcome.ping.push(witness);
        }
    }

    /// The peer is silent everywhere: until it is heard, or for longer each time, no path is asked.
    fn hush(&mut self, now: Time, outcome: &mut Outcome<C>) {
        let asked = self.silence.map_or(1, |silence| silence.asked + 1);
        if asked == 1 {
            self.stats.silences += 1;
        }
        let pause = self.pto(&self.rtt).saturating_mul(1 << asked.min(BACKOFF_MAX));
        self.silence = Some(Silence { asked, until: now + pause });
        if asked > BACKOFF_MAX {
            self.lose_to_silence(now, outcome);
        }
    }

    /// After so long a silence the oldest packet is hardly late any more. The numbers of its path are
    /// given up, so that there are always some left to ask under, and the window pays for one.
    fn lose_to_silence(&mut self, now: Time, outcome: &mut Outcome<C>) {
        let Some(oldest) = self.ledger.first().and_then(|first| self.ledger.get(first)) else {
            return;
        };
        let (path, at, bytes, kind) = (oldest.path, oldest.at, oldest.bytes, oldest.kind);
        self.lose_all(now, path, outcome);
        if kind == SentKind::Data {
            self.controller.on_loss(now, at, u64::from(bytes));
        }
    }

    /// The peer is heard again. What it has not answered yet may still wait in its sockets, so all
    /// paths get their whole time anew.
    pub(super) fn resume(&mut self, now: Time) {
        self.silence = None;
        self.paths.resume(now);
        self.arm_paths();
    }

    /// Everything in flight on `path` is lost.
    pub(super) fn lose_all(&mut self, now: Time, path: PathId, outcome: &mut Outcome<C>) {
        while let Some(first) = self.paths.get(path).and_then(|state| state.list.first()) {
            self.lose(now, first, outcome);
        }
    }
}
