//! All-gather by hosts: every block goes from its rank to the leader of its host, from there around all
//! leaders, and from each leader down its host, cut through at every rank.

use sealane_transport::Rank;

use super::Places;
use crate::plan::Topology;
use crate::schedule::{Action, Gate, Schedule, Slot, Span};
use crate::shape::Shape;

/// Blocks whose receives are posted at once.
const WINDOW: usize = 256;

/// The message of a block has its rank for a tag.
pub(super) fn all_gather(shape: &Shape, topology: &Topology) -> Schedule {
    let mut schedule = Schedule::default();
    let places = Places::new(shape, topology, None);
    let own = Span { slot: Slot::Input, offset: 0, length: shape.blocks.length(shape.me()) };
    let mut recvs: Vec<usize> = Vec::new();
    for rank in 0..shape.world {
        let block = shape.blocks.span(Slot::Output, rank.into());
        if block.length == 0 {
            continue;
        }
        let (source, targets) = way(shape, topology, &places, Rank(rank));
        let (tag, mut from, mut gate, mut after) = (rank as u16, own, None, Vec::new());
        if let Some(source) = source {
            after.extend(recvs.len().checked_sub(WINDOW).map(|before| recvs[before]));
            let recv = schedule.recv(source, tag, block, &after);
            recvs.push(recv);
            (from, gate) = (block, Some(Gate { recv, skip: 0 }));
        } else {
            schedule.copy(block, own, &[]);
        }
        for to in targets {
            schedule.push(Action::Send { to, tag, from, gate }, &after);
        }
    }
    schedule
}

/// Whom we have the block of a rank from (nobody: it is ours), and to whom we pass it on.
fn way(
    shape: &Shape,
    topology: &Topology,
    places: &Places,
    origin: Rank,
) -> (Option<Rank>, Vec<Rank>) {
    let (rank, leader) = (shape.rank, places.leader());
    let here = places.locals.contains(&origin);
    // Down the host: the leader first, then the others but the origin.
    let chain: Vec<Rank> = places.locals.iter().copied().filter(|one| *one != origin).collect();
    let after = |rank: Rank| {
        let at = chain.iter().position(|one| *one == rank);
        at.and_then(|at| chain.get(at + 1).copied())
    };
    let mut targets = Vec::new();
    if rank == leader {
        let count = places.leaders.len();
        let at = places.leaders.iter().position(|one| *one == rank).unwrap_or(0);
        let next = places.leaders[(at + 1) % count];
        if !topology.beside(origin).contains(&next) {
            targets.push(next);
        }
        if rank == origin {
            targets.extend(chain.first());
            return (None, targets);
        }
        targets.extend(after(rank));
        let before = places.leaders[(at + count - 1) % count];
        return (Some(if here { origin } else { before }), targets);
    }
    if rank == origin {
        return (None, vec![leader]);
    }
    targets.extend(after(rank));
    let before = chain.iter().position(|one| *one == rank).and_then(|at| at.checked_sub(1));
    // Without one before us the origin leads, and the chain begins with us.
    (Some(before.map_or(leader, |at| chain[at])), targets)
}
