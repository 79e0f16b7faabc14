//! Ring all-reduce: reduce-scatter, then all-gather, N−1 steps each (Patarasuk and Yuan, 2009).
//!
//! Chunk *c* starts at rank *c* and is reduced at every rank on its way to rank *c−1*, which owns the
//! result and sends it around once more. Every send but the first is gated by the receive before it, so
//! a packet is opened, added and sealed onward while it is in cache.
//!
//! The output is written while earlier contents of it may be unacknowledged. That is sound: a chunk's
//! granule comes back reduced only after the next rank has placed our partial of it, and a granule
//! that was placed is never placed again, so a late retransmission of it cannot matter.

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Slot, Span};
use crate::call::Call;

/// Chunks begin at cache lines, so that granules never straddle them.
const LINE: u64 = 64;

/// The chunk of `rank` among `world`.
fn chunk(bytes: u64, rank: u64, world: u64, slot: Slot) -> Span {
    let each = bytes.div_ceil(world).next_multiple_of(LINE);
    let offset = (each * rank).min(bytes);
    Span { slot, offset, length: each.min(bytes - offset) }
}

pub(super) fn build(call: &Call, rank: Rank, world: u32) -> Schedule {
    let (me, n, bytes) = (u64::from(rank.0), u64::from(world), call.bytes());
    let neighbour = |distance: u64| Rank(((me + distance) % n) as u32);
    let (next, previous) = (neighbour(1), neighbour(n - 1));
    let mut schedule = Schedule::default();
    let mut gate = None;
    for step in 0..2 * (n - 1) {
        let reducing = step < n - 1;
        let (out, arriving) = if reducing {
            ((me + n - step) % n, (me + 2 * n - step - 1) % n)
        } else {
            let turn = step - (n - 1);
            ((me + 1 + n - turn) % n, (me + n - turn) % n)
        };
        let slot = if step == 0 { Slot::Input } else { Slot::Output };
        let from = chunk(bytes, out, n, slot);
        if from.length > 0 {
            let tag = step as u16;
            schedule.push(Action::Send { to: next, tag, from, gate }, &[]);
        }
        let into = chunk(bytes, arriving, n, Slot::Output);
        gate = None;
        if into.length > 0 {
            let how = if reducing { Into::Reduce { last: step == n - 2 } } else { Into::Copy };
            let recv = Action::Recv { from: previous, tag: step as u16, into, how };
            gate = Some(schedule.push(recv, &[]));
        }
    }
    schedule
}
