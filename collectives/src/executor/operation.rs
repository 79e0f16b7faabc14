//! One operation under way: which steps wait, run, are done.

use std::collections::VecDeque;

use sealane_kernels::{Placement, RegionId, ViewId};
use sealane_transport::{BufferId, Error, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag};

use crate::buffers::Buffers;
use crate::call::{Call, Collective};
use crate::schedule::{Action, Into, Schedule, Slot, Span};

use super::{Operands, Port};

/// What starting a step came to.
pub(super) enum Started {
    Send(SendId),
    Recv(RecvId),
    /// It was local, and is done.
    Done,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Operation {
    pub call: Call,
    pub sequence: u32,
    schedule: Schedule,
    operands: Operands,
    scratch: Vec<RegionId>,
    /// Steps that each step still waits for.
    waiting: Vec<usize>,
    /// Steps that wait for each step.
    followers: Vec<Vec<usize>>,
    /// Which steps are receives that gate a send.
    gates: Vec<bool>,
    /// The sends that each receive gates, once they have started.
    gated: Vec<Vec<SendId>>,
    views: Vec<Option<ViewId>>,
    ready: VecDeque<usize>,
    /// Steps that are not done; and those among them that use the caller's memory.
    open: usize,
    open_for_caller: usize,
    complete: bool,
}

impl Operation {
    pub(super) fn new(
        call: Call,
        sequence: u32,
        schedule: Schedule,
        operands: Operands,
        scratch: Vec<RegionId>,
    ) -> Self {
        let steps = schedule.steps.len();
        let mut followers = vec![Vec::new(); steps];
        for (index, step) in schedule.steps.iter().enumerate() {
            for before in &step.after {
                followers[*before].push(index);
            }
        }
        let mut gates = vec![false; steps];
        for step in &schedule.steps {
            if let Action::Send { gate: Some(gate), .. } = step.action {
                gates[gate] = true;
            }
        }
        let waiting: Vec<usize> = schedule.steps.iter().map(|step| step.after.len()).collect();
        // Receives first: a gated send must find its receive posted, and an early message a place.
        let is_recv = |index: &usize| matches!(schedule.steps[*index].action, Action::Recv { .. });
        let start = (0..steps).filter(|index| waiting[*index] == 0);
        let (recvs, others): (Vec<usize>, Vec<usize>) = start.partition(is_recv);
        let ready = recvs.into_iter().chain(others).collect();
        let callers = schedule.steps.iter().filter(|step| uses_caller(&step.action)).count();
        Self {
            call,
            sequence,
            operands,
            scratch,
            waiting,
            followers,
            gates,
            gated: vec![Vec::new(); steps],
            views: vec![None; steps],
            ready,
            open: steps,
            open_for_caller: callers,
            complete: false,
            schedule,
        }
    }

    /// The next step that can start.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// The sends that a receive gates.
    pub(super) fn gated_by(&self, step: usize) -> impl Iterator<Item = SendId> {
        self.gated[step].iter().copied()
    }

    /// The other side of a step.
    pub(super) fn peer_of(&self, step: usize) -> Option<Rank> {
        match self.schedule.steps.get(step)?.action {
            Action::Send { to, .. } => Some(to),
            Action::Recv { from, .. } => Some(from),
            Action::Combine { .. } | Action::Copy { .. } => None,
        }
    }

    /// A step is done.
    pub(super) fn finish(&mut self, step: usize) {
        self.open -= 1;
        if uses_caller(&self.schedule.steps[step].action) {
            self.open_for_caller -= 1;
        }
        for follower in std::mem::take(&mut self.followers[step]) {
            self.waiting[follower] -= 1;
            if self.waiting[follower] == 0 {
                self.ready.push_back(follower);
            }
        }
    }

    /// Whether the caller's memory is free for the first time.
    pub(super) fn completes(&mut self) -> bool {
        let now = self.open_for_caller == 0 && !self.complete;
        self.complete |= now;
        now
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether nothing is under way any more.
    pub(super) const fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Gives back the arena's memory.
    pub(super) fn free(&mut self, buffers: &mut Buffers) {
        for view in self.views.iter_mut().filter_map(Option::take) {
            buffers.0.end_view(view);
        }
        for region in self.scratch.drain(..) {
            buffers.0.remove(region);
        }
    }

    fn region(&self, slot: Slot) -> RegionId {
        match slot {
            Slot::Input => self.operands.input,
            Slot::Output => self.operands.output,
            Slot::Scratch(index) => self.scratch[index],
        }
    }

    fn tag(&self, communicator: u16, step: u16) -> Tag {
        Tag(u64::from(communicator) << 48 | u64::from(self.sequence) << 16 | u64::from(step))
    }

    /// Starts a step.
    pub(super) fn run(
        &mut self,
        step: usize,
        (rank, world): (Rank, u32),
        communicator: u16,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) -> Result<Started, Error> {
        let action = self.schedule.steps[step].action;
        match action {
            Action::Send { to, tag, from, gate } => {
                let buffer = self.view(step, from, Placement::Copy, buffers)?;
                let request = SendRequest {
                    tag: self.tag(communicator, tag),
                    buffer,
                    length: from.length,
                    immediate: self.call.digest(world),
                    gated: gate.is_some(),
                    // Nobody waits for a send that leaves the caller's memory alone.
                    deferred_ack: !uses_caller(&action),
                };
                debug_assert_ne!(to, rank);
                let send = port.send(to, request)?;
                if let Some(gate) = gate {
                    self.gated[gate].push(send);
                }
                Ok(Started::Send(send))
            }
            Action::Recv { from, tag, into, how } => {
                let placement = self.placement(into, how, world);
                let buffer = self.view(step, into, placement, buffers)?;
                let request = RecvRequest {
                    from: Some(from),
                    tag: self.tag(communicator, tag),
                    buffer,
                    capacity: into.length,
                    exact: true,
                    progress: self.gates[step],
                };
                port.post_recv(request, buffers).map(Started::Recv)
            }
            Action::Combine { out, a, b } => {
                let [out, a, b] = [out, a, b].map(|slot| self.scratch[slot]);
                let kind = (self.call.dtype, self.op());
                let combined = buffers.0.combine(out, a, b, self.call.bytes(), kind);
                local(combined)
            }
            Action::Copy { to, from, last } => {
                let (to, from) = (self.region(to), self.region(from));
                let bytes = self.call.bytes();
                let copied = to == from || buffers.0.copy((to, 0), (from, 0), bytes);
                let average = last && self.op() == sealane_kernels::ReduceOp::Average;
                if average && let Some(bytes) = buffers.0.bytes_mut(to, 0, bytes) {
                    sealane_kernels::reduce::finish_average(self.call.dtype, bytes, world);
                }
                local(copied)
            }
        }
    }

    const fn op(&self) -> sealane_kernels::ReduceOp {
        match self.call.collective {
            Collective::AllReduce(op) => op,
            Collective::Broadcast(_) | Collective::Barrier => sealane_kernels::ReduceOp::Sum,
        }
    }

    fn placement(&self, into: Span, how: Into, world: u32) -> Placement {
        let Into::Reduce { last } = how else { return Placement::Copy };
        let Operands { input, output } = self.operands;
        let op = self.op();
        let average = last && op == sealane_kernels::ReduceOp::Average;
        Placement::Reduce {
            dtype: self.call.dtype,
            op,
            base: (input != output).then_some((input, into.offset)),
            average: average.then_some(world),
        }
    }

    fn view(
        &mut self,
        step: usize,
        span: Span,
        placement: Placement,
        buffers: &mut Buffers,
    ) -> Result<BufferId, Error> {
        let view = buffers.0.view(self.region(span.slot), span.offset, span.length, placement);
        let view = view.ok_or(Error::Limit("a buffer of the operation is gone"))?;
        self.views[step] = Some(view);
        Ok(BufferId(view.0))
    }
}

fn local(worked: bool) -> Result<Started, Error> {
    if worked { Ok(Started::Done) } else { Err(Error::Limit("a buffer of the operation is gone")) }
}

/// Whether a step uses the caller's memory, or must be done for the result to be there.
fn uses_caller(action: &Action) -> bool {
    !matches!(action, Action::Send { from: Span { slot: Slot::Scratch(_), length: 1.., .. }, .. })
}
