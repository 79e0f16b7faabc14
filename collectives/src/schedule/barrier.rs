//! Dissemination barrier: ⌈log2 N⌉ rounds of empty messages (Hensgen, Finkel and Manber, 1988).

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Slot, Span};

pub(super) fn build(rank: Rank, world: u32) -> Schedule {
    const NOTHING: Span = Span { slot: Slot::Output, offset: 0, length: 0 };
    let mut schedule = Schedule::default();
    let mut before: Vec<usize> = Vec::new();
    let (mut distance, mut tag) = (1_u64, 0);
    while distance < u64::from(world) {
        let at = |offset: u64| Rank(((u64::from(rank.0) + offset) % u64::from(world)) as u32);
        let (to, from) = (at(distance), at(u64::from(world) - distance));
        schedule.push(Action::Send { to, tag, from: NOTHING, gate: None }, &before);
        let recv = Action::Recv { from, tag, into: NOTHING, how: Into::Copy };
        // A round must wait for all rounds before it, or a fast message would overtake them.
        before.push(schedule.push(recv, &[]));
        distance *= 2;
        tag += 1;
    }
    schedule
}
