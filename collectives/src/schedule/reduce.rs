//! Reduce: a chain with cut-through for large sizes, a binomial tree for small ones.

use sealane_transport::Rank;

use super::segments::segments;
use super::tree::Place;
use super::{Action, Gate, Into, Schedule, Slot, Span};
use crate::shape::Shape;

/// Segments of a chain that are under way at once.
const WINDOW: usize = 16;

/// From the rank before the root, backwards around to the root, packet by packet. The contributions
/// meet in that order, each new one on the left. Partial results pass through a few segments of
/// scratch, each used again once what it held has been acknowledged.
pub(super) fn chain(shape: &Shape, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let place = Place::new(shape, root);
    let parts = segments(shape.call.bytes());
    let Some(source) = place.next() else {
        // The far end: it has nothing to wait for.
        for (tag, part) in (0..).zip(parts) {
            if let Some(to) = place.previous() {
                schedule.send(to, tag, part.of(Slot::Input), &[]);
            }
        }
        return schedule;
    };
    let slots: Vec<Span> = match place.previous() {
        Some(_) => parts.iter().take(WINDOW).map(|part| schedule.scratch(part.length)).collect(),
        None => Vec::new(),
    };
    let (mut recvs, mut sends): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, part) in parts.iter().enumerate() {
        let tag = index as u16;
        let before = index.checked_sub(WINDOW);
        let (into, after) = match slots.get(index % WINDOW) {
            Some(slot) => (Span { length: part.length, ..*slot }, before.map(|at| sends[at])),
            None => (part.of(Slot::Output), before.map(|at| recvs[at])),
        };
        let how = Into::Reduce { with: (Slot::Input, part.offset), last: slots.is_empty() };
        let recv = Action::Recv { from: source, tag, into, how };
        recvs.push(schedule.push(recv, after.as_slice()));
        if let Some(to) = place.previous() {
            let gate = Some(Gate { recv: recvs[index], skip: 0 });
            let send = Action::Send { to, tag, from: into, gate };
            sends.push(schedule.push(send, after.as_slice()));
        }
    }
    schedule
}

/// Whole vectors from child to parent, the nearest child's first, ours on the left. Everything is sent
/// from scratch, so the caller's memory is free before the last acknowledgement.
pub(super) fn binomial(shape: &Shape, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let bytes = shape.call.bytes();
    if bytes == 0 {
        return schedule;
    }
    let place = Place::new(shape, root);
    let (mut value, mut ready) = (shape.whole(Slot::Input), None);
    let children: Vec<Rank> = place.children().collect();
    for (index, child) in children.iter().enumerate() {
        let theirs = schedule.scratch(bytes);
        let arrived = schedule.recv(*child, 0, theirs, &[]);
        let last = place.relative == 0 && index + 1 == children.len();
        let out = if last { shape.whole(Slot::Output) } else { schedule.scratch(bytes) };
        let after: Vec<usize> = ready.into_iter().chain([arrived]).collect();
        let combine = Action::Combine { out, a: value, b: theirs, last };
        (value, ready) = (out, Some(schedule.push(combine, &after)));
    }
    if let Some(parent) = place.parent() {
        if ready.is_none() {
            let copy = schedule.scratch(bytes);
            ready = Some(schedule.copy(copy, value, &[]));
            value = copy;
        }
        schedule.send(parent, 0, value, ready.as_slice());
    }
    schedule
}
