//! Recursive doubling: log2 N rounds of whole vectors, for small sizes.
//!
//! Ranks beyond the largest power of two give their vector to a partner first and get the result last.
//! The first round uses tag 0 like the first step of every other algorithm, so that a rank which has
//! called something else is noticed by its digest and not by silence. Everything is sent from scratch, so
//! the caller's memory is free before the last acknowledgement.

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Slot, Span};
use crate::call::Call;

/// Builds one rank's schedule, scratch slot by scratch slot.
struct Builder {
    schedule: Schedule,
    bytes: u64,
}

impl Builder {
    fn slot(&mut self) -> usize {
        self.schedule.scratch += 1;
        self.schedule.scratch - 1
    }

    const fn span(&self, slot: Slot) -> Span {
        Span { slot, offset: 0, length: self.bytes }
    }

    fn send(&mut self, to: u32, tag: u16, slot: usize, after: usize) {
        let from = self.span(Slot::Scratch(slot));
        self.schedule.push(Action::Send { to: Rank(to), tag, from, gate: None }, &[after]);
    }

    fn recv(&mut self, from: u32, tag: u16, slot: Slot) -> usize {
        let into = self.span(slot);
        self.schedule.push(Action::Recv { from: Rank(from), tag, into, how: Into::Copy }, &[])
    }
}

pub(super) fn build(call: &Call, rank: Rank, world: u32) -> Schedule {
    let mut builder = Builder { schedule: Schedule::default(), bytes: call.bytes() };
    if call.bytes() == 0 {
        return builder.schedule;
    }
    let power = 1 << world.ilog2();
    let rounds = world.ilog2() as u16;
    let own = builder.slot();
    let copy = Action::Copy { to: Slot::Scratch(own), from: Slot::Input, last: false };
    let copied = builder.schedule.push(copy, &[]);
    if rank.0 >= power {
        builder.send(rank.0 - power, rounds, own, copied);
        builder.recv(rank.0 - power, rounds + 1, Slot::Output);
        return builder.schedule;
    }
    let (mut value, mut ready) = (own, copied);
    if rank.0 + power < world {
        (value, ready) = meet(&mut builder, rank.0 + power, rounds, (value, ready), true);
    }
    for round in 0..rounds {
        let partner = rank.0 ^ (1 << round);
        builder.send(partner, round, value, ready);
        let lower = rank.0 < partner;
        (value, ready) = meet(&mut builder, partner, round, (value, ready), lower);
    }
    let finish = Action::Copy { to: Slot::Output, from: Slot::Scratch(value), last: true };
    let finished = builder.schedule.push(finish, &[ready]);
    if rank.0 + power < world {
        // From scratch again: the output is the caller's as soon as it is complete.
        let result = builder.slot();
        let keep = Action::Copy { to: Slot::Scratch(result), from: Slot::Output, last: false };
        let kept = builder.schedule.push(keep, &[finished]);
        builder.send(rank.0 + power, rounds + 1, result, kept);
    }
    builder.schedule
}

/// Receives a partner's vector and combines it with ours, the lower rank's on the left.
fn meet(
    builder: &mut Builder,
    partner: u32,
    tag: u16,
    (value, ready): (usize, usize),
    ours_first: bool,
) -> (usize, usize) {
    let theirs = builder.slot();
    let arrived = builder.recv(partner, tag, Slot::Scratch(theirs));
    let out = builder.slot();
    let (a, b) = if ours_first { (value, theirs) } else { (theirs, value) };
    let combined = builder.schedule.push(Action::Combine { out, a, b }, &[ready, arrived]);
    (out, combined)
}
