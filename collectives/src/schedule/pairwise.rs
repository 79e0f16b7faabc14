//! Pairwise all-to-all: in round *r* to the rank *r* places after us, from the one *r* places before.

use super::{Schedule, Scheduler, Slot, Span};
use crate::blocks::Counts;
use crate::call::Collective;
use crate::shape::Shape;

/// Rounds that are under way at once.
const WINDOW: usize = 32;

/// See the module's text.
pub(super) struct Pairwise;

impl Scheduler for Pairwise {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllToAll => Some(all_to_all(shape)),
            _ => None,
        }
    }
}

/// In place, the input is copied first: what comes from a rank lands where what goes to it lies.
fn all_to_all(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let (me, total) = (shape.me(), shape.blocks.total());
    let listed = shape.counts != Counts::Even;
    if total == 0 && !listed {
        return schedule;
    }
    let (mut source, mut copied) = (Slot::Input, None);
    if shape.in_place && total > 0 {
        let copy = schedule.scratch(total);
        source = copy.slot;
        copied = Some(schedule.copy(copy, Span { slot: Slot::Input, ..copy }, &[]));
    }
    let (own, kept) = (shape.blocks.span(source, me), shape.arriving.span(Slot::Output, me));
    if own.length > 0 && !shape.in_place {
        schedule.copy(kept, own, &[]);
    }
    let mut recvs: Vec<usize> = Vec::new();
    for distance in 1..shape.ranks() {
        let opener = recvs.len().checked_sub(WINDOW).map(|before| recvs[before]);
        let after: Vec<usize> = opener.into_iter().chain(copied).collect();
        let (to, from) = (shape.after(distance), shape.before(distance));
        // Empty blocks travel too: only so is it noticed that two ranks' lists disagree.
        let into = shape.arriving.span(Slot::Output, from.0.into());
        recvs.push(schedule.recv(from, 0, into, &after));
        schedule.send(to, 0, shape.blocks.span(source, to.0.into()), &after);
    }
    schedule
}
