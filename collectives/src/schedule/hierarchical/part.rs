//! Schedules of some of the ranks, as parts of one of all.

use sealane_transport::Rank;

use crate::blocks::{Blocks, Counts};
use crate::call::{Call, Collective};
use crate::plan::Algorithm;
use crate::schedule::{Action, Gate, Into, Schedule, Slot, Span, Step, build};
use crate::shape::Shape;

/// Where a part has its input or output: a slot, and which byte of it is the part's first.
#[derive(Clone, Copy)]
pub(super) struct Place {
    slot: Slot,
    offset: u64,
}

impl Place {
    /// A piece of the vector, in a slot.
    pub(super) const fn of(piece: Span, slot: Slot) -> Self {
        Self { slot, offset: piece.offset }
    }

    /// The whole of a slot of scratch.
    pub(super) const fn whole(scratch: Span) -> Self {
        Self { slot: scratch.slot, offset: 0 }
    }
}

/// A piece of the vector, and what its steps have in common.
#[derive(Clone)]
pub(super) struct Part<'a> {
    pub shape: &'a Shape,
    pub piece: Span,
    /// Its first tag.
    pub tags: u16,
    /// Which steps go before.
    pub after: Vec<usize>,
}

impl Part<'_> {
    /// The same, after other steps as well.
    pub(super) fn after(&self, steps: Vec<usize>) -> Self {
        let after = self.after.iter().copied().chain(steps).collect();
        Self { after, ..self.clone() }
    }

    /// Adds the steps of a collective of `members`, of whom we may be one. Roots are places among them.
    /// Sums of averages are divided only if they are `complete`. Returns the steps after which what it
    /// brings us is there.
    pub(super) fn run(
        &self,
        schedule: &mut Schedule,
        members: &[Rank],
        (collective, algorithm): (Collective, Algorithm),
        (input, output): (Place, Place),
        complete: bool,
    ) -> Vec<usize> {
        let rank = members.iter().position(|member| *member == self.shape.rank);
        let (Some(rank), 2..) = (rank, members.len()) else { return Vec::new() };
        let Call { dtype, .. } = self.shape.call;
        let count = self.piece.length / dtype.size() as u64;
        let none = Blocks::Even { each: 0, world: members.len() as u64 };
        let shape = Shape {
            call: Call { collective, dtype, count },
            counts: Counts::Even,
            rank: Rank(rank as u32),
            world: members.len() as u32,
            in_place: false,
            blocks: none.clone(),
            arriving: none,
            topology: None,
        };
        let part = build(&shape, algorithm).unwrap_or_default();
        let embedding = Embedding {
            members,
            tags: self.tags,
            steps: schedule.steps.len(),
            scratch: schedule.scratch.len(),
            input,
            output,
            complete,
        };
        schedule.scratch.extend(part.scratch);
        let mut brought = Vec::new();
        for Step { action, after } in part.steps {
            let after = after.into_iter().map(|step| step + embedding.steps);
            let after: Vec<usize> = after.chain(self.after.iter().copied()).collect();
            let sends = matches!(action, Action::Send { .. });
            let step = schedule.push(embedding.action(action), &after);
            if !sends {
                brought.push(step);
            }
        }
        brought
    }
}

/// How the names of a part become those of the whole.
struct Embedding<'a> {
    members: &'a [Rank],
    tags: u16,
    steps: usize,
    scratch: usize,
    input: Place,
    output: Place,
    complete: bool,
}

impl Embedding<'_> {
    fn rank(&self, rank: Rank) -> Rank {
        self.members[rank.0 as usize]
    }

    fn at(&self, slot: Slot, offset: u64) -> (Slot, u64) {
        match slot {
            Slot::Input => (self.input.slot, self.input.offset + offset),
            Slot::Output => (self.output.slot, self.output.offset + offset),
            Slot::Scratch(index) => (Slot::Scratch(index + self.scratch), offset),
        }
    }

    fn span(&self, span: Span) -> Span {
        let (slot, offset) = self.at(span.slot, span.offset);
        Span { slot, offset, length: span.length }
    }

    fn action(&self, action: Action) -> Action {
        match action {
            Action::Send { to, tag, from, gate } => {
                let gate = gate.map(|gate| Gate { recv: gate.recv + self.steps, ..gate });
                Action::Send {
                    to: self.rank(to),
                    tag: tag + self.tags,
                    from: self.span(from),
                    gate,
                }
            }
            Action::Recv { from, tag, into, how } => {
                let how = match how {
                    Into::Copy => Into::Copy,
                    Into::Reduce { with: (slot, offset), last } => {
                        Into::Reduce { with: self.at(slot, offset), last: last && self.complete }
                    }
                };
                let (from, tag) = (self.rank(from), tag + self.tags);
                Action::Recv { from, tag, into: self.span(into), how }
            }
            Action::Combine { out, a, b, last } => Action::Combine {
                out: self.span(out),
                a: self.span(a),
                b: self.span(b),
                last: last && self.complete,
            },
            Action::Copy { to, from, last } => Action::Copy {
                to: self.span(to),
                from: self.span(from),
                last: last && self.complete,
            },
        }
    }
}
