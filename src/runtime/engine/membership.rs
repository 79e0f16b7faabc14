//! Frames about communicators to come (PROTOCOL §10.6): what has arrived, and the agreement of those
//! who shrink.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use sealane_transport::device::Device;
use sealane_transport::{Epoch, Rank};

use super::Engine;
use crate::bootstrap::rendezvous::vigil::Vigil;
use crate::bootstrap::rendezvous::wire::Place;
use crate::error::Cause;
use crate::membership::{
    Agreement, Decision, Letter, Outcome, Part, Purpose, decode_place, encode_place, kind,
};
use crate::runtime::notice::{Notice, kind as kind_of_notice};

/// What has arrived. One thing of each kind per rank at most, the latest: a rank is in one call at a
/// time, and does not begin another before all have had what belongs to the first.
#[derive(Default)]
pub(super) struct Mail {
    /// PROPOSE that came before we shrink.
    proposals: BTreeMap<Rank, (u32, Place)>,
    /// EPOCH that were not asked for yet, perhaps without all members.
    decisions: BTreeMap<(Rank, Purpose), (Decision, u32)>,
    agreement: Option<Agreement>,
    shrinks: u32,
    vigil: Vigil,
    /// Another rank has taken us for lost, and has told everyone.
    pub(super) excluded: bool,
}

impl Engine {
    /// The addresses of our sockets.
    pub(crate) fn ips(&self) -> Vec<IpAddr> {
        let all = self.net.wire.local_addresses().iter().map(|address| address.ip().to_canonical());
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Where our sockets are.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.net.wire.local_addresses().to_vec()
    }

    /// Takes a frame about an epoch, if it is one.
    pub(super) fn take_mail(&mut self, from: Rank, kind: u16, body: &Bytes) {
        match kind {
            kind::PROPOSE => {
                let Ok((call, place)) = decode_place(body) else { return };
                match &mut self.mail.agreement {
                    Some(agreement) if agreement.call() == call => {
                        agreement.receive(from, Letter::Propose(place));
                    }
                    _ => {
                        self.mail.proposals.insert(from, (call, place));
                    }
                }
            }
            kind::EXCLUDE => {
                let Some((call, _)) = body.split_first_chunk::<4>() else { return };
                let call = u32::from_be_bytes(*call);
                if let Some(agreement) = self.mail.agreement.as_mut().filter(|a| a.call() == call) {
                    agreement.receive(from, Letter::Exclude);
                }
            }
            kind::EPOCH => self.take_epoch(from, body),
            _ => {}
        }
    }

    fn take_epoch(&mut self, from: Rank, body: &Bytes) {
        let Ok(Part { decision, total }) = Part::decode(body) else { return };
        let key = (from, decision.purpose);
        let (purpose, call) = (decision.purpose, decision.call);
        let whole = match self.mail.decisions.remove(&key) {
            Some((mut begun, of)) if begun.call == call && of == total => {
                begun.members.extend(decision.members);
                begun
            }
            _ => decision,
        };
        let complete = whole.members.len() == total as usize;
        if whole.members.len() > total as usize {
            return;
        }
        if complete && purpose == Purpose::Shrink {
            if let Some(agreement) = self.mail.agreement.as_mut().filter(|a| a.call() == call) {
                agreement.receive(from, Letter::Epoch(whole));
            }
            return;
        }
        self.mail.decisions.insert(key, (whole, total));
    }

    /// What `from` has decided for a call of ours, once it has come.
    pub(crate) fn take_decision(
        &mut self,
        from: Rank,
        purpose: Purpose,
        call: u32,
    ) -> Option<Decision> {
        let (decision, total) = self.mail.decisions.get(&(from, purpose))?;
        if decision.call != call || decision.members.len() != *total as usize {
            return None;
        }
        self.mail.decisions.remove(&(from, purpose)).map(|(decision, _)| decision)
    }

    /// Tells a rank of a decision.
    pub(crate) fn send_decision(&mut self, to: Rank, decision: &Decision) {
        for frame in decision.encode() {
            self.send_frame(to, kind::EPOCH, frame);
        }
    }

    fn send_frame(&mut self, to: Rank, kind: u16, frame: Vec<u8>) {
        let (now, to) = (self.net.clock.now(), self.members.job(to));
        // A rank that is lost meanwhile need not be told, and has an event of its own.
        let _ = self.net.endpoint.send_control(now, to, kind, Bytes::from(frame));
    }

    /// Begins to agree with the others on who is left.
    pub(crate) fn begin_shrink(&mut self, place: Place, epoch: Epoch) {
        if !self.executor.is_broken() {
            self.abort("the communicator is being shrunk");
        }
        let call = self.mail.shrinks;
        self.mail.shrinks += 1;
        let proposals = std::mem::take(&mut self.mail.proposals);
        let early = proposals
            .into_iter()
            .filter_map(|(from, (of, place))| (of == call).then_some((from, place)))
            .collect();
        let me = (self.rank, self.members.jobs().to_vec());
        self.mail.agreement = Some(Agreement::new(me, call, place, epoch, early));
        let lost = self.lost();
        for rank in (0..self.world).map(Rank) {
            if rank != self.rank && !lost.contains(&rank) {
                let job = self.members.job(rank);
                self.mail.vigil.watch(&mut self.net, job);
            }
        }
        self.agree();
    }

    /// Ranks that are gone, as far as we know.
    pub(crate) fn lost(&self) -> BTreeSet<Rank> {
        let gone = |rank: &Rank| {
            let info = self.net.endpoint.peer_info(self.members.job(*rank));
            info.is_some_and(|info| info.lost.is_some()) || self.reported.contains_key(rank)
        };
        (0..self.world).map(Rank).filter(gone).collect()
    }

    /// Lets the agreement go on, and sends what it has to say.
    pub(super) fn agree(&mut self) {
        if self.mail.agreement.is_none() {
            return;
        }
        let lost = self.lost();
        let Some(agreement) = &mut self.mail.agreement else { return };
        let call = agreement.call();
        // Whom the others went on without must not decide, though it may have their proposals.
        if !self.mail.excluded {
            agreement.proceed(&lost);
        }
        let mut letters = Vec::new();
        while let Some(letter) = agreement.poll_letter() {
            letters.push(letter);
        }
        self.completed |= agreement.outcome().is_some();
        for (to, letter) in letters {
            match letter {
                Letter::Propose(place) => {
                    self.send_frame(to, kind::PROPOSE, encode_place(call, &place));
                }
                Letter::Epoch(decision) => self.send_decision(to, &decision),
                Letter::Exclude => self.send_frame(to, kind::EXCLUDE, call.to_be_bytes().to_vec()),
            }
        }
    }

    /// What the agreement has come to.
    pub(crate) fn shrink_outcome(&mut self) -> Option<Outcome> {
        let outcome = self.mail.agreement.as_ref()?.outcome().cloned();
        // Even if nobody is left to say so: those who have gone on did so without us.
        let excluded = self.mail.excluded.then_some(Outcome::Excluded);
        let outcome = outcome.or(excluded)?;
        self.end_vigil();
        Some(outcome)
    }

    /// A shrink has waited for as long as an operation may take. Ranks that have not proposed themselves
    /// to us, if we decide, are lost for everyone, though they may live; so is, if we have waited for it
    /// twice as long, the one that decides: it may have been called later than we.
    pub(crate) fn leave_out_the_late(&mut self, within: Duration) {
        let lost = self.lost();
        let Some(agreement) = &mut self.mail.agreement else { return };
        for rank in agreement.late(&lost) {
            let text = format!("it did not call shrink within {within:?}");
            let cause = Cause::Reported { by: self.rank, text: text.clone() };
            self.reported.insert(rank, cause);
            self.finished.insert(rank);
            self.tell_all(
                kind_of_notice::NOTICE,
                &Bytes::from(Notice::Lost { rank, text }.encode()),
            );
        }
        self.agree();
    }

    /// Who has not proposed itself yet; ends the wait for them.
    pub(crate) fn give_up_shrink(&mut self) -> Vec<Rank> {
        let lost = self.lost();
        self.end_vigil();
        self.mail.agreement.take().map(|agreement| agreement.missing(&lost)).unwrap_or_default()
    }

    fn end_vigil(&mut self) {
        std::mem::take(&mut self.mail.vigil).end(&mut self.net);
    }
}
