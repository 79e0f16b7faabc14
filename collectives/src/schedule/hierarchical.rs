//! By the topology: the ranks of one host among themselves, and one rank of each host, its leader, across
//! hosts. So the slow links between hosts carry each byte once per host and not once per rank.
//!
//! The leader of a host is its lowest rank, but where there is a root that leads its own host. An
//! all-reduce adds on each host, then among the leaders, and hands the result down; long vectors in
//! segments, so that the three go on at once. Segments are made of the schedules of chain, ring and the
//! others, between some of the ranks only.

mod all_gather;
mod part;

use sealane_transport::Rank;

use super::forward::to_all;
use super::segments::split_by;
use super::{Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::plan::{Algorithm, Topology};
use crate::shape::Shape;

use part::{Part, Place};

/// See the module's text.
pub(super) struct Hierarchical;

impl Scheduler for Hierarchical {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        let topology = shape.topology.clone()?;
        match shape.call.collective {
            Collective::AllReduce(_) => Some(all_reduce(shape, &topology)),
            Collective::Reduce(_, root) => Some(reduce(shape, &topology, root)),
            Collective::Broadcast(root) => Some(broadcast(shape, &topology, root)),
            Collective::AllGather => Some(all_gather::all_gather(shape, &topology)),
            _ => None,
        }
    }
}

/// The shortest segment of a vector. Tests cut smaller ones, to have many in short vectors.
const SEGMENT: u64 = if cfg!(test) { 2 << 10 } else { 1 << 20 };

/// The most segments, and how many tags each has: together the sixteen bits of a tag.
const SEGMENTS: u64 = 16;
const TAGS: u16 = 1 << 12;

/// Segments that are under way at once.
const WINDOW: usize = 4;

/// Up to this size trees and doubling, beyond it chains and rings.
const SMALL: u64 = if cfg!(test) { 256 } else { 64 << 10 };

/// The longest segment whose chain has tags enough.
const CHAIN_MAX: u64 = 1 << 29;

/// The ranks of our host, its leader first; and the leaders, ours first if we lead.
struct Places {
    locals: Vec<Rank>,
    leaders: Vec<Rank>,
}

impl Places {
    /// `root` leads its host, and is the first of the leaders.
    fn new(shape: &Shape, topology: &Topology, root: Option<Rank>) -> Self {
        let first = |mut ranks: Vec<Rank>, leader: Option<Rank>| {
            if let Some(at) = ranks.iter().position(|rank| Some(*rank) == leader) {
                // The others keep their order.
                ranks[..=at].rotate_right(1);
            }
            ranks
        };
        let leads = |ranks: &[Rank]| match root {
            Some(root) if ranks.contains(&root) => root,
            _ => ranks[0],
        };
        let leaders = topology.hosts().map(leads).collect();
        let locals = topology.beside(shape.rank).to_vec();
        Self { locals: first(locals, root), leaders: first(leaders, root) }
    }

    fn leader(&self) -> Rank {
        self.locals[0]
    }
}

fn by_size(bytes: u64, small: Algorithm, large: Algorithm) -> Algorithm {
    if bytes <= SMALL || bytes > CHAIN_MAX { small } else { large }
}

fn pieces(shape: &Shape) -> Vec<Span> {
    split_by(0, shape.call.bytes(), SEGMENT, SEGMENTS)
}

fn all_reduce(shape: &Shape, topology: &Topology) -> Schedule {
    let mut schedule = Schedule::default();
    let places = Places::new(shape, topology, None);
    let Collective::AllReduce(op) = shape.call.collective else { return schedule };
    let mut ends: Vec<Vec<usize>> = Vec::new();
    for (index, piece) in (0_u16..).zip(pieces(shape)) {
        let opener = (ends.len() >= WINDOW).then(|| ends[ends.len() - WINDOW].clone());
        let part = Part { shape, piece, tags: index * TAGS, after: opener.unwrap_or_default() };
        let (input, output) = (Place::of(piece, Slot::Input), Place::of(piece, Slot::Output));
        let leader = Rank(0);
        let algorithm = by_size(piece.length, Algorithm::Binomial, Algorithm::Chain);
        let up = (Collective::Reduce(op, leader), algorithm);
        let sums = part.run(&mut schedule, &places.locals, up, (input, output), false);
        let mut results = sums.clone();
        if shape.rank == places.leader() {
            let across = part.after(sums);
            let algorithm = by_size(piece.length, Algorithm::RecursiveDoubling, Algorithm::Ring);
            let with = if places.locals.len() == 1 { input } else { output };
            let all = (Collective::AllReduce(op), algorithm);
            results = across.run(&mut schedule, &places.leaders, all, (with, output), true);
        }
        let down = if shape.rank == places.leader() { part.after(results.clone()) } else { part };
        let all = (Collective::Broadcast(leader), algorithm);
        let down = down.run(&mut schedule, &places.locals, all, (output, output), false);
        ends.push(results.into_iter().chain(down).collect());
    }
    schedule
}

/// Leaders but the root keep the sums of their hosts in scratch.
fn reduce(shape: &Shape, topology: &Topology, root: Rank) -> Schedule {
    let mut schedule = Schedule::default();
    let places = Places::new(shape, topology, Some(root));
    let Collective::Reduce(op, _) = shape.call.collective else { return schedule };
    let mut ends: Vec<Vec<usize>> = Vec::new();
    for (index, piece) in (0_u16..).zip(pieces(shape)) {
        let opener = (ends.len() >= WINDOW).then(|| ends[ends.len() - WINDOW].clone());
        let part = Part { shape, piece, tags: index * TAGS, after: opener.unwrap_or_default() };
        let input = Place::of(piece, Slot::Input);
        let leads = shape.rank == places.leader();
        let output = if leads && shape.rank != root {
            Place::whole(schedule.scratch(piece.length))
        } else {
            Place::of(piece, Slot::Output)
        };
        let algorithm = by_size(piece.length, Algorithm::Binomial, Algorithm::Chain);
        let to_first = (Collective::Reduce(op, Rank(0)), algorithm);
        let mut end = part.run(&mut schedule, &places.locals, to_first, (input, output), false);
        if leads {
            let with = if places.locals.len() == 1 { input } else { output };
            let across = part.after(end);
            end = across.run(&mut schedule, &places.leaders, to_first, (with, output), true);
        }
        ends.push(end);
    }
    schedule
}

/// From leader to leader, and from each down its host.
fn broadcast(shape: &Shape, topology: &Topology, root: Rank) -> Schedule {
    let places = Places::new(shape, topology, Some(root));
    let small = shape.call.bytes() <= SMALL;
    let (above, below) = links(&places.locals, shape.rank, small);
    let (before, beyond) = links(&places.leaders, shape.rank, small);
    // Who waits for most is served first.
    to_all(shape, before.or(above), beyond.into_iter().chain(below))
}

/// Whom a rank of a list hears from, and whom it tells: a binomial tree or a chain from the first on.
fn links(ranks: &[Rank], rank: Rank, tree: bool) -> (Option<Rank>, Vec<Rank>) {
    let Some(at) = ranks.iter().position(|one| *one == rank) else { return (None, Vec::new()) };
    if !tree {
        let before = at.checked_sub(1).map(|before| ranks[before]);
        return (before, ranks.get(at + 1).into_iter().copied().collect());
    }
    let bits = match at {
        0 => ranks.len().next_power_of_two().ilog2(),
        at => at.trailing_zeros(),
    };
    let children = (0..bits).rev().filter_map(|bit| ranks.get(at | 1 << bit).copied());
    ((at > 0).then(|| ranks[at & (at - 1)]), children.collect())
}
