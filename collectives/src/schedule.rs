//! Schedules: what one rank sends, receives and computes, and in which order.
//!
//! A schedule is a list of steps. A step starts when the steps that it names are done; a send that is
//! gated by a receive goes out byte by byte as that receive is placed (cut-through). Both sides of a
//! message compute the same tag for it.

mod binomial;
mod bruck;
mod chain;
mod direct;
mod direct_tree;
mod dissemination;
pub(crate) mod double_tree;
mod forward;
mod halving_doubling;
mod hierarchical;
mod pairwise;
mod recursive_doubling;
pub(crate) mod ring;
mod segments;
mod tree;

use std::collections::BTreeSet;

use sealane_transport::Rank;

use crate::blocks::Counts;
use crate::call::Call;
use crate::error::CollectiveError;
use crate::plan::{Algorithm, Overrides, plan};
use crate::shape::Shape;

/// Which memory a span lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The caller's input. The same memory as the output if the call is in place.
    Input,
    /// The caller's output.
    Output,
    /// Memory of the engine's own: what is sent from there may outlive the call.
    Scratch(usize),
}

/// A range of a slot, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which memory.
    pub slot: Slot,
    /// First byte.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

impl Span {
    /// The same range of another slot.
    const fn of(self, slot: Slot) -> Self {
        Self { slot, ..self }
    }

    const fn end(self) -> u64 {
        self.offset + self.length
    }
}

/// How received bytes are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// As they are.
    Copy,
    /// Combined with what lies elsewhere, or with what is there.
    Reduce {
        /// Where the other operand begins: the very start of the span if that is combined in place.
        with: (Slot, u64),
        /// It is the last: averages are divided now.
        last: bool,
    },
}

/// Ties a send to a receive that it forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The receive step whose placement releases the bytes. The send must start no later than it.
    pub recv: usize,
    /// Which byte of it is the first of the send; a multiple of 64.
    pub skip: u64,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a message.
    Send {
        /// To whom.
        to: Rank,
        /// Distinguishes the messages of a collective between two ranks.
        tag: u16,
        /// The bytes.
        from: Span,
        /// What releases them, if not all are there from the start.
        gate: Option<Gate>,
    },
    /// Receives a message.
    Recv {
        /// From whom.
        from: Rank,
        /// As in the matching send.
        tag: u16,
        /// Where to.
        into: Span,
        /// How.
        how: Into,
    },
    /// `out = a op b`, all equally long; `out` may be one of them.
    Combine {
        /// Result.
        out: Span,
        /// Left operand.
        a: Span,
        /// Right operand.
        b: Span,
        /// Averages are divided.
        last: bool,
    },
    /// Copies bytes.
    Copy {
        /// To.
        to: Span,
        /// From, as long.
        from: Span,
        /// Averages are divided.
        last: bool,
    },
}

impl Action {
    /// Whether it uses the caller's memory, or must be done for the result to be there.
    pub(crate) const fn uses_caller(&self) -> bool {
        !matches!(self, Self::Send { from: Span { slot: Slot::Scratch(_), length: 1.., .. }, .. })
    }
}

/// A step, and what must be done before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// After which.
    pub after: Vec<usize>,
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The steps.
    pub steps: Vec<Step>,
    /// Lengths of the scratch slots, bytes.
    pub scratch: Vec<u64>,
}

impl Schedule {
    fn push(&mut self, action: Action, after: &[usize]) -> usize {
        self.steps.push(Step { action, after: after.to_vec() });
        self.steps.len() - 1
    }

    /// Scratch of so many bytes.
    fn scratch(&mut self, length: u64) -> Span {
        self.scratch.push(length);
        Span { slot: Slot::Scratch(self.scratch.len() - 1), offset: 0, length }
    }

    fn send(&mut self, to: Rank, tag: u16, from: Span, after: &[usize]) -> usize {
        self.push(Action::Send { to, tag, from, gate: None }, after)
    }

    /// A receive that copies.
    fn recv(&mut self, from: Rank, tag: u16, into: Span, after: &[usize]) -> usize {
        self.push(Action::Recv { from, tag, into, how: Into::Copy }, after)
    }

    fn copy(&mut self, to: Span, from: Span, after: &[usize]) -> usize {
        self.push(Action::Copy { to, from, last: false }, after)
    }
}

/// An algorithm: it makes the schedules of those collectives that it can do.
pub(crate) trait Scheduler: Sync {
    /// One rank's, in a world of several; `None` of a collective that it cannot do.
    fn schedule(&self, shape: &Shape) -> Option<Schedule>;
}

/// Who makes the schedules of an algorithm.
const fn scheduler(algorithm: Algorithm) -> &'static dyn Scheduler {
    match algorithm {
        Algorithm::Ring => &ring::Ring,
        Algorithm::RecursiveDoubling => &recursive_doubling::RecursiveDoubling,
        Algorithm::HalvingDoubling => &halving_doubling::HalvingDoubling,
        Algorithm::DoubleTree => &double_tree::DoubleTree,
        Algorithm::Chain => &chain::Chain,
        Algorithm::Binomial => &binomial::Binomial,
        Algorithm::Dissemination => &dissemination::Dissemination,
        Algorithm::Direct => &direct::Direct,
        Algorithm::DirectTree => &direct_tree::DirectTree,
        Algorithm::Pairwise => &pairwise::Pairwise,
        Algorithm::Bruck => &bruck::Bruck,
        Algorithm::Hierarchical => &hierarchical::Hierarchical,
    }
}

/// The schedule of one rank; `None` if the call cannot be done so.
#[must_use]
pub(crate) fn build(shape: &Shape, algorithm: Algorithm) -> Option<Schedule> {
    if shape.world <= 1 { Some(alone(shape)) } else { scheduler(algorithm).schedule(shape) }
}

/// The ranks that one rank exchanges messages with in a call with even counts, in order: whoever
/// prepares sessions ahead of a call needs these.
///
/// # Errors
///
/// [`CollectiveError::InvalidArgument`].
pub fn peers(
    call: Call,
    (rank, world): (Rank, u32),
    overrides: &Overrides,
) -> Result<Vec<Rank>, CollectiveError> {
    let shape = Shape::new(call, &Counts::Even, (rank, world), true)
        .map_err(CollectiveError::InvalidArgument)?;
    let peer = |step: Step| match step.action {
        Action::Send { to, .. } => Some(to),
        Action::Recv { from, .. } => Some(from),
        Action::Combine { .. } | Action::Copy { .. } => None,
    };
    let steps = build(&shape, plan(&shape, overrides)).unwrap_or_default().steps;
    let peers: BTreeSet<Rank> = steps.into_iter().filter_map(peer).collect();
    Ok(peers.into_iter().collect())
}

fn alone(shape: &Shape) -> Schedule {
    let mut schedule = Schedule::default();
    let length = shape.output_length();
    if length > 0 {
        let span = |slot| Span { slot, offset: 0, length };
        schedule.copy(span(Slot::Output), span(Slot::Input), &[]);
    }
    schedule
}

#[cfg(test)]
mod tests;
