//! Acknowledgements in, and RACK, which they drive.

use std::time::Duration;

use crate::config::LossPolicy;
use crate::congestion::{AckSample, Congestion};
use crate::ids::PathId;
use crate::limits::PATHS_MAX;
use crate::time::Time;

use super::{Acknowledgement, Outcome, Recovery, Sent, SentKind};

/// Late acknowledgements are regretted for so many times the longest probe timeout.
const REGRET_PTOS: u32 = 64;

/// Path identifiers that one acknowledgement was about.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// One bit per path.
    known: [u64; PATHS_MAX / 64],
    marked: [u64; PATHS_MAX / 64],
    order: Vec<PathId>,
}

impl Touched {
    fn insert(&mut self, path: PathId, ce: bool) {
        let (word, bit) = (usize::from(path.0) / 64, 1 << (path.0 % 64));
        if self.known[word] & bit == 0 {
            self.known[word] |= bit;
            self.order.push(path);
        }
        if ce {
            self.marked[word] |= bit;
        }
    }

    fn pop(&mut self) -> Option<(PathId, bool)> {
        let path = self.order.pop()?;
        let (word, bit) = (usize::from(path.0) / 64, 1 << (path.0 % 64));
        let marked = self.marked[word] & bit != 0;
        self.known[word] &= !bit;
        self.marked[word] &= !bit;
        Some((path, marked))
    }
}

/// What all packets of one acknowledgement have in common.
struct Context {
    now: Time,
    delay: Duration,
    highest: u64,
    /// Bytes in flight before it.
    in_flight: u64,
}

impl<C: Copy> Recovery<C> {
    /// Takes in an acknowledgement.
    ///
    /// That it names no number that was never minted is for the caller to check, who knows the number
    /// space: packets that are not ack-eliciting take numbers too, and never come here.
    pub fn on_ack(&mut self, now: Time, ack: &impl Acknowledgement, outcome: &mut Outcome<C>) {
        let Some(highest) = ack.highest() else { return };
        let late = now.since(self.quiet_since) > self.pto(&self.rtt);
        self.quiet_since = now;
        let context = Context { now, delay: ack.delay(), highest, in_flight: self.in_flight };
        let in_order = self.settings.loss == LossPolicy::GoBackN;
        let kept = if in_order { ack.first_missing() } else { u64::MAX };
        // Downwards, so that the first packet of a path that comes up is the one sent last.
        let words = self.ledger.words();
        for word in words.rev() {
            let mut named = self.ledger.word(word) & ack.received_from(64 * word);
            while named != 0 {
                let number = 64 * word + u64::from(named.ilog2());
                named &= !(1 << (number % 64));
                if number >= kept {
                    continue;
                }
                if let Some(sent) = self.take(number) {
                    self.acked(&context, number, &sent, ack.is_ce(number), outcome);
                }
            }
        }
        if late || self.silence.is_some() {
            self.resume(now);
        }
        while let Some((path, marked)) = self.touched.pop() {
            self.paths.on_acked(path, marked);
            self.detect(now, path, outcome);
        }
        if in_order {
            self.go_back(now, kept, highest, outcome);
        } else {
            self.regret(now, ack, highest);
        }
        if self.ledger.is_empty() {
            self.deadline = None;
        }
    }

    fn acked(
        &mut self,
        context: &Context,
        number: u64,
        sent: &Sent<C>,
        ce: bool,
        outcome: &mut Outcome<C>,
    ) {
        let queueing = self.progress(context, number, sent);
        self.touched.insert(sent.path, ce);
        match sent.kind {
            SentKind::Ping => return,
            SentKind::MtuProbe(size) => {
                return self.mtu.on_probe_acked(context.now, size, sent.bytes);
            }
            SentKind::Data => {}
        }
        self.mtu.on_acked(sent.at, sent.bytes);
        self.controller.on_ack(&AckSample {
            now: context.now,
            path: sent.path,
            bytes: u64::from(sent.bytes),
            in_flight: context.in_flight,
            queueing,
            base_rtt: self.rtt.min(),
            ce,
            mtu: self.mtu.current(),
        });
        outcome.acked.push(sent.content);
    }

    /// Notes on its path, and on the session, that a packet came through; returns its queueing delay
    /// if it gave a sample.
    fn progress(&mut self, context: &Context, number: u64, sent: &Sent<C>) -> Option<Duration> {
        let raw = context.now.since(sent.at);
        let state = self.paths.get_mut(sent.path)?;
        state.on_heard(context.now);
        self.answered = self.answered.max(sent.at);
        if state.rack.is_some_and(|(rack, _)| rack >= number) {
            return None;
        }
        state.rack = Some((number, raw));
        let delay_max = self.settings.peer_ack_delay;
        // The delay counts from the latest arrival, so all others were held back for longer: theirs
        // err upwards, by as much as one acknowledgement's packets are apart.
        let delay = context.delay;
        let newest = number == context.highest;
        let sample = state.rtt.update(context.now, raw, delay, delay_max);
        let rtt = state.rtt;
        if newest {
            let first = !self.rtt.is_sampled();
            self.rtt.update(context.now, raw, delay, delay_max);
            if first {
                self.pto_max = self.pto(&self.rtt);
            }
        }
        self.pto_max = self.pto_max.max(self.pto(&rtt));
        // Of every path, not of the highest number alone, which is the one that overtook the others.
        // Above the session's least, not the path's: a path that was crowded when it was first tried
        // knows no better, and the median bears with the few that are long.
        Some(sample.saturating_sub(self.rtt.min()))
    }

    /// RACK: a packet is lost when one sent later on the same path was received, and so much time has
    /// passed that reordering within the path cannot explain it. A reliable device (PROTOCOL §13.6) sends
    /// again by itself, and has paths below it that we do not see: it gets a whole probe timeout.
    pub(super) fn detect(&mut self, now: Time, path: PathId, outcome: &mut Outcome<C>) {
        while let Some(state) = self.paths.get(path) {
            let (Some(first), Some((rack, rtt))) = (state.list.first(), state.rack) else { return };
            if first >= rack {
                return;
            }
            let window = if self.settings.reliable {
                self.pto(&state.rtt)
            } else {
                state.reorder_window(&self.rtt, self.settings.granularity)
            };
            let Some(sent) = self.ledger.get(first) else { return };
            let lost_at = sent.at + rtt + window;
            if now < lost_at {
                return self.arm(Some(lost_at));
            }
            let (at, bytes, kind) = (sent.at, sent.bytes, sent.kind);
            self.lose(now, first, outcome);
            if kind == SentKind::Data {
                self.paths.on_lost(path);
                self.mtu.on_lost(now, at, bytes);
                self.controller.on_loss(now, at, u64::from(bytes));
            }
        }
    }

    /// Gives a number up. What that says of path and network is for the caller to judge.
    pub(super) fn lose(&mut self, now: Time, number: u64, outcome: &mut Outcome<C>) {
        let Some(sent) = self.take(number) else { return };
        self.stats.lost += 1;
        self.regrets.note(now, number, sent.path, sent.at, self.next);
        match sent.kind {
            SentKind::MtuProbe(size) => self.mtu.on_probe_lost(now, size),
            SentKind::Ping => {}
            SentKind::Data => outcome.lost.push(sent.content),
        }
    }

    /// Learns from packets that arrived although they were given up: the path lives, is slower than
    /// was thought, or reorders more.
    fn regret(&mut self, now: Time, ack: &impl Acknowledgement, highest: u64) {
        self.regrets.expire(now, self.pto_max.saturating_mul(REGRET_PTOS));
        let mut last = None;
        while let Some(given_up) = self.regrets.take(ack, highest) {
            self.stats.spurious += 1;
            if last == Some(given_up.path) {
                continue;
            }
            last = Some(given_up.path);
            self.paths.on_acked(given_up.path, false);
            let delay_max = self.settings.peer_ack_delay;
            let Some(state) = self.paths.get_mut(given_up.path) else { continue };
            state.on_heard(now);
            state.on_spurious();
            state.rtt.update(now, now.since(given_up.sent), Duration::ZERO, delay_max);
            let rtt = state.rtt;
            self.pto_max = self.pto_max.max(self.pto(&rtt));
        }
    }
}
