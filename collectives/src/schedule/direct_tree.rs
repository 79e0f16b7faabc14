//! A reduce-scatter with one message for each pair of ranks, whose operands meet in the order of recursive
//! doubling: the same for every element, wherever its block lies and however long the blocks are.

use sealane_transport::Rank;

use super::direct::give_away;
use super::{Action, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct DirectTree;

impl Scheduler for DirectTree {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::ReduceScatter(_) => Some(reduce_scatter(shape)),
            _ => None,
        }
    }
}

/// A partial sum, and the step after which it is there: none for our own part.
type Value = (Span, Option<usize>);

fn reduce_scatter(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    give_away(&mut schedule, shape);
    let own = shape.blocks.span(Slot::Input, shape.me());
    if own.length == 0 {
        return schedule;
    }
    let mut parts: Vec<Value> = Vec::new();
    for rank in 0..shape.world {
        parts.push(if rank == shape.rank.0 {
            (own, None)
        } else {
            let theirs = schedule.scratch(own.length);
            (theirs, Some(schedule.recv(Rank(rank), 0, theirs, &[])))
        });
    }
    let output = Span { slot: Slot::Output, offset: 0, length: own.length };
    let power = 1_usize << shape.world.ilog2();
    let beyond = parts.split_off(power);
    for (index, extra) in beyond.into_iter().enumerate() {
        parts[index] = add(&mut schedule, parts[index], extra, None);
    }
    while let [_, _, ..] = parts.as_slice() {
        let last = (parts.len() == 2).then_some(output);
        parts = parts.chunks(2).map(|two| add(&mut schedule, two[0], two[1], last)).collect();
    }
    schedule
}

/// The sum of two parts: in the output if it is the last, else where one of them was, but never where
/// the caller's input is.
fn add(schedule: &mut Schedule, left: Value, right: Value, last: Option<Span>) -> Value {
    let ours = matches!(left.0.slot, Slot::Input);
    let out = last.unwrap_or(if ours { right.0 } else { left.0 });
    let after: Vec<usize> = left.1.into_iter().chain(right.1).collect();
    let combine = Action::Combine { out, a: left.0, b: right.0, last: last.is_some() };
    (out, Some(schedule.push(combine, &after)))
}
