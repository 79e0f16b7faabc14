//! A binomial tree: broadcast and reduce of small sizes.

use sealane_transport::Rank;

use super::forward::to_all;
use super::tree::Place;
use super::{Action, Schedule, Scheduler, Slot};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct Binomial;

impl Scheduler for Binomial {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::Broadcast(root) => Some(broadcast(shape, root)),
            Collective::Reduce(_, root) => Some(reduce(shape, root)),
            _ => None,
        }
    }
}

/// The child with the most descendants is served first.
fn broadcast(shape: &Shape, root: Rank) -> Schedule {
    let place = Place::new(shape, root);
    to_all(shape, place.parent(), place.children().rev())
}

/// Whole vectors from child to parent, the nearest child's first, ours on the left. Everything is sent
/// from scratch, so the caller's memory is free before the last acknowledgement.
fn reduce(shape: &Shape, root: Rank) -> Schedule {
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
