//! Ring all-reduce: reduce-scatter, then all-gather, N−1 steps each (Patarasuk and Yuan, 2009).
//!
//! Chunk *c* starts at rank *c* and is reduced at every rank on its way to rank *c−1*, which owns the
//! result and sends it around once more. Every send but the first is gated by the receive before it, so
//! a packet is opened, added and sealed onward while it is in cache.
//!
//! Receives are posted, and the sends that they gate opened, [`WINDOW`] steps ahead. Both wait for the
//! same receive, so that a send is always open before its first byte is placed.
//!
//! The output is written while earlier contents of it may be unacknowledged. That is sound: a chunk's
//! granule comes back reduced only after the next rank has placed our partial of it, and a granule
//! that was placed is never placed again, so a late retransmission of it cannot matter.

use sealane_transport::Rank;

use super::{Action, Into, Schedule, Slot, Span};
use crate::call::Call;

/// Chunks begin at cache lines, so that granules never straddle them.
const LINE: u64 = 64;

/// Steps that are under way at once: far more than the wire needs, and few enough that rings of
/// thousands do not fill the transport's message window (1024 to a peer).
pub(crate) const WINDOW: usize = 32;

/// The chunk of `rank` among `world`.
pub(crate) fn chunk(bytes: u64, rank: u64, world: u64, slot: Slot) -> Span {
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
    let mut recvs: Vec<usize> = Vec::new();
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
        let opens = |recvs: &[usize]| recvs.len().checked_sub(WINDOW).map(|before| recvs[before]);
        if from.length > 0 {
            let tag = step as u16;
            // With its gate, which is the last of `recvs`.
            let opener = gate.and_then(|_| opens(&recvs[..recvs.len() - 1]));
            schedule.push(Action::Send { to: next, tag, from, gate }, opener.as_slice());
        }
        let into = chunk(bytes, arriving, n, Slot::Output);
        gate = None;
        if into.length > 0 {
            let how = if reducing { Into::Reduce { last: step == n - 2 } } else { Into::Copy };
            let recv = Action::Recv { from: previous, tag: step as u16, into, how };
            recvs.push(schedule.push(recv, opens(&recvs).as_slice()));
            gate = recvs.last().copied();
        }
    }
    schedule
}
