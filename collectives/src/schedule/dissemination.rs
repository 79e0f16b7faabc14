//! Dissemination barrier: ⌈log2 N⌉ rounds of empty messages (Hensgen, Finkel and Manber, 1988).

use super::{Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct Dissemination;

impl Scheduler for Dissemination {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::Barrier => Some(barrier(shape)),
            _ => None,
        }
    }
}

fn barrier(shape: &Shape) -> Schedule {
    const NOTHING: Span = Span { slot: Slot::Output, offset: 0, length: 0 };
    let mut schedule = Schedule::default();
    let mut before: Vec<usize> = Vec::new();
    let (mut distance, mut tag) = (1, 0);
    while distance < shape.ranks() {
        schedule.send(shape.after(distance), tag, NOTHING, &before);
        // A round must wait for all rounds before it, or a fast message would overtake them.
        before.push(schedule.recv(shape.before(distance), tag, NOTHING, &[]));
        distance *= 2;
        tag += 1;
    }
    schedule
}
