//! Blocking collectives, and starting those that are not.

use std::time::Duration;

use sealane_collectives::{Call, Collective, Counts, Operands, OperationId};
use sealane_kernels::{Dtype, Element, ReduceOp, lend};
use sealane_transport::Rank;

use super::request::Request;
use super::work::{nothing, output};
use super::{Buffers, Communicator, Work};
use crate::error::{Error, Operation};
use crate::runtime::driver::Driver;
use crate::runtime::engine::Engine;
use crate::runtime::engine::errors::public_name;

impl Communicator {
    /// Replaces `data` by the reduction of all ranks' `data`, the same bit for bit on all of them.
    ///
    /// Sums and products of integers wrap; averages divide once, at the end, integers towards zero;
    /// minimum and maximum are those of IEEE 754-2019. `f16` and `bf16` are added in `f32` and rounded
    /// once per step. The order of reduction depends on count and world alone.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut gradient = [1.0_f32, f32::from(communicator.rank().0 as u8)];
    ///     communicator.all_reduce(&mut gradient, ReduceOp::Average)?;
    ///     assert_eq!(gradient, [1.0, 0.5]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `data` is then undefined.
    pub fn all_reduce<T: Element>(&self, data: &mut [T], op: ReduceOp) -> Result<(), Error> {
        let call = call::<T>(Collective::AllReduce(op), data.len());
        lend::lend_mut(&*self.driver, data, |region| {
            self.block(call, &Counts::Even, Operands { input: region, output: region })
        })
    }

    /// As [`all_reduce`](Self::all_reduce), from `input` to `output`.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mine = [communicator.rank().0 + 1; 3];
    ///     let mut product = [0; 3];
    ///     communicator.all_reduce_into(&mine, &mut product, ReduceOp::Product)?;
    ///     assert_eq!(product, [2; 3]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined. [`Error::Argument`] if their lengths differ.
    pub fn all_reduce_into<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        op: ReduceOp,
    ) -> Result<(), Error> {
        if input.len() != output.len() {
            return Err(Error::Argument(format!(
                "all_reduce_into of {} elements into {}: lengths must be the same",
                input.len(),
                output.len()
            )));
        }
        let call = call::<T>(Collective::AllReduce(op), input.len());
        lend::lend(&*self.driver, input, |input| {
            lend::lend_mut(&*self.driver, output, |output| {
                self.block(call, &Counts::Even, Operands { input, output })
            })
        })
    }

    /// Replaces `data` by the root's `data`.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let root = communicator.rank() == Rank(1);
    ///     let mut weights = if root { vec![0.25_f64; 1000] } else { vec![0.0; 1000] };
    ///     communicator.broadcast(&mut weights, Rank(1))?;
    ///     assert!(weights.iter().all(|weight| *weight == 0.25));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `data` is then undefined.
    pub fn broadcast<T: Element>(&self, data: &mut [T], root: Rank) -> Result<(), Error> {
        let call = call::<T>(Collective::Broadcast(root), data.len());
        lend::lend_mut(&*self.driver, data, |region| {
            self.block(call, &Counts::Even, Operands { input: region, output: region })
        })
    }

    /// Returns when all ranks have called it.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let arrived = AtomicU32::new(0);
    /// sealane::local::run(2, |communicator| {
    ///     arrived.fetch_add(1, Ordering::SeqCst);
    ///     communicator.barrier()?;
    ///     assert_eq!(arrived.load(Ordering::SeqCst), 2);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn barrier(&self) -> Result<(), Error> {
        let call = Call { collective: Collective::Barrier, dtype: Dtype::U8, count: 0 };
        self.block(call, &Counts::Even, Operands { input: self.nothing, output: self.nothing })
    }

    /// Starts an [`all_reduce`](Self::all_reduce) of a vector, and returns at once. The vector comes back
    /// from [`Work::wait`]. It goes on in the background while nobody waits.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let work = communicator.all_reduce_start(vec![1_i64; 4096], ReduceOp::Sum)?;
    ///     // Compute something else meanwhile.
    ///     let sums = work.wait()?;
    ///     assert!(sums.iter().all(|sum| *sum == 2));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start; the vector is then gone.
    pub fn all_reduce_start<T: Element>(
        &self,
        data: Vec<T>,
        op: ReduceOp,
    ) -> Result<Work<Vec<T>>, Error> {
        self.start(call::<T>(Collective::AllReduce(op), data.len()), data)
    }

    /// Starts an [`all_reduce_into`](Self::all_reduce_into) of vectors; both come back.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let work = communicator.all_reduce_into_start(vec![2], vec![0], ReduceOp::Product)?;
    ///     assert_eq!(work.wait()?, (vec![2], vec![4]));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn all_reduce_into_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        op: ReduceOp,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.expect("all_reduce_into_start", "output", output.len(), Some(input.len()))?;
        let count = input.len();
        self.start_between(Collective::AllReduce(op), (count, Counts::Even), input, output)
    }

    /// Starts a [`barrier`](Self::barrier).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let work = communicator.barrier_start()?;
    ///     // Compute something else meanwhile.
    ///     work.wait()
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn barrier_start(&self) -> Result<Work<()>, Error> {
        Ok(self.submit(Request::barrier())?.unpacked(nothing))
    }

    /// Starts a [`broadcast`](Self::broadcast) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mine = vec![communicator.rank().0; 3];
    ///     assert_eq!(communicator.broadcast_start(mine, Rank(1))?.wait()?, [1; 3]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn broadcast_start<T: Element>(
        &self,
        data: Vec<T>,
        root: Rank,
    ) -> Result<Work<Vec<T>>, Error> {
        self.start(call::<T>(Collective::Broadcast(root), data.len()), data)
    }

    pub(super) fn start<T: Element>(
        &self,
        call: Call,
        data: Vec<T>,
    ) -> Result<Work<Vec<T>>, Error> {
        let request = Request::in_place(call.collective, call.dtype, call.count as usize, data);
        Ok(self.submit(request)?.unpacked(output))
    }

    /// Starts a call on lent regions and waits for its end.
    pub(super) fn block(
        &self,
        call: Call,
        counts: &Counts,
        operands: Operands,
    ) -> Result<(), Error> {
        let deadline = self.driver.clock().now() + self.operation_timeout;
        let mut started = None;
        // Both closures run under the lock, one after the other.
        let slot = std::cell::RefCell::new(&mut started);
        let ended = self.driver.run(
            deadline,
            |engine| {
                let submitted = engine.submit(call, counts, operands);
                **slot.borrow_mut() = Some(submitted.map_err(|error| engine.explain(error)));
            },
            |engine| match &mut **slot.borrow_mut() {
                Some(Ok(id)) => end(engine, *id),
                Some(Err(_)) | None => Some(Ok(())),
            },
        );
        let id = match started {
            Some(Ok(id)) => id,
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        };
        ended.unwrap_or_else(|| Err(give_up(&self.driver, id, call, self.operation_timeout)))
    }
}

pub(super) fn call<T: Element>(collective: Collective, count: usize) -> Call {
    Call { collective, dtype: T::DTYPE, count: count as u64 }
}

/// The end of a collective, if it has come.
pub(super) fn end(engine: &mut Engine, id: OperationId) -> Option<Result<(), Error>> {
    let result = engine.take(id)?;
    Some(result.map_err(|error| engine.explain(error)))
}

/// The deadline has passed: the ranks no longer agree on what has happened, so all of it ends. After
/// this nothing uses the operation's memory.
pub(super) fn give_up(driver: &Driver, id: OperationId, call: Call, within: Duration) -> Error {
    let operation = named(driver, id, call);
    let waiting_for = driver.command(|engine| {
        let waiting_for = engine.give_up(operation, within);
        engine.take(id);
        waiting_for
    });
    Error::Timeout { operation, within, waiting_for }
}

fn named(driver: &Driver, id: OperationId, call: Call) -> Operation {
    let described = driver.inspect(|engine| engine.describe(id));
    let sequence = described.map_or(0, |(_, sequence)| sequence);
    Operation { name: public_name(call.collective), sequence: u64::from(sequence) }
}
