//! Straight from whom has it to whom needs it, one message for each pair of ranks.

use sealane_transport::Rank;

use super::{Action, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct Direct;

impl Scheduler for Direct {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::Gather(root) => Some(gather(shape, root)),
            Collective::Scatter(root) => Some(scatter(shape, root)),
            Collective::ReduceScatter(_) => Some(reduce_scatter(shape)),
            _ => None,
        }
    }
}

/// Everyone's block comes to the root at once.
fn gather(shape: &Shape, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let me = shape.me();
    let own = Span { slot: Slot::Input, offset: 0, length: shape.blocks.length(me) };
    if shape.rank != root {
        if own.length > 0 {
            schedule.send(root, 0, own, &[]);
        }
        return schedule;
    }
    for rank in (0..shape.ranks()).filter(|rank| *rank != me) {
        let into = shape.blocks.span(Slot::Output, rank);
        if into.length > 0 {
            schedule.recv(Rank(rank as u32), 0, into, &[]);
        }
    }
    if own.length > 0 {
        schedule.copy(shape.blocks.span(Slot::Output, me), own, &[]);
    }
    schedule
}

/// Everyone's block leaves the root at once.
fn scatter(shape: &Shape, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let me = shape.me();
    let own = Span { slot: Slot::Output, offset: 0, length: shape.blocks.length(me) };
    if shape.rank != root {
        if own.length > 0 {
            schedule.recv(root, 0, own, &[]);
        }
        return schedule;
    }
    for rank in (0..shape.ranks()).filter(|rank| *rank != me) {
        let from = shape.blocks.span(Slot::Input, rank);
        if from.length > 0 {
            schedule.send(Rank(rank as u32), 0, from, &[]);
        }
    }
    if own.length > 0 {
        schedule.copy(own, shape.blocks.span(Slot::Input, me), &[]);
    }
    schedule
}

/// Everyone sends everyone its part; each reduces its own, in the order of the ring: from the rank
/// after it around to itself. So the two give the same bits.
fn reduce_scatter(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (me, n) = (shape.me(), shape.ranks());
    give_away(&mut schedule, shape);
    let own = shape.blocks.span(Slot::Input, me);
    let output = Span { slot: Slot::Output, offset: 0, length: own.length };
    if own.length == 0 {
        return schedule;
    }
    let mut value: Option<(Span, usize)> = None;
    for distance in 1..n {
        let theirs = schedule.scratch(own.length);
        let arrived = schedule.recv(shape.after(distance), 0, theirs, &[]);
        value = Some(match value {
            None => (theirs, arrived),
            Some((sum, ready)) => {
                let add = Action::Combine { out: sum, a: theirs, b: sum, last: false };
                (sum, schedule.push(add, &[ready, arrived]))
            }
        });
    }
    if let Some((sum, ready)) = value {
        let finish = Action::Combine { out: output, a: own, b: sum, last: true };
        schedule.push(finish, &[ready]);
    }
    schedule
}

/// Sends everyone its part of our input.
pub(super) fn give_away(schedule: &mut Schedule, shape: &Shape) {
    for distance in 1..shape.ranks() {
        let to = shape.after(distance);
        let from = shape.blocks.span(Slot::Input, to.0.into());
        if from.length > 0 {
            schedule.send(to, 0, from, &[]);
        }
    }
}
