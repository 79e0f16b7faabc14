//! Recursive halving, then doubling (Rabenseifner, 2004): bandwidth-optimal in 2 log2 N rounds.
//!
//! In each round of halving partners at a distance of half the ranks, then a quarter and so on, give each
//! other the half of the range that the other keeps, and add what they get. Each element is summed at
//! one rank only, ours on the left in every round. Doubling undoes the rounds in reverse. Ranks beyond
//! the largest power of two give their vector to a partner first, who adds it to its own, and get the
//! result last.
//!
//! As in the ring, the output is overwritten by results while partial sums that were sent from there may
//! be unacknowledged; a result only exists once the partner has placed them.

use sealane_transport::Rank;

use super::{Action, Gate, Into, Schedule, Slot, Span};
use crate::shape::Shape;

/// Ranges are halved at multiples of a cache line, so that granules and elements stay whole.
const LINE: u64 = 64;

/// What was received last: the step, what that waits for, and which range of the vector.
struct Received {
    step: usize,
    after: Vec<usize>,
    range: Span,
}

/// A round of halving, to be undone.
struct Round {
    partner: Rank,
    keep: Span,
    give: Span,
}

pub(super) fn build(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (bytes, rank) = (shape.call.bytes(), shape.rank.0);
    if bytes == 0 {
        return schedule;
    }
    let rounds = shape.world.ilog2() as u16;
    let power = 1_u32 << rounds;
    let (fold, unfold) = (2 * rounds, 2 * rounds + 1);
    let whole = shape.whole(Slot::Output);
    if rank >= power {
        let partner = Rank(rank - power);
        schedule.send(partner, fold, shape.whole(Slot::Input), &[]);
        schedule.recv(partner, unfold, whole, &[]);
        return schedule;
    }
    let extra = Some(Rank(rank + power)).filter(|extra| extra.0 < shape.world);
    let folded = extra.map(|from| {
        let how = Into::Reduce { with: (Slot::Input, 0), last: false };
        let step = schedule.push(Action::Recv { from, tag: fold, into: whole, how }, &[]);
        Received { step, after: Vec::new(), range: whole }
    });
    let (halved, last) = halve(&mut schedule, shape, power, folded);
    let gathered = double(&mut schedule, halved, last);
    if let Some(extra) = extra {
        schedule.send(extra, unfold, whole, &gathered);
    }
    schedule
}

/// Returns the rounds, and what was received in the last of them.
fn halve(
    schedule: &mut Schedule,
    shape: &Shape,
    power: u32,
    mut received: Option<Received>,
) -> (Vec<Round>, Option<Received>) {
    let mut range = shape.whole(Slot::Output);
    // Until something was added to it, the value is the caller's input.
    let mut value = if received.is_some() { Slot::Output } else { Slot::Input };
    let mut rounds = Vec::new();
    for tag in 0..power.ilog2() as u16 {
        let distance = power >> (tag + 1);
        let partner = Rank(shape.rank.0 ^ distance);
        let half = (range.length / 2).next_multiple_of(LINE).min(range.length);
        let low = Span { length: half, ..range };
        let high = Span { offset: low.end(), length: range.length - half, ..range };
        let upper = shape.rank.0 & distance != 0;
        let (keep, give) = if upper { (high, low) } else { (low, high) };
        if give.length > 0 {
            let gate = received.as_ref().map(|received| Gate {
                recv: received.step,
                skip: give.offset - received.range.offset,
            });
            let after = received.as_ref().map_or(&[][..], |received| &received.after);
            let send = Action::Send { to: partner, tag, from: give.of(value), gate };
            schedule.push(send, after);
        }
        let before: Vec<usize> = received.iter().map(|received| received.step).collect();
        received = (keep.length > 0).then(|| {
            let how = Into::Reduce { with: (value, keep.offset), last: distance == 1 };
            let recv = Action::Recv { from: partner, tag, into: keep, how };
            Received { step: schedule.push(recv, &before), after: before, range: keep }
        });
        value = Slot::Output;
        rounds.push(Round { partner, keep, give });
        range = keep;
    }
    (rounds, received)
}

/// Returns the receives that bring the result.
fn double(schedule: &mut Schedule, rounds: Vec<Round>, last: Option<Received>) -> Vec<usize> {
    let tags = rounds.len() as u16..;
    let mut gathered: Vec<usize> = last.iter().map(|last| last.step).collect();
    let mut gate = last.map(|last| (Gate { recv: last.step, skip: 0 }, last.after));
    for (tag, Round { partner, keep, give }) in tags.zip(rounds.into_iter().rev()) {
        if keep.length > 0 {
            // The first range is what the last addition brings, packet by packet.
            let (gate, after) = match gate.take() {
                Some((gate, after)) => (Some(gate), after),
                None => (None, gathered.clone()),
            };
            schedule.push(Action::Send { to: partner, tag, from: keep, gate }, &after);
        }
        gate = None;
        if give.length > 0 {
            gathered.push(schedule.recv(partner, tag, give, &[]));
        }
    }
    gathered
}
