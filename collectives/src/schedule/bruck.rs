//! In ⌈log2 N⌉ rounds by way of others, for small sizes (Bruck, Ho, Kipnis, Upfal and Weathersby, 1997).

use super::{Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct Bruck;

impl Scheduler for Bruck {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllGather => Some(all_gather(shape)),
            Collective::AllToAll => Some(all_to_all(shape)),
            _ => None,
        }
    }
}

/// Blocks are gathered in a row that begins with ours and goes on with those of the ranks after us; each
/// round doubles it by the row of the rank that ours ends at.
fn all_gather(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (me, n, total) = (shape.me(), shape.ranks(), shape.blocks.total());
    if total == 0 {
        return schedule;
    }
    let row = schedule.scratch(total);
    // The row wraps around after the last rank.
    let wrapped = shape.blocks.offset(me);
    let position = |index: u64| match me + index {
        rank if rank <= n => shape.blocks.offset(rank) - wrapped,
        rank => total - wrapped + shape.blocks.offset(rank - n),
    };
    let part = |from: u64, to: u64| Span {
        offset: position(from),
        length: position(to) - position(from),
        ..row
    };
    let mut there: Vec<usize> = Vec::new();
    let own = Span { slot: Slot::Input, offset: 0, length: shape.blocks.length(me) };
    if own.length > 0 {
        there.push(schedule.copy(part(0, 1), own, &[]));
    }
    let (mut distance, mut tag) = (1, 0);
    while distance < n {
        let count = distance.min(n - distance);
        let (from, into) = (part(0, count), part(distance, distance + count));
        if from.length > 0 {
            schedule.send(shape.before(distance), tag, from, &there);
        }
        if into.length > 0 {
            there.push(schedule.recv(shape.after(distance), tag, into, &[]));
        }
        distance *= 2;
        tag += 1;
    }
    for (from, offset) in [(part(0, n - me), wrapped), (part(n - me, n), 0)] {
        if from.length > 0 {
            let to = Span { slot: Slot::Output, offset, length: from.length };
            schedule.copy(to, from, &there);
        }
    }
    schedule
}

/// A block for the rank *d* places after us travels by the powers of two that *d* is made of, together
/// with all others that make the same step.
fn all_to_all(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (me, n, each) = (shape.me(), shape.ranks(), shape.blocks.length(0));
    if each == 0 {
        return schedule;
    }
    // Where the block that goes so many places lies, and the step after which it is there.
    let block = |slot, rank: u64| shape.blocks.span(slot, rank % n);
    let mut places: Vec<(Span, Option<usize>)> =
        (0..n).map(|distance| (block(Slot::Input, me + distance), None)).collect();
    let (mut step, mut tag) = (1, 0);
    while step < n {
        let moving: Vec<usize> = (0..n).filter(|d| d & step != 0).map(|d| d as usize).collect();
        let (out, into) = (
            schedule.scratch(each * moving.len() as u64),
            schedule.scratch(each * moving.len() as u64),
        );
        let part = |whole: Span, index: u64| Span { offset: index * each, length: each, ..whole };
        let packed: Vec<usize> = (0..)
            .zip(&moving)
            .map(|(index, distance)| {
                let (from, ready) = places[*distance];
                schedule.copy(part(out, index), from, ready.as_slice())
            })
            .collect();
        schedule.send(shape.after(step), tag, out, &packed);
        let arrived = schedule.recv(shape.before(step), tag, into, &[]);
        for (index, distance) in (0..).zip(&moving) {
            places[*distance] = (part(into, index), Some(arrived));
        }
        step *= 2;
        tag += 1;
    }
    // In place, nothing of the input is read any more once a block has arrived.
    for (distance, (from, ready)) in (0..).zip(places) {
        schedule.copy(block(Slot::Output, me + n - distance), from, ready.as_slice());
    }
    schedule
}
