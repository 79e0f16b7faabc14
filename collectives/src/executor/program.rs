//! A schedule made ready to run, and those that are kept: a training step makes the same calls again and
//! again, and to plan a small one takes longer than to carry it out.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::call::Call;
use crate::plan::Algorithm;
use crate::schedule::{Action, Schedule, Step};

/// How many are kept, and how many steps they may have: together a few hundred KiB.
const PROGRAMS_MAX: usize = 64;
const STEPS_MAX: usize = 256;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Program {
    pub algorithm: Algorithm,
    schedule: Schedule,
    /// Steps that each step waits for.
    waiting: Vec<usize>,
    /// Steps that wait for a step lie from its start to that of the next one.
    followers: Vec<usize>,
    follower_starts: Vec<usize>,
    /// Which steps are receives that gate a send.
    gates: Vec<bool>,
    /// Steps that wait for nothing, in the order in which they start.
    first: Vec<usize>,
    /// How many steps use the caller's memory.
    callers: usize,
}

impl Program {
    pub(super) fn new(algorithm: Algorithm, schedule: Schedule) -> Self {
        let steps = &schedule.steps;
        let waiting: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let mut gates = vec![false; steps.len()];
        for step in steps {
            if let Action::Send { gate: Some(gate), .. } = step.action {
                gates[gate.recv] = true;
            }
        }
        // Receives first: a gated send must find its receive posted, and an early message a place.
        let is_recv = |index: &usize| matches!(steps[*index].action, Action::Recv { .. });
        let free = (0..steps.len()).filter(|index| waiting[*index] == 0);
        let (recvs, others): (Vec<usize>, Vec<usize>) = free.partition(is_recv);
        let (followers, follower_starts) = followers(steps);
        Self {
            algorithm,
            waiting,
            followers,
            follower_starts,
            gates,
            first: [recvs, others].concat(),
            callers: steps.iter().filter(|step| step.action.uses_caller()).count(),
            schedule,
        }
    }

    /// How many steps there are, and how many of them use the caller's memory.
    pub(super) const fn steps(&self) -> (usize, usize) {
        (self.schedule.steps.len(), self.callers)
    }

    pub(super) fn action(&self, step: usize) -> Action {
        self.schedule.steps[step].action
    }

    /// How many steps each step waits for.
    pub(super) fn waiting(&self) -> &[usize] {
        &self.waiting
    }

    /// The steps that wait for a step.
    pub(super) fn followers(&self, step: usize) -> &[usize] {
        &self.followers[self.follower_starts[step]..self.follower_starts[step + 1]]
    }

    /// Whether a step is a receive that gates a send.
    pub(super) fn gates(&self, step: usize) -> bool {
        self.gates[step]
    }

    /// The steps that can start at once, in order.
    pub(super) fn first(&self) -> &[usize] {
        &self.first
    }

    /// Lengths of the scratch slots, bytes.
    pub(super) fn scratch(&self) -> &[u64] {
        &self.schedule.scratch
    }
}

/// The steps that wait for each step, one step's after another's; and where each one's begin.
fn followers(steps: &[Step]) -> (Vec<usize>, Vec<usize>) {
    let mut starts = vec![0; steps.len() + 1];
    for before in steps.iter().flat_map(|step| &step.after) {
        starts[before + 1] += 1;
    }
    for step in 0..steps.len() {
        starts[step + 1] += starts[step];
    }
    let mut next = starts.clone();
    let mut followers = vec![0; starts[steps.len()]];
    for (index, step) in steps.iter().enumerate() {
        for before in &step.after {
            followers[next[*before]] = index;
            next[*before] += 1;
        }
    }
    (followers, starts)
}

/// The programs of calls with even counts, by the call and whether it is in place. Rank, world, topology
/// and overrides are the executor's, the same for all.
#[derive(Debug, Default)]
pub(super) struct Programs(FxHashMap<(Call, bool), Arc<Program>>);

impl Programs {
    pub(super) fn get(&self, call: Call, in_place: bool) -> Option<Arc<Program>> {
        self.0.get(&(call, in_place)).cloned()
    }

    /// Keeps a program if it is not large. Once there are too many, all go: calls that are still made
    /// come back.
    pub(super) fn keep(&mut self, call: Call, in_place: bool, program: &Arc<Program>) {
        if program.steps().0 > STEPS_MAX {
            return;
        }
        if self.0.len() >= PROGRAMS_MAX {
            self.0.clear();
        }
        self.0.insert((call, in_place), Arc::clone(program));
    }
}
