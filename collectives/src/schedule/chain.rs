//! The whole vector from rank to rank, cut through packet by packet: broadcast and reduce of large sizes.

use sealane_transport::Rank;

use super::forward::to_all;
use super::segments::segments;
use super::tree::Place;
use super::{Action, Gate, Into, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// Segments of a reduce that are under way at once.
const WINDOW: usize = 16;

/// See the module's text.
pub(super) struct Chain;

impl Scheduler for Chain {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::Broadcast(root) => Some(broadcast(shape, root)),
            Collective::Reduce(_, root) => Some(reduce(shape, root)),
            _ => None,
        }
    }
}

fn broadcast(shape: &Shape, root: Rank) -> Schedule {
    let place = Place::new(shape, root);
    to_all(shape, place.previous(), place.next())
}

/// From the rank before the root, backwards around to the root, packet by packet. The contributions
/// meet in that order, each new one on the left. Partial results pass through a few segments of
/// scratch, each used again once what it held has been acknowledged.
fn reduce(shape: &Shape, root: Rank) -> Schedule {
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
