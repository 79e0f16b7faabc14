//! One operation under way: which steps wait, run, are done.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use sealane_kernels::{Placement, ReduceOp, RegionId, ViewId, reduce};
use sealane_transport::{
    BufferId, Error, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag, Time,
};

use crate::buffers::Buffers;
use crate::call::Call;
use crate::schedule::{Action, Gate, Into, Slot, Span};
use crate::shape::Shape;

use super::program::Program;
use super::{Operands, Port, Record, State};

/// What starting a step came to.
pub(super) enum Started {
    Send(SendId),
    Recv(RecvId),
    /// It was local, and is done.
    Done,
}

/// A send that forwards bytes of a receive.
#[derive(Clone, Copy, Debug)]
struct Gated {
    send: SendId,
    /// Which byte of the receive is its first; and how many it has.
    skip: u64,
    length: u64,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Operation {
    shape: Shape,
    pub sequence: u32,
    /// What every message says of the call.
    pub digest: u32,
    program: Arc<Program>,
    operands: Operands,
    scratch: Vec<RegionId>,
    /// Steps that each step still waits for.
    waiting: Vec<usize>,
    /// The sends that each receive gates, once they have started.
    gated: Vec<Vec<Gated>>,
    views: Vec<Option<ViewId>>,
    ready: VecDeque<usize>,
    /// Steps that are not done; and those among them that use the caller's memory.
    open: usize,
    open_for_caller: usize,
    complete: bool,
    started: Time,
    /// From the call to its end.
    pub span: tracing::Span,
}

impl Operation {
    pub(super) fn new(
        shape: Shape,
        (sequence, digest): (u32, u32),
        started: Time,
        program: Arc<Program>,
        operands: Operands,
        scratch: Vec<RegionId>,
    ) -> Self {
        let (steps, callers) = program.steps();
        let span = tracing::debug_span!(
            target: "sealane::collective",
            "collective",
            name = shape.call.collective.name(),
            sequence,
            rank = shape.rank.0,
            dtype = shape.call.dtype.name(),
            count = shape.call.count,
            algorithm = program.algorithm.name(),
        );
        Self {
            shape,
            sequence,
            digest,
            operands,
            scratch,
            waiting: program.waiting().to_vec(),
            gated: vec![Vec::new(); steps],
            views: vec![None; steps],
            ready: program.first().iter().copied().collect(),
            open: steps,
            open_for_caller: callers,
            complete: false,
            started,
            span,
            program,
        }
    }

    /// The next step that can start.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    pub(super) const fn call(&self) -> &Call {
        &self.shape.call
    }

    /// The sends that may have bytes of a receive, and which bytes of theirs those are.
    pub(super) fn released_by(
        &self,
        step: usize,
        (offset, length): (u64, u64),
    ) -> impl Iterator<Item = (SendId, u64, u64)> {
        self.gated[step].iter().filter_map(move |gated| {
            let start = offset.max(gated.skip) - gated.skip;
            let end = (offset + length).saturating_sub(gated.skip).min(gated.length);
            (start < end).then(|| (gated.send, start, end - start))
        })
    }

    /// As the flight recorder has it, ended or under way.
    pub(super) fn record(&self, end: Option<(Time, State)>) -> Record {
        let (all, _) = self.program.steps();
        let (ended, state) = end.map_or((None, State::Running), |(at, state)| (Some(at), state));
        Record {
            sequence: self.sequence,
            call: self.shape.call,
            algorithm: self.program.algorithm,
            started: self.started,
            ended,
            state,
            steps: (all - self.open, all),
            waits_for: BTreeSet::new(),
            unacknowledged: BTreeSet::new(),
        }
    }

    /// Bytes of the longest buffer.
    pub(super) fn volume(&self) -> u64 {
        self.shape.volume()
    }

    /// To whom a step sends, and how much.
    pub(super) fn sent(&self, step: usize) -> Option<(Rank, u64)> {
        match self.program.action(step) {
            Action::Send { to, from, .. } => Some((to, from.length)),
            _ => None,
        }
    }

    /// The other side of a step.
    pub(super) fn peer_of(&self, step: usize) -> Option<Rank> {
        match self.program.action(step) {
            Action::Send { to, .. } => Some(to),
            Action::Recv { from, .. } => Some(from),
            Action::Combine { .. } | Action::Copy { .. } => None,
        }
    }

    /// A step is done.
    pub(super) fn finish(&mut self, step: usize) {
        self.open -= 1;
        if self.program.action(step).uses_caller() {
            self.open_for_caller -= 1;
        }
        for follower in self.program.followers(step) {
            self.waiting[*follower] -= 1;
            if self.waiting[*follower] == 0 {
                self.ready.push_back(*follower);
            }
        }
    }

    /// Whether the caller's memory is free, and nobody was told.
    pub(super) const fn is_completing(&self) -> bool {
        self.open_for_caller == 0 && !self.complete
    }

    /// The same, and takes it that the caller is told now.
    pub(super) fn completes(&mut self) -> bool {
        let now = self.is_completing();
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

    /// Where a byte of a slot lies.
    fn place(&self, slot: Slot, offset: u64) -> (RegionId, u64) {
        let region = match slot {
            Slot::Input => self.operands.input,
            Slot::Output => self.operands.output,
            Slot::Scratch(index) => self.scratch[index],
        };
        (region, self.shape.base(slot) + offset)
    }

    fn start_of(&self, span: Span) -> (RegionId, u64) {
        self.place(span.slot, span.offset)
    }

    fn tag(&self, communicator: u16, step: u16) -> Tag {
        Tag(u64::from(communicator) << 48 | u64::from(self.sequence) << 16 | u64::from(step))
    }

    /// Starts a step.
    pub(super) fn run(
        &mut self,
        step: usize,
        communicator: u16,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) -> Result<Started, Error> {
        let action = self.program.action(step);
        match action {
            Action::Send { to, tag, from, gate } => {
                let buffer = self.view(step, from, Placement::Copy, buffers)?;
                let request = SendRequest {
                    tag: self.tag(communicator, tag),
                    buffer,
                    length: from.length,
                    immediate: self.digest,
                    gated: gate.is_some(),
                    // Nobody waits for a send that leaves the caller's memory alone.
                    deferred_ack: !action.uses_caller() && self.program.followers(step).is_empty(),
                };
                debug_assert_ne!(to, self.shape.rank);
                let send = port.send(to, request)?;
                if let Some(Gate { recv, skip }) = gate {
                    self.gated[recv].push(Gated { send, skip, length: from.length });
                }
                Ok(Started::Send(send))
            }
            Action::Recv { from, tag, into, how } => {
                let placement = self.placement(into, how);
                let buffer = self.view(step, into, placement, buffers)?;
                let request = RecvRequest {
                    from: Some(from),
                    tag: self.tag(communicator, tag),
                    buffer,
                    capacity: into.length,
                    exact: true,
                    progress: self.program.gates(step),
                };
                port.post_recv(request, buffers).map(Started::Recv)
            }
            Action::Combine { out, a, b, last } => {
                let operands = (self.start_of(a), self.start_of(b));
                let kind = (self.shape.call.dtype, self.op());
                let done = buffers.0.combine(self.start_of(out), operands, out.length, kind);
                local(done && self.average(out, last, buffers))
            }
            Action::Copy { to, from, last } => {
                let (target, source) = (self.start_of(to), self.start_of(from));
                let done = target == source || buffers.0.copy(target, source, to.length);
                local(done && self.average(to, last, buffers))
            }
        }
    }

    fn op(&self) -> ReduceOp {
        self.shape.call.collective.op().unwrap_or(ReduceOp::Sum)
    }

    /// By what sums are divided, if this completes one of an average.
    fn divisor(&self, last: bool) -> Option<u32> {
        (last && self.op() == ReduceOp::Average).then_some(self.shape.world)
    }

    /// Divides what is there, if it is the sum of an average.
    fn average(&self, span: Span, last: bool, buffers: &mut Buffers) -> bool {
        let Some(world) = self.divisor(last) else { return true };
        let (region, offset) = self.start_of(span);
        let Some(bytes) = buffers.0.bytes_mut(region, offset, span.length) else { return false };
        reduce::finish_average(self.shape.call.dtype, bytes, world).is_ok()
    }

    fn placement(&self, into: Span, how: Into) -> Placement {
        let Into::Reduce { with: (slot, offset), last } = how else { return Placement::Copy };
        let other = self.place(slot, offset);
        Placement::Reduce {
            dtype: self.shape.call.dtype,
            op: self.op(),
            base: (other != self.start_of(into)).then_some(other),
            average: self.divisor(last),
        }
    }

    fn view(
        &mut self,
        step: usize,
        span: Span,
        placement: Placement,
        buffers: &mut Buffers,
    ) -> Result<BufferId, Error> {
        let (region, offset) = self.start_of(span);
        let view = buffers.0.view(region, offset, span.length, placement);
        let view = view.ok_or(Error::Limit("a buffer of the operation is gone"))?;
        self.views[step] = Some(view);
        Ok(BufferId(view.0))
    }
}

/// The communicator, and the number of its call, that a tag is of (PROTOCOL §10.5).
pub(super) const fn origin(tag: Tag) -> (u64, u32) {
    (tag.0 >> 48, (tag.0 >> 16) as u32)
}

fn local(worked: bool) -> Result<Started, Error> {
    if worked { Ok(Started::Done) } else { Err(Error::Limit("a buffer of the operation is gone")) }
}
