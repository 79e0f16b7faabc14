//! Two binary trees, each for half of the vector (Sanders, Speck and Träff, 2009): every rank is inner
//! in at most one of them, so both directions of every link are busy, in 2 log2 N hops.
//!
//! Segment by segment, sums go up, ours on the left, the lower child's before the higher's; the roots
//! send the results down. What comes from the last child goes on packet by packet.

use sealane_transport::Rank;

use super::segments::split;
use super::{Action, Gate, Into, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// Segments of a tree that are under way at once.
const WINDOW: usize = 16;

/// A rank's links in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) parent: Option<u32>,
    pub(crate) children: Vec<u32>,
}

/// The first tree: in order of rank, odd ranks are leaves, rank 0 is the root with one child.
fn in_order(rank: u32, world: u32) -> Links {
    if rank == 0 {
        return Links { parent: None, children: vec![world.next_power_of_two() / 2] };
    }
    let bit = rank & rank.wrapping_neg();
    let above = (rank ^ bit) | bit << 1;
    let parent = if above < world { above } else { rank ^ bit };
    let lower = (bit > 1).then(|| rank - bit / 2);
    let steps = std::iter::successors(Some(bit / 2), |step| Some(step / 2));
    let higher =
        steps.take_while(|step| *step > 0).map(|step| rank + step).find(|child| *child < world);
    Links { parent: Some(parent), children: lower.into_iter().chain(higher).collect() }
}

/// A rank's number in another order of so many.
type Renumber = fn(u32, u32) -> u32;

/// The links of `rank` in one of the two trees among `world` ≥ 2. The second is the first mirrored, or,
/// where that would keep leaves leaves, shifted by one.
pub(crate) fn links(rank: u32, world: u32, second: bool) -> Links {
    let (to, back): (Renumber, Renumber) = match (second, world % 2) {
        (false, _) => (|rank, _| rank, |rank, _| rank),
        (true, 0) => (|rank, world| world - 1 - rank, |rank, world| world - 1 - rank),
        (true, _) => (|rank, world| (rank + world - 1) % world, |rank, world| (rank + 1) % world),
    };
    let Links { parent, children } = in_order(to(rank, world), world);
    Links {
        parent: parent.map(|rank| back(rank, world)),
        children: children.into_iter().map(|rank| back(rank, world)).collect(),
    }
}

/// See the module's text.
pub(super) struct DoubleTree;

impl Scheduler for DoubleTree {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllReduce(_) => Some(all_reduce(shape)),
            _ => None,
        }
    }
}

fn all_reduce(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let bytes = shape.call.bytes();
    let half = (bytes / 2).next_multiple_of(64).min(bytes);
    let parts = [split(0, half), split(half, bytes - half)];
    for (number, parts) in (0..).zip(parts) {
        let links = links(shape.rank.0, shape.world, number == 1);
        let mut brought: Vec<usize> = Vec::new();
        for (index, part) in (0_u16..).zip(parts) {
            let opener = brought.len().checked_sub(WINDOW).map(|before| brought[before]);
            let tag = index * 4 + number * 2;
            brought.extend(segment(&mut schedule, &links, part, tag, opener));
        }
    }
    schedule
}

/// One segment: up under `tag`, down under the next. Returns the receive that brings the result.
fn segment(
    schedule: &mut Schedule,
    links: &Links,
    part: Span,
    tag: u16,
    opener: Option<usize>,
) -> Option<usize> {
    let output = part.of(Slot::Output);
    let mut sum: Option<usize> = None;
    for (index, child) in links.children.iter().enumerate() {
        let value = if sum.is_some() { Slot::Output } else { Slot::Input };
        let last = links.parent.is_none() && index + 1 == links.children.len();
        let how = Into::Reduce { with: (value, part.offset), last };
        let after: Vec<usize> = opener.into_iter().chain(sum).collect();
        let recv = Action::Recv { from: Rank(*child), tag, into: output, how };
        sum = Some(schedule.push(recv, &after));
    }
    let gate = |recv: Option<usize>| recv.map(|recv| Gate { recv, skip: 0 });
    let mut result = sum;
    if let Some(parent) = links.parent {
        let from = if sum.is_some() { output } else { part.of(Slot::Input) };
        let send = Action::Send { to: Rank(parent), tag, from, gate: gate(sum) };
        schedule.push(send, opener.as_slice());
        result = Some(schedule.recv(Rank(parent), tag + 1, output, opener.as_slice()));
    }
    for child in &links.children {
        let send =
            Action::Send { to: Rank(*child), tag: tag + 1, from: output, gate: gate(result) };
        schedule.push(send, opener.as_slice());
    }
    result
}
