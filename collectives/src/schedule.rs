//! Schedules: what one rank sends, receives and computes, and in which order.
//!
//! A schedule is a list of steps. A step starts when the steps that it names are done; a send that is
//! gated by a receive goes out byte by byte as that receive is placed (cut-through). Both sides of a
//! message compute the same tag for it.

mod barrier;
mod broadcast;
mod recursive_doubling;
pub(crate) mod ring;

use sealane_transport::Rank;

use crate::call::{Call, Collective};
use crate::plan::Algorithm;

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

/// How received bytes are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// As they are.
    Copy,
    /// Combined with the caller's input at the same offset, into the output.
    Reduce {
        /// It is the last: averages are divided now.
        last: bool,
    },
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
        /// The receive step whose placement releases the bytes.
        gate: Option<usize>,
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
    /// `out = a op b` over scratch slots, whole vectors.
    Combine {
        /// Result.
        out: usize,
        /// Left operand.
        a: usize,
        /// Right operand.
        b: usize,
    },
    /// Copies whole vectors, and divides averages if this is the result.
    Copy {
        /// To.
        to: Slot,
        /// From.
        from: Slot,
        /// Averages are divided.
        last: bool,
    },
}

/// A step, and what must be done before it starts. Receives start at once.
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
    /// Scratch slots wanted, each as large as the input.
    pub scratch: usize,
}

impl Schedule {
    fn push(&mut self, action: Action, after: &[usize]) -> usize {
        self.steps.push(Step { action, after: after.to_vec() });
        self.steps.len() - 1
    }
}

/// The schedule of `rank` among `world` ≥ 1 ranks.
#[must_use]
pub fn build(call: &Call, algorithm: Algorithm, rank: Rank, world: u32) -> Schedule {
    if world <= 1 {
        return alone(call);
    }
    match (call.collective, algorithm) {
        (Collective::AllReduce(_), Algorithm::Ring) => ring::build(call, rank, world),
        (Collective::AllReduce(_), _) => recursive_doubling::build(call, rank, world),
        (Collective::Broadcast(root), Algorithm::Chain) => {
            broadcast::chain(call, root, rank, world)
        }
        (Collective::Broadcast(root), _) => broadcast::binomial(call, root, rank, world),
        (Collective::Barrier, _) => barrier::build(rank, world),
    }
}

fn alone(call: &Call) -> Schedule {
    let mut schedule = Schedule::default();
    if call.bytes() > 0 {
        let copy = Action::Copy { to: Slot::Output, from: Slot::Input, last: true };
        schedule.push(copy, &[]);
    }
    schedule
}
