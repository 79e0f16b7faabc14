//! Recursive doubling: log2 N rounds of whole vectors, for small sizes.
//!
//! Ranks beyond the largest power of two give their vector to a partner first and get the result last.
//! The first round uses tag 0 like the first step of every other algorithm, so that a rank which has
//! called something else is noticed by its digest and not by silence. Everything is sent from scratch, so
//! the caller's memory is free before the last acknowledgement.

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// A value, and the step after which it is there.
type Value = (Span, usize);

/// See the module's text.
pub(super) struct RecursiveDoubling;

impl Scheduler for RecursiveDoubling {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllReduce(_) => Some(all_reduce(shape)),
            _ => None,
        }
    }
}

fn all_reduce(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let bytes = shape.call.bytes();
    if bytes == 0 {
        return schedule;
    }
    let (input, output) = (shape.whole(Slot::Input), shape.whole(Slot::Output));
    let rank = shape.rank.0;
    let rounds = shape.world.ilog2() as u16;
    let power = 1 << rounds;
    let own = schedule.scratch(bytes);
    let copied = schedule.copy(own, input, &[]);
    if rank >= power {
        schedule.send(Rank(rank - power), rounds, own, &[copied]);
        schedule.recv(Rank(rank - power), rounds + 1, output, &[]);
        return schedule;
    }
    let extra = Some(Rank(rank + power)).filter(|extra| extra.0 < shape.world);
    let mut value = (own, copied);
    if let Some(extra) = extra {
        let sum = schedule.scratch(bytes);
        value = first(&mut schedule, (extra, rounds), value, (sum, false));
    }
    for round in 0..rounds {
        let partner = Rank(rank ^ (1 << round));
        schedule.send(partner, round, value.0, &[value.1]);
        let last = round + 1 == rounds;
        let out = if last { output } else { schedule.scratch(bytes) };
        let meet = if value.0 == own { first } else { meet };
        value = meet(&mut schedule, (partner, round), value, (out, last));
    }
    if let Some(extra) = extra {
        // From scratch again: the output is the caller's as soon as it is complete.
        let result = schedule.scratch(bytes);
        let kept = schedule.copy(result, output, &[value.1]);
        schedule.send(extra, rounds + 1, result, &[kept]);
    }
    schedule
}

/// Receives the first vector that is combined with ours, and does so as it arrives: ours is there from
/// the start.
fn first(
    schedule: &mut Schedule,
    (partner, tag): (Rank, u16),
    (value, ready): Value,
    (out, last): (Span, bool),
) -> Value {
    let how = Into::Reduce { with: (value.slot, value.offset), last };
    (out, schedule.push(Action::Recv { from: partner, tag, into: out, how }, &[ready]))
}

/// Receives a partner's vector, which may come before ours is complete, and combines it with ours.
fn meet(
    schedule: &mut Schedule,
    (partner, tag): (Rank, u16),
    (value, ready): Value,
    (out, last): (Span, bool),
) -> Value {
    let theirs = schedule.scratch(value.length);
    let arrived = schedule.recv(partner, tag, theirs, &[]);
    let combine = Action::Combine { out, a: value, b: theirs, last };
    (out, schedule.push(combine, &[ready, arrived]))
}
