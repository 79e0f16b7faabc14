//! Sending on what comes, while it comes.

use sealane_transport::Rank;

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

/// A broadcast, whatever its tree: from `source` to us, from us to `targets`.
pub(super) fn to_all(
    shape: &Shape,
    source: Option<Rank>,
    targets: impl IntoIterator<Item = Rank>,
) -> Schedule {
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
