//! Starting operations: what is checked of a call, and what it is made into.

use std::sync::Arc;

use sealane_kernels::{ReduceOp, RegionId, Scale, reduce};

use crate::blocks::Counts;
use crate::buffers::Buffers;
use crate::call::Call;
use crate::error::CollectiveError;
use crate::plan::plan;
use crate::schedule::{self, Slot};
use crate::shape::Shape;

use super::operation::Operation;
use super::program::Program;
use super::{Completion, Executor, Operands, OperationId, Port};

/// Ranks of a communicator: the steps of a ring, two for each, are numbered by sixteen bits.
const WORLD_MAX: u32 = 1 << 15;

impl Executor {
    /// Starts a collective. All ranks must make the same calls in the same order.
    ///
    /// In place, both operands are the same region, and it has the longer of the two: the block of a
    /// rank lies where it belongs in the whole (all-gather, reduce-scatter; gather and scatter at the
    /// root). A rank that has no use for an operand gives any region.
    ///
    /// # Errors
    ///
    /// [`CollectiveError::InvalidArgument`], or why the communicator is broken.
    pub fn submit(
        &mut self,
        call: Call,
        operands: Operands,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) -> Result<OperationId, CollectiveError> {
        self.submit_counts(call, &Counts::Even, operands, port, buffers)
    }

    /// Starts a collective whose blocks have the lengths of a list (the `v` forms of MPI). Then the
    /// call's own count does not matter.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit); also for a list that does not fit collective or world.
    pub fn submit_counts(
        &mut self,
        call: Call,
        counts: &Counts,
        operands: Operands,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) -> Result<OperationId, CollectiveError> {
        let sequence = self.sequence;
        if let Some(broken) = &self.broken {
            return self.end_at_once(broken.explain(&call, sequence));
        }
        let shape = self.check(call, counts, operands, buffers)?;
        let program = self.program(&shape)?;
        let multiplied = match call.collective.op() {
            Some(ReduceOp::PreMulSum(by)) => Some(multiplied(&shape, operands.input, by, buffers)?),
            _ => None,
        };
        let operands = Operands { input: multiplied.unwrap_or(operands.input), ..operands };
        self.sequence = self.sequence.wrapping_add(1);
        self.next += 1;
        let id = OperationId(self.next);
        let digest = call.digest(counts, self.world, program.algorithm.code());
        let scratch = program.scratch().iter().map(|length| buffers.0.own(*length as usize));
        let scratch: Vec<RegionId> = scratch.chain(multiplied).collect();
        self.recorder.now = port.now();
        if self.recent.len() == super::RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((sequence, digest, shape.call));
        let started = self.recorder.now;
        let operation =
            Operation::new(shape, (sequence, digest), started, program, operands, scratch);
        self.operations.insert(id, operation);
        self.start(id, port, buffers);
        self.settle(id, port, buffers);
        Ok(id)
    }

    /// A call after everything has ended. Where ranks differ and what the other called is not known yet, it
    /// ends like those that were under way: that may still be heard.
    fn end_at_once(&mut self, error: CollectiveError) -> Result<OperationId, CollectiveError> {
        if !matches!(error, CollectiveError::Mismatch { theirs: None, .. }) {
            return Err(error);
        }
        self.next += 1;
        let operation = OperationId(self.next);
        self.completions.push_back(Completion { operation, result: Err(error) });
        Ok(operation)
    }

    /// What carries a call out: made for the first call of its kind, kept for the next.
    fn program(&mut self, shape: &Shape) -> Result<Arc<Program>, CollectiveError> {
        let (call, in_place) = (shape.call, shape.in_place);
        let kept = shape.counts == Counts::Even;
        if let Some(program) = kept.then(|| self.programs.get(call, in_place)).flatten() {
            return Ok(program);
        }
        let algorithm = plan(shape, &self.overrides);
        let schedule = schedule::build(shape, algorithm).ok_or_else(|| {
            CollectiveError::InvalidArgument(format!("{call} is not done by {algorithm}"))
        })?;
        let program = Arc::new(Program::new(algorithm, schedule));
        if kept {
            self.programs.keep(call, in_place, &program);
        }
        Ok(program)
    }

    fn check(
        &self,
        call: Call,
        counts: &Counts,
        operands: Operands,
        buffers: &mut Buffers,
    ) -> Result<Shape, CollectiveError> {
        let wrong = CollectiveError::InvalidArgument;
        call.collective.op().map_or(Ok(()), |op| op.check(call.dtype))?;
        if self.rank.0 >= self.world || self.world > WORLD_MAX {
            return Err(wrong(format!("rank {} of a world of {}", self.rank.0, self.world)));
        }
        let in_place = operands.input == operands.output;
        let mut shape =
            Shape::new(call, counts, (self.rank, self.world), in_place).map_err(wrong)?;
        shape.topology = self.topology.clone();
        let (input, output) = (shape.input_length(), shape.output_length());
        let base = shape.base(Slot::Input);
        if buffers.0.bytes(operands.input, base, input).is_none() {
            return Err(wrong(format!("{call}: the input is shorter than {} bytes", base + input)));
        }
        let base = shape.base(Slot::Output);
        if output > 0 && buffers.0.bytes_mut(operands.output, base, output).is_none() {
            return Err(wrong(format!(
                "{call}: the output is shorter than {} bytes or not writable",
                base + output
            )));
        }
        Ok(shape)
    }
}

/// The input times the factor of a pre-multiplied sum, in memory of our own: the caller's is only read,
/// and what is sent from there must not depend on when.
fn multiplied(
    shape: &Shape,
    input: RegionId,
    factor: Scale,
    buffers: &mut Buffers,
) -> Result<RegionId, CollectiveError> {
    let bytes = buffers.0.bytes(input, shape.base(Slot::Input), shape.input_length());
    let mut bytes = bytes.unwrap_or_default().to_vec();
    reduce::scale(shape.call.dtype, &mut bytes, factor)?;
    Ok(buffers.0.adopt(bytes))
}
