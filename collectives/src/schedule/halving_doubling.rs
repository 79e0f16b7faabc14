//! Recursive halving, then doubling (Rabenseifner, 2004): bandwidth-optimal in 2 log2 N rounds; and, for a
//! reduce to one rank, halving and then a gather.
//!
//! In each round of halving, partners at a distance of one rank, then two, four and so on, give each
//! other the half of the range that the other keeps, and add what they get. Each element is summed at
//! one rank only, by the same tree wherever it lies: neighbours first, as recursive doubling does, so
//! that the two give the same bits. Doubling undoes the rounds in reverse. Ranks beyond the largest power
//! of two give their vector to a partner first, who adds it to its own, and get the result last.
//!
//! As in the ring, the output is overwritten by results while partial sums that were sent from there may
//! be unacknowledged; a result only exists once the partner has placed them.

use sealane_transport::Rank;

use super::{Action, Gate, Into, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// Ranges are halved at multiples of a cache line, so that granules and elements stay whole.
const LINE: u64 = 64;

/// See the module's text.
pub(super) struct HalvingDoubling;

impl Scheduler for HalvingDoubling {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllReduce(_) => Some(all_reduce(shape)),
            Collective::Reduce(_, root) => Some(reduce(shape, root)),
            _ => None,
        }
    }
}

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

/// Where a rank stands among the largest power of two of them.
struct Fold {
    power: u32,
    rounds: u16,
    /// The rank beyond it whose vector this one adds to its own.
    extra: Option<Rank>,
}

impl Fold {
    fn new(shape: &Shape) -> Self {
        let rounds = shape.world.ilog2() as u16;
        let power = 1_u32 << rounds;
        let extra = Some(Rank(shape.rank.0 + power)).filter(|extra| extra.0 < shape.world);
        Self { power, rounds, extra }
    }

    /// Takes the vector of the rank beyond into `whole`.
    fn take(&self, schedule: &mut Schedule, whole: Span) -> Option<Received> {
        self.extra.map(|from| {
            let how = Into::Reduce { with: (Slot::Input, 0), last: false };
            let recv = Action::Recv { from, tag: 2 * self.rounds, into: whole, how };
            Received { step: schedule.push(recv, &[]), after: Vec::new(), range: whole }
        })
    }
}

fn all_reduce(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (bytes, rank) = (shape.call.bytes(), shape.rank.0);
    if bytes == 0 {
        return schedule;
    }
    let fold = Fold::new(shape);
    let unfold = 2 * fold.rounds + 1;
    let whole = shape.whole(Slot::Output);
    if rank >= fold.power {
        let partner = Rank(rank - fold.power);
        schedule.send(partner, 2 * fold.rounds, shape.whole(Slot::Input), &[]);
        schedule.recv(partner, unfold, whole, &[]);
        return schedule;
    }
    let folded = fold.take(&mut schedule, whole);
    let (halved, last) = halve(&mut schedule, shape, whole, folded);
    let gathered = double(&mut schedule, halved, last);
    if let Some(extra) = fold.extra {
        schedule.send(extra, unfold, whole, &gathered);
    }
    schedule
}

/// Everyone's range of the result goes straight to the root. Partial sums are in scratch.
fn reduce(shape: &Shape, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let (bytes, rank) = (shape.call.bytes(), shape.rank.0);
    if bytes == 0 {
        return schedule;
    }
    let fold = Fold::new(shape);
    let (output, gather) = (shape.whole(Slot::Output), 2 * fold.rounds + 1);
    if rank >= fold.power {
        schedule.send(Rank(rank - fold.power), 2 * fold.rounds, shape.whole(Slot::Input), &[]);
    } else {
        let partial = schedule.scratch(bytes);
        let folded = fold.take(&mut schedule, partial);
        let (_, last) = halve(&mut schedule, shape, partial, folded);
        // Nothing in it: ranges that are shorter than a line are not halved.
        if let Some(Received { step, after, range }) = last {
            if shape.rank == root {
                schedule.copy(Span { slot: Slot::Output, ..range }, range, &[step]);
            } else {
                let gate = Some(Gate { recv: step, skip: 0 });
                schedule.push(Action::Send { to: root, tag: gather, from: range, gate }, &after);
            }
        }
    }
    if shape.rank == root {
        for other in (0..fold.power).filter(|other| *other != rank) {
            let range = range_of(output, other, fold.power);
            if range.length > 0 {
                schedule.recv(Rank(other), gather, range, &[]);
            }
        }
    }
    schedule
}

/// Halves a range at a line; whether a rank keeps the upper half is a bit of its number.
fn split(range: Span, upper: bool) -> (Span, Span) {
    let half = (range.length / 2).next_multiple_of(LINE).min(range.length);
    let low = Span { length: half, ..range };
    let high = Span { offset: low.end(), length: range.length - half, ..range };
    if upper { (high, low) } else { (low, high) }
}

/// What is left to a rank of `whole` after all rounds of halving.
fn range_of(whole: Span, rank: u32, power: u32) -> Span {
    (0..power.ilog2()).fold(whole, |range, round| split(range, rank >> round & 1 == 1).0)
}

/// Returns the rounds, and what was received in the last of them.
fn halve(
    schedule: &mut Schedule,
    shape: &Shape,
    whole: Span,
    mut received: Option<Received>,
) -> (Vec<Round>, Option<Received>) {
    let count = shape.world.ilog2() as u16;
    let mut range = whole;
    // Until something was added to it, the value is the caller's input.
    let mut value = if received.is_some() { whole.slot } else { Slot::Input };
    let mut rounds = Vec::new();
    for tag in 0..count {
        let distance = 1 << tag;
        let partner = Rank(shape.rank.0 ^ distance);
        let (keep, give) = split(range, shape.rank.0 & distance != 0);
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
            let how = Into::Reduce { with: (value, keep.offset), last: tag + 1 == count };
            let recv = Action::Recv { from: partner, tag, into: keep, how };
            Received { step: schedule.push(recv, &before), after: before, range: keep }
        });
        value = whole.slot;
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
