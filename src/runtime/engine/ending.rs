//! How it all ends (PROTOCOL §10.4): ranks tell each other why their communicators broke, and that they
//! have finished.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sealane_collectives::{CollectiveError, Completion};
use sealane_transport::{LossCause, Rank, Time, close};

use super::{Engine, Lines, executor};
use crate::communicator::Crash;
use crate::error::{Cause, Operation};
use crate::runtime::net::Fuse;
use crate::runtime::notice::{Notice, kind};

/// How long a rank that withdrew its part of a collective may take to say why.
const EXPLANATION: Duration = Duration::from_secs(1);

/// How long a call waits before its rank tells the others what it is.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a rank that called something else may take to say what.
const CONTRADICTION: Duration = Duration::from_millis(300);

impl Engine {
    /// Ends everything, here and on all ranks. Only the first end counts.
    pub(crate) fn abort(&mut self, text: &str) {
        executor!(self, abort(text));
        self.fail_rma();
        self.settle();
        if !self.announced {
            self.announce(&Notice::Aborted { rank: self.rank, text: text.to_owned() });
        }
    }

    /// A collective has taken too long: the ranks no longer agree on what has happened, so all of it
    /// ends. Returns who kept it waiting.
    pub(crate) fn give_up(&mut self, operation: Operation, within: Duration) -> Vec<Rank> {
        let waiting_for = self.awaited_in(operation.sequence as u32);
        let late = crate::error::late(&waiting_for);
        self.abort(&format!("{operation} did not finish within {within:?}: {late}"));
        waiting_for
    }

    /// A rank that withdrew and never says why counts as lost. [`Net`] sleeps a second at most, so
    /// that this needs no timer.
    pub(super) fn expect_explanation(&mut self) {
        let Some(rank) = self.executor.withdrawn() else { return };
        let now = self.net.clock.now();
        if now.since(*self.withdrawn_at.get_or_insert(now)) >= EXPLANATION {
            let reason = "it withdrew from the operation and did not say why".to_owned();
            let cause = LossCause::Closed { code: close::ABORTED, reason };
            executor!(self, on_loss_notice(rank, cause));
            self.settle();
        }
    }

    /// Keeps the end of an operation back for a moment, counted from the first of them: the rank that called
    /// something else is about to say what.
    pub(super) fn hold(&mut self, completion: Completion) {
        if self.held_until == Time::ZERO {
            self.held_until = self.net.clock.now() + CONTRADICTION;
        }
        self.held.push(completion);
    }

    /// Ends what was kept back, if the other has spoken, or will not.
    pub(super) fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let said = self.executor.mismatch().and_then(|mismatch| mismatch.theirs.clone());
        if said.is_none() && self.net.clock.now() < self.held_until {
            return;
        }
        for mut completion in std::mem::take(&mut self.held) {
            if let Err(CollectiveError::Mismatch { theirs, .. }) = &mut completion.result {
                theirs.clone_from(&said);
            }
            self.complete(completion);
        }
    }

    /// Tells the others in which call we wait, once it has taken a while: ranks whose calls exchange no
    /// messages with each other learn in no other way that they differ.
    pub(super) fn tell_waiting(&mut self) {
        let Some((sequence, digest)) = self.executor.oldest() else {
            self.waiting = None;
            return;
        };
        let now = self.net.clock.now();
        match self.waiting {
            Some((known, _, true)) if known == sequence => {}
            Some((known, since, false)) if known == sequence => {
                if now.since(since) < PATIENCE {
                    return;
                }
                self.waiting = Some((sequence, since, true));
                let text = self.executor.words(sequence).unwrap_or_default();
                let notice = Notice::Waiting { rank: self.rank, sequence, digest, text };
                self.tell_all(kind::NOTICE, &Bytes::from(notice.encode()));
            }
            _ => self.waiting = Some((sequence, now, false)),
        }
    }

    /// Who keeps a call waiting, as far as we know: of the ranks that it needs something of, or else of
    /// all, those that have not said that they wait themselves, in it or, since it waits, in an earlier one.
    /// If all have, those that have not come to it.
    pub(crate) fn awaited_in(&self, sequence: u32) -> Vec<Rank> {
        let oldest = self.waiting.filter(|(oldest, ..)| *oldest == sequence);
        let since = oldest.map_or(Time::MAX, |(_, since, _)| since);
        let told = |rank: &Rank| self.told.get(rank);
        let came = |rank: &Rank| told(rank).is_some_and(|(call, _)| *call >= sequence);
        let waits = |rank: &Rank| came(rank) || told(rank).is_some_and(|(_, at)| *at >= since);
        let needed = self.executor.waits_for(sequence);
        let others = (0..self.world).map(Rank).filter(|rank| *rank != self.rank).collect();
        let without = |ranks: &BTreeSet<Rank>, excused: &dyn Fn(&Rank) -> bool| {
            ranks.iter().filter(|rank| !excused(rank)).copied().collect::<Vec<_>>()
        };
        let guesses = [
            without(&needed, &waits),
            without(&others, &waits),
            without(&needed, &came),
            without(&others, &came),
        ];
        guesses.into_iter().find(|ranks| !ranks.is_empty()).unwrap_or_default()
    }

    /// When that is due.
    pub(super) fn told_at(&self) -> Option<Time> {
        self.waiting.filter(|(_, _, told)| !told).map(|(_, since, _)| since + PATIENCE)
    }

    pub(super) fn notice(&mut self, by: Rank, body: &Bytes) {
        match Notice::decode(body) {
            Some(Notice::Lost { rank, .. }) if rank == self.rank => {
                self.mail.excluded = true;
                executor!(self, abort(&format!("{by} took this rank for lost")));
            }
            Some(Notice::Lost { rank, text }) if rank.0 < self.world => {
                self.reported.entry(rank).or_insert(Cause::Reported { by, text });
                // It will never say goodbye, even if our own session with it seems to stand.
                self.finished.insert(rank);
                let cause = LossCause::Closed { code: close::ABORTED, reason: String::new() };
                executor!(self, on_loss_notice(rank, cause));
            }
            Some(Notice::Mismatch { rank, sequence, text }) if rank.0 < self.world => {
                executor!(self, on_mismatch_notice((by, rank), (sequence, text.clone())));
                self.pass_on(by, sequence, text);
            }
            Some(Notice::Called { rank, sequence, text })
                if by == Rank(0) && rank != self.rank && rank.0 < self.world =>
            {
                executor!(self, on_mismatch_notice((rank, by), (sequence, text)));
            }
            Some(Notice::Waiting { rank, sequence, digest, text }) if rank == by => {
                self.told.insert(rank, (sequence, self.net.clock.now()));
                executor!(self, on_call_notice(by, (sequence, digest, text)));
            }
            Some(Notice::Aborted { rank, text }) if rank.0 < self.world => {
                executor!(self, abort(&format!("{rank}: {text}")));
                if !self.announced {
                    self.announce(&Notice::Aborted { rank, text });
                }
            }
            _ => {}
        }
    }

    /// Rank 0 alone has a session with everyone: a rank that called something else than it may have none
    /// with those who wait to hear what that was.
    fn pass_on(&mut self, by: Rank, sequence: u32, text: String) {
        let ours = self.executor.mismatch().and_then(|mismatch| mismatch.ours.as_ref());
        let differs = ours.is_some_and(|(called, ours)| *called == sequence && *ours != text);
        if self.rank == Rank(0) && differs && !text.is_empty() && self.passed_on.insert(by) {
            let notice = Notice::Called { rank: by, sequence, text };
            self.tell_all(kind::NOTICE, &Bytes::from(notice.encode()));
        }
    }

    /// Tells the others of an end that they might not see themselves; a mismatch and a loss have notices
    /// of their own.
    pub(super) fn explain_to_others(&mut self, error: &CollectiveError) {
        if matches!(error, CollectiveError::Transport { .. }) && !self.announced {
            self.announce(&Notice::Aborted { rank: self.rank, text: error.to_string() });
        }
    }

    /// Tells every connected rank, once; each passes it on, so that it reaches all.
    pub(super) fn announce(&mut self, notice: &Notice) {
        self.announced = true;
        crate::observe::failed(&self.flight_record());
        let words = Bytes::from(notice.encode());
        self.tell_all(kind::NOTICE, &words);
        // Rank 0 hears from everyone sooner or later; a young communicator has few sessions yet.
        if self.rank != Rank(0) && !self.connected().iter().any(|peer| peer.rank == Rank(0)) {
            let (now, first) = (self.net.clock.now(), self.members.job(Rank(0)));
            let _ = self.net.endpoint.send_control(now, first, kind::NOTICE, words.clone());
        }
        self.last_words = Some(words);
    }

    /// A rank has connected after this communicator broke.
    pub(super) fn tell_late(&mut self, peer: Rank) {
        if let Some(words) = self.last_words.clone() {
            let (now, to) = (self.net.clock.now(), self.members.job(peer));
            // If it is lost meanwhile, it need not be told.
            let _ = self.net.endpoint.send_control(now, to, kind::NOTICE, words);
        }
    }

    pub(super) fn tell_all(&mut self, kind: u16, body: &Bytes) {
        let now = self.net.clock.now();
        for peer in self.connected() {
            // A peer that is lost meanwhile need not be told.
            let to = self.members.job(peer.rank);
            let _ = self.net.endpoint.send_control(now, to, kind, body.clone());
        }
    }

    /// Says goodbye to all: nothing of theirs is needed any more.
    pub(crate) fn bye(&mut self) {
        self.tell_all(kind::BYE, &Bytes::new());
    }

    /// Whether all connected peers have said goodbye too, so that none misses us.
    pub(crate) fn all_finished(&self) -> bool {
        self.connected().iter().all(|peer| self.finished.contains(&peer.rank))
    }

    /// Ends everything here, and neither says nor answers anything any more, or fails as `how` has it.
    pub(crate) fn crash(&mut self, how: Crash) {
        self.net.crash(how);
        match how {
            // It goes on, and learns of its loss as the others do.
            Crash::Blackholed => return,
            Crash::Stalled => {
                self.stalled = true;
                self.announced = true;
                return;
            }
            _ => self.announced = true,
        }
        executor!(self, abort("this rank has crashed"));
        self.settle();
    }

    /// Crashes some packets from now.
    pub(crate) fn light(&mut self, fuse: Fuse) {
        self.net.fuse = Some(fuse);
    }

    /// Takes a rank for lost, as another's notice would.
    #[cfg(test)]
    pub(crate) fn declare_lost(&mut self, rank: Rank, cause: LossCause) {
        let told = Cause::Observed(cause.clone());
        self.reported.insert(rank, told);
        executor!(self, on_loss_notice(rank, cause));
        self.settle();
    }

    /// Ends all sessions, and here what is still under way.
    pub(crate) fn close(&mut self) {
        let now = self.net.clock.now();
        self.net.endpoint.close(now, close::DONE, "done");
        self.announced = true;
        executor!(self, abort("the communicator was closed"));
        self.fail_rma();
        self.settle();
        self.transmit();
    }
}
