//! Who is left: how the survivors of a failure come to one list of members (PROTOCOL §10.6).
//!
//! The lowest rank that is not lost decides. The others propose themselves to it; when everyone who is
//! not lost has, it decides, and tells all members. Whoever learns of the decision passes it on before it
//! acts on it, and answers every later proposal with it. When the one that decides is lost, the next
//! takes over and asks everyone: so a decision that anyone acts on is what all members end up with, as
//! long as some rank that has it lives to tell.
//!
//! Pure: who is lost is an argument, letters go in and out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealane_transport::{Epoch, Rank};

use super::decision::{Decision, Purpose};
use crate::bootstrap::rendezvous::wire::Place;

/// Among so many, everyone passes a decision on to everyone; among more, each to those at distances of
/// powers of two, which still reaches all although some die.
const FLOOD_MAX: usize = 64;

/// What ranks write to each other.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// This is where I shall be. Also asks whether there is a decision already.
    Propose(Place),
    /// This is decided.
    Epoch(Decision),
    /// This was decided without you.
    Exclude,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Agreement {
    me: Rank,
    /// Which attempt of the old communicator this is.
    call: u32,
    /// Ranks of the old communicator, by their ranks in the job.
    jobs: Vec<Rank>,
    place: Place,
    /// What we decide with, if we do.
    epoch: Epoch,
    proposals: BTreeMap<Rank, Place>,
    /// Whom we have proposed ourselves to.
    asked: Option<Rank>,
    asked_all: bool,
    /// Whom we have waited for once already, since it is to decide.
    spared: Option<Rank>,
    outcome: Option<Outcome>,
    letters: VecDeque<(Rank, Letter)>,
}

/// How it ended for one rank.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It is a member.
    Member(Decision),
    /// It is not.
    Excluded,
}

impl Agreement {
    pub(crate) fn new(
        (me, jobs): (Rank, Vec<Rank>),
        call: u32,
        place: Place,
        epoch: Epoch,
        early: BTreeMap<Rank, Place>,
    ) -> Self {
        Self {
            me,
            call,
            jobs,
            place,
            epoch,
            proposals: early,
            asked: None,
            asked_all: false,
            spared: None,
            outcome: None,
            letters: VecDeque::new(),
        }
    }

    pub(crate) const fn call(&self) -> u32 {
        self.call
    }

    pub(crate) const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The next letter to send.
    pub(crate) fn poll_letter(&mut self) -> Option<(Rank, Letter)> {
        self.letters.pop_front()
    }

    /// Ranks that must still propose themselves, as far as that is ours to know.
    pub(crate) fn missing(&self, lost: &BTreeSet<Rank>) -> Vec<Rank> {
        let here = |rank: &Rank| *rank == self.me || self.proposals.contains_key(rank);
        self.alive(lost).filter(|rank| !here(rank)).collect()
    }

    /// Who must be taken for lost, because everyone has waited for long: those that the one that decides
    /// misses; that one itself only the second time, for it may wait for others.
    pub(crate) fn late(&mut self, lost: &BTreeSet<Rank>) -> Vec<Rank> {
        let first = self.alive(lost).next().unwrap_or(self.me);
        if self.outcome.is_some() {
            return Vec::new();
        }
        if first == self.me {
            return self.missing(lost);
        }
        if self.spared.replace(first) == Some(first) { vec![first] } else { Vec::new() }
    }

    fn alive<'a>(&self, lost: &'a BTreeSet<Rank>) -> impl Iterator<Item = Rank> + use<'a> {
        let me = self.me;
        let all = (0..self.jobs.len() as u32).map(Rank);
        all.filter(move |rank| *rank == me || !lost.contains(rank))
    }

    /// Does what is due, given who is lost.
    pub(crate) fn proceed(&mut self, lost: &BTreeSet<Rank>) {
        if self.outcome.is_some() {
            return;
        }
        let first = self.alive(lost).next().unwrap_or(self.me);
        if first != self.me {
            if self.asked != Some(first) {
                self.asked = Some(first);
                self.letters.push_back((first, Letter::Propose(self.place.clone())));
            }
            return;
        }
        // Another may have decided before it was lost.
        if self.asked.is_some() && !self.asked_all {
            self.asked_all = true;
            for rank in self.alive(lost).filter(|rank| *rank != self.me).collect::<Vec<_>>() {
                self.letters.push_back((rank, Letter::Propose(self.place.clone())));
            }
        }
        if self.missing(lost).is_empty() {
            self.decide(lost);
        }
    }

    fn decide(&mut self, lost: &BTreeSet<Rank>) {
        let place = |rank: Rank| {
            let place = if rank == self.me { Some(&self.place) } else { self.proposals.get(&rank) };
            Some((*self.jobs.get(rank.0 as usize)?, place?.clone()))
        };
        let members = self.alive(lost).filter_map(place).collect();
        let (call, epoch) = (self.call, self.epoch.clone());
        self.adopt(Decision { purpose: Purpose::Shrink, call, epoch, members });
        let others: Vec<Rank> = self.proposals.keys().copied().collect();
        for rank in others.into_iter().filter(|rank| lost.contains(rank)) {
            self.letters.push_back((rank, Letter::Exclude));
        }
    }

    /// Takes a decision over: passes it on, then acts on it.
    fn adopt(&mut self, decision: Decision) {
        let members: Vec<Rank> = (0..self.jobs.len() as u32)
            .map(Rank)
            .filter(|rank| self.is_member(*rank, &decision))
            .collect();
        let count = members.len();
        let own = members.iter().position(|rank| *rank == self.me).unwrap_or(0);
        let distances: Vec<usize> = if count <= FLOOD_MAX {
            (1..count).collect()
        } else {
            std::iter::successors(Some(1), |at| Some(at * 2)).take_while(|at| *at < count).collect()
        };
        for distance in distances {
            let to = members[(own + distance) % count];
            self.letters.push_back((to, Letter::Epoch(decision.clone())));
        }
        self.outcome = Some(Outcome::Member(decision));
    }

    fn is_member(&self, rank: Rank, decision: &Decision) -> bool {
        let job = self.jobs.get(rank.0 as usize);
        decision.members.iter().any(|(member, _)| Some(member) == job)
    }

    /// Takes a letter in.
    pub(crate) fn receive(&mut self, from: Rank, letter: Letter) {
        match (letter, &self.outcome) {
            (Letter::Propose(place), None) => {
                self.proposals.insert(from, place);
            }
            (Letter::Propose(_), Some(Outcome::Member(decision))) => {
                let reply = if self.is_member(from, decision) {
                    Letter::Epoch(decision.clone())
                } else {
                    Letter::Exclude
                };
                self.letters.push_back((from, reply));
            }
            (Letter::Epoch(decision), None)
                if decision.call == self.call && self.is_member(self.me, &decision) =>
            {
                self.adopt(decision);
            }
            (Letter::Exclude, None) => self.outcome = Some(Outcome::Excluded),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
