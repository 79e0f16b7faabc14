//! Broadcast: a chain with cut-through for large sizes, a binomial tree for small ones.

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Slot, Span};
use crate::call::Call;

/// Ranks are renumbered so that the root is 0.
struct Place {
    root: u32,
    world: u32,
    relative: u32,
}

impl Place {
    const fn new(root: Rank, rank: Rank, world: u32) -> Self {
        let relative = (rank.0 + world - root.0 % world) % world;
        Self { root: root.0 % world, world, relative }
    }

    const fn rank(&self, relative: u32) -> Rank {
        Rank((relative + self.root) % self.world)
    }
}

/// The root has the bytes in its input and needs them in its output as well; the others receive them.
fn obtain(schedule: &mut Schedule, from: Option<Rank>, bytes: u64) -> Option<usize> {
    match from {
        None => {
            let copy = Action::Copy { to: Slot::Output, from: Slot::Input, last: false };
            schedule.push(copy, &[]);
            None
        }
        Some(from) => {
            let into = Span { slot: Slot::Output, offset: 0, length: bytes };
            let recv = Action::Recv { from, tag: 0, into, how: Into::Copy };
            Some(schedule.push(recv, &[]))
        }
    }
}

pub(super) fn chain(call: &Call, root: Rank, rank: Rank, world: u32) -> Schedule {
    let (mut schedule, bytes) = (Schedule::default(), call.bytes());
    if bytes == 0 {
        return schedule;
    }
    let place = Place::new(root, rank, world);
    let from = place.relative.checked_sub(1).map(|before| place.rank(before));
    let gate = obtain(&mut schedule, from, bytes);
    if place.relative + 1 < world {
        let slot = if gate.is_some() { Slot::Output } else { Slot::Input };
        let from = Span { slot, offset: 0, length: bytes };
        let to = place.rank(place.relative + 1);
        schedule.push(Action::Send { to, tag: 0, from, gate }, &[]);
    }
    schedule
}

pub(super) fn binomial(call: &Call, root: Rank, rank: Rank, world: u32) -> Schedule {
    let (mut schedule, bytes) = (Schedule::default(), call.bytes());
    if bytes == 0 {
        return schedule;
    }
    let place = Place::new(root, rank, world);
    // The parent differs in the lowest set bit; children in the bits below it.
    let low = place.relative.trailing_zeros().min(31);
    let from = (place.relative > 0).then(|| place.rank(place.relative & (place.relative - 1)));
    let gate = obtain(&mut schedule, from, bytes);
    let slot = if gate.is_some() { Slot::Output } else { Slot::Input };
    let top = if place.relative == 0 { world.next_power_of_two().ilog2() } else { low };
    for bit in (0..top).rev() {
        let child = place.relative | 1 << bit;
        if child < world {
            let from = Span { slot, offset: 0, length: bytes };
            let to = place.rank(child);
            schedule.push(Action::Send { to, tag: 0, from, gate }, &[]);
        }
    }
    schedule
}
