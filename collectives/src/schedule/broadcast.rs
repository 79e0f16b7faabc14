//! Broadcast: a chain with cut-through for large sizes, a binomial tree for small ones.

use sealane_transport::Rank;

use super::tree::Place;
use super::{Action, Gate, Schedule, Slot, Span};
use crate::shape::Shape;

/// The root has the bytes in its input and needs them in its output as well; the others receive them.
/// Returns where they are sent on from, and what gates that.
fn obtain(schedule: &mut Schedule, shape: &Shape, from: Option<Rank>) -> (Span, Option<Gate>) {
    let (input, output) = (shape.whole(Slot::Input), shape.whole(Slot::Output));
    match from {
        None => {
            schedule.copy(output, input, &[]);
            (input, None)
        }
        Some(from) => {
            let recv = schedule.recv(from, 0, output, &[]);
            (output, Some(Gate { recv, skip: 0 }))
        }
    }
}

pub(super) fn chain(shape: &Shape, root: Rank) -> Schedule {
    let place = Place::new(shape, root);
    to_all(shape, place.previous(), place.next().into_iter())
}

/// The child with the most descendants is served first.
pub(super) fn binomial(shape: &Shape, root: Rank) -> Schedule {
    let place = Place::new(shape, root);
    to_all(shape, place.parent(), place.children().rev())
}

fn to_all(shape: &Shape, source: Option<Rank>, targets: impl Iterator<Item = Rank>) -> Schedule {
    let mut schedule = Schedule::default();
    if shape.call.bytes() == 0 {
        return schedule;
    }
    let (from, gate) = obtain(&mut schedule, shape, source);
    for to in targets {
        schedule.push(Action::Send { to, tag: 0, from, gate }, &[]);
    }
    schedule
}
