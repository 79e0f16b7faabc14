//! Collectives in which each rank has a block of its own: all-gather and reduce-scatter.

use std::sync::Arc;

use sealane_collectives::{Collective, Counts, Operands};
use sealane_kernels::{Element, ReduceOp, lend};

use super::collectives::call;
use super::request::Request;
use super::work::both;
use super::{Buffers, Communicator, Work};
use crate::error::Error;

impl Communicator {
    /// Fills `output` with the `input` of all ranks, rank 0's first. `output` is as long as all inputs
    /// together, which are equally long.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mut all = [0; 2];
    ///     communicator.all_gather_into(&[communicator.rank().0], &mut all)?;
    ///     assert_eq!(all, [0, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined.
    pub fn all_gather_into<T: Element>(&self, input: &[T], output: &mut [T]) -> Result<(), Error> {
        self.expect("all_gather_into", "output", output.len(), self.times(input.len()))?;
        self.out_of_place::<T>(Collective::AllGather, input.len(), &Counts::Even, input, output)
    }

    /// Completes `data`, which has a block for each rank and only ours filled in, by those of the others.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0 as usize;
    ///     let mut all = [0_u8; 2];
    ///     all[me] = 7 + me as u8;
    ///     communicator.all_gather(&mut all)?;
    ///     assert_eq!(all, [7, 8]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `data` is then undefined. [`Error::Argument`] if it has no equal blocks for all ranks.
    pub fn all_gather<T: Element>(&self, data: &mut [T]) -> Result<(), Error> {
        let count = self.each("all_gather", data.len())?;
        self.in_place(Collective::AllGather, count, data)
    }

    /// As [`all_gather_into`](Self::all_gather_into), with so many elements of each rank: the same list
    /// on all ranks.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mine = vec![communicator.rank().0; 1 + communicator.rank().0 as usize];
    ///     let mut all = [9; 3];
    ///     communicator.all_gather_v(&mine, &mut all, &[1, 2])?;
    ///     assert_eq!(all, [0, 1, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn all_gather_v<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        counts: &[usize],
    ) -> Result<(), Error> {
        self.check_gather_v("all_gather_v", (input.len(), output.len()), counts)?;
        self.out_of_place::<T>(Collective::AllGather, 0, &uneven(counts), input, output)
    }

    /// Reduces the `input` of all ranks, which has a block for each, and puts our block of the result
    /// into `output`. Arithmetic is that of [`all_reduce`](Self::all_reduce).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mut mine = [0];
    ///     communicator.reduce_scatter_into(&[1, 10], &mut mine, sealane::ReduceOp::Sum)?;
    ///     assert_eq!(mine, [[2], [20]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined.
    pub fn reduce_scatter_into<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        op: ReduceOp,
    ) -> Result<(), Error> {
        self.expect("reduce_scatter_into", "input", input.len(), self.times(output.len()))?;
        let collective = Collective::ReduceScatter(op);
        self.out_of_place::<T>(collective, output.len(), &Counts::Even, input, output)
    }

    /// Reduces the `data` of all ranks, which has a block for each, and puts our block of the result in
    /// its place. The other blocks stay as they are.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mut data = [1, 10];
    ///     communicator.reduce_scatter(&mut data, sealane::ReduceOp::Sum)?;
    ///     assert_eq!(data, [[2, 10], [1, 20]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; our block is then undefined.
    pub fn reduce_scatter<T: Element>(&self, data: &mut [T], op: ReduceOp) -> Result<(), Error> {
        let count = self.each("reduce_scatter", data.len())?;
        self.in_place(Collective::ReduceScatter(op), count, data)
    }

    /// As [`reduce_scatter_into`](Self::reduce_scatter_into), with so many elements for each rank: the
    /// same list on all ranks.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0 as usize;
    ///     let mut mine = vec![0; 1 + me];
    ///     communicator.reduce_scatter_v(&[1, 2, 3], &mut mine, &[1, 2], sealane::ReduceOp::Sum)?;
    ///     assert_eq!(mine, [vec![2], vec![4, 6]][me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reduce_scatter_v<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        counts: &[usize],
        op: ReduceOp,
    ) -> Result<(), Error> {
        self.check_scatter_v("reduce_scatter_v", (input.len(), output.len()), counts)?;
        let collective = Collective::ReduceScatter(op);
        self.out_of_place::<T>(collective, 0, &uneven(counts), input, output)
    }

    /// Starts an [`all_gather`](Self::all_gather) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mut row = vec![0; 2];
    ///     row[communicator.rank().0 as usize] = 5;
    ///     let work = communicator.all_gather_start(row)?;
    ///     assert_eq!(work.wait()?, [5, 5]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn all_gather_start<T: Element>(&self, data: Vec<T>) -> Result<Work<Vec<T>>, Error> {
        let count = self.each("all_gather_start", data.len())?;
        self.start(call::<T>(Collective::AllGather, count), data)
    }

    /// Starts an [`all_gather_v`](Self::all_gather_v) of vectors; both come back.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let mine = vec![communicator.rank().0; 1 + communicator.rank().0 as usize];
    ///     let work = communicator.all_gather_v_start(mine, vec![9; 3], &[1, 2])?;
    ///     let (_mine, all) = work.wait()?;
    ///     assert_eq!(all, [0, 1, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn all_gather_v_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        counts: &[usize],
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_gather_v("all_gather_v_start", (input.len(), output.len()), counts)?;
        self.start_between(Collective::AllGather, (0, uneven(counts)), input, output)
    }

    /// Starts a [`reduce_scatter`](Self::reduce_scatter) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let work = communicator.reduce_scatter_start(vec![1, 10], sealane::ReduceOp::Sum)?;
    ///     assert_eq!(work.wait()?, [[2, 10], [1, 20]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reduce_scatter_start<T: Element>(
        &self,
        data: Vec<T>,
        op: ReduceOp,
    ) -> Result<Work<Vec<T>>, Error> {
        let count = self.each("reduce_scatter_start", data.len())?;
        self.start(call::<T>(Collective::ReduceScatter(op), count), data)
    }

    /// Starts a [`reduce_scatter_v`](Self::reduce_scatter_v) of vectors; both come back.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0 as usize;
    ///     let (input, output, op) = (vec![1, 2, 3], vec![0; 1 + me], sealane::ReduceOp::Sum);
    ///     let work = communicator.reduce_scatter_v_start(input, output, &[1, 2], op)?;
    ///     assert_eq!(work.wait()?.1, [vec![2], vec![4, 6]][me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn reduce_scatter_v_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        counts: &[usize],
        op: ReduceOp,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_scatter_v("reduce_scatter_v_start", (input.len(), output.len()), counts)?;
        self.start_between(Collective::ReduceScatter(op), (0, uneven(counts)), input, output)
    }

    pub(super) fn in_place<T: Element>(
        &self,
        collective: Collective,
        count: usize,
        data: &mut [T],
    ) -> Result<(), Error> {
        lend::lend_mut(&*self.driver, data, |region| {
            let operands = Operands { input: region, output: region };
            self.block(call::<T>(collective, count), &Counts::Even, operands)
        })
    }

    pub(super) fn out_of_place<T: Element>(
        &self,
        collective: Collective,
        count: usize,
        counts: &Counts,
        input: &[T],
        output: &mut [T],
    ) -> Result<(), Error> {
        lend::lend(&*self.driver, input, |input| {
            lend::lend_mut(&*self.driver, output, |output| {
                self.block(call::<T>(collective, count), counts, Operands { input, output })
            })
        })
    }

    /// Starts a collective from one vector to another.
    pub(super) fn start_between<T: Element>(
        &self,
        collective: Collective,
        (count, counts): (usize, Counts),
        input: Vec<T>,
        output: Vec<T>,
    ) -> Result<Work<Buffers<T>>, Error> {
        let request = Request::out_of_place(collective, T::DTYPE, count, input, output);
        Ok(self.submit(request.counts(counts))?.unpacked(both))
    }

    /// Lengths of a gather to this rank.
    pub(super) fn check_gather_v(
        &self,
        method: &str,
        (input, output): (usize, usize),
        counts: &[usize],
    ) -> Result<(), Error> {
        let total = self.list(method, counts)?;
        self.expect(method, "input", input, Some(counts[self.rank.0 as usize]))?;
        self.expect(method, "output", output, total)
    }

    /// Lengths of a scatter from this rank.
    pub(super) fn check_scatter_v(
        &self,
        method: &str,
        (input, output): (usize, usize),
        counts: &[usize],
    ) -> Result<(), Error> {
        let total = self.list(method, counts)?;
        self.expect(method, "input", input, total)?;
        self.expect(method, "output", output, Some(counts[self.rank.0 as usize]))
    }

    /// So many elements of each rank.
    pub(super) fn times(&self, count: usize) -> Option<usize> {
        count.checked_mul(self.world as usize)
    }

    /// How long each rank's block is, if so many elements are equal blocks for all.
    pub(super) fn each(&self, method: &str, length: usize) -> Result<usize, Error> {
        let world = self.world as usize;
        if length.is_multiple_of(world) {
            return Ok(length / world);
        }
        Err(Error::Argument(format!(
            "{method}: {length} elements are no equal blocks for {world} ranks"
        )))
    }

    /// The sum of a list of counts, one for each rank; `None` if that is more than there is memory.
    pub(super) fn list(&self, method: &str, counts: &[usize]) -> Result<Option<usize>, Error> {
        if counts.len() != self.world as usize {
            return Err(Error::Argument(format!(
                "{method}: {} counts for {} ranks",
                counts.len(),
                self.world
            )));
        }
        Ok(counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count)))
    }

    /// A buffer must be exactly as long as the call makes it.
    pub(super) fn expect(
        &self,
        method: &str,
        what: &str,
        length: usize,
        expected: Option<usize>,
    ) -> Result<(), Error> {
        if Some(length) == expected {
            return Ok(());
        }
        let expected =
            expected.map_or_else(|| "more than there is memory".to_owned(), |n| n.to_string());
        Err(Error::Argument(format!(
            "{method}: the {what} has {length} elements; it must have {expected}"
        )))
    }
}

pub(super) fn uneven(counts: &[usize]) -> Counts {
    Counts::Uneven(list(counts))
}

pub(super) fn list(counts: &[usize]) -> Arc<[u64]> {
    counts.iter().map(|count| *count as u64).collect()
}
