//! Collectives between all ranks in which each rank has a block of its own.

use std::sync::Arc;

use sealane_collectives::{Collective, Counts, Operands};
use sealane_kernels::{Element, ReduceOp, lend};

use super::collectives::call;
use super::{Communicator, Work};
use crate::error::Error;

impl Communicator {
    /// Fills `output` with the `input` of all ranks, rank 0's first. `output` is as long as all inputs
    /// together, which are equally long.
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
    /// # Errors
    ///
    /// As there.
    pub fn all_gather_v<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        counts: &[usize],
    ) -> Result<(), Error> {
        let total = self.list("all_gather_v", counts)?;
        self.expect("all_gather_v", "input", input.len(), Some(counts[self.rank.0 as usize]))?;
        self.expect("all_gather_v", "output", output.len(), total)?;
        self.out_of_place::<T>(Collective::AllGather, 0, &uneven(counts), input, output)
    }

    /// Reduces the `input` of all ranks, which has a block for each, and puts our block of the result
    /// into `output`. Arithmetic is that of [`all_reduce`](Self::all_reduce).
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
        let total = self.list("reduce_scatter_v", counts)?;
        self.expect("reduce_scatter_v", "input", input.len(), total)?;
        let own = counts[self.rank.0 as usize];
        self.expect("reduce_scatter_v", "output", output.len(), Some(own))?;
        let collective = Collective::ReduceScatter(op);
        self.out_of_place::<T>(collective, 0, &uneven(counts), input, output)
    }

    /// Sends each rank its block of `input`, and fills `output` with what all ranks have for us.
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined. [`Error::Argument`] if the two have no equal blocks for
    /// all ranks.
    pub fn all_to_all_into<T: Element>(&self, input: &[T], output: &mut [T]) -> Result<(), Error> {
        let count = self.each("all_to_all_into", input.len())?;
        self.expect("all_to_all_into", "output", output.len(), Some(input.len()))?;
        self.out_of_place::<T>(Collective::AllToAll, count, &Counts::Even, input, output)
    }

    /// Sends each rank its block of `data`, and puts in its place what that rank has for us.
    ///
    /// # Errors
    ///
    /// [`Error`]; `data` is then undefined.
    pub fn all_to_all<T: Element>(&self, data: &mut [T]) -> Result<(), Error> {
        let count = self.each("all_to_all", data.len())?;
        self.in_place(Collective::AllToAll, count, data)
    }

    /// Sends `to[r]` elements of `input` to rank *r*, one block after another, and fills `output` with
    /// `from[r]` elements of rank *r*. What a rank sends to another, that one must expect.
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined. [`Error::Mismatch`] where two ranks disagree.
    pub fn all_to_all_v<T: Element>(
        &self,
        (input, to): (&[T], &[usize]),
        (output, from): (&mut [T], &[usize]),
    ) -> Result<(), Error> {
        let (sent, expected) = (self.list("all_to_all_v", to)?, self.list("all_to_all_v", from)?);
        self.expect("all_to_all_v", "input", input.len(), sent)?;
        self.expect("all_to_all_v", "output", output.len(), expected)?;
        let counts = Counts::Pairs { to: list(to), from: list(from) };
        self.out_of_place::<T>(Collective::AllToAll, 0, &counts, input, output)
    }

    /// Starts an [`all_gather`](Self::all_gather) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn all_gather_start<T: Element>(&self, data: Vec<T>) -> Result<Work<Vec<T>>, Error> {
        let count = self.each("all_gather_start", data.len())?;
        self.start(call::<T>(Collective::AllGather, count), data)
    }

    /// Starts a [`reduce_scatter`](Self::reduce_scatter) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
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

    /// Starts an [`all_to_all`](Self::all_to_all) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn all_to_all_start<T: Element>(&self, data: Vec<T>) -> Result<Work<Vec<T>>, Error> {
        let count = self.each("all_to_all_start", data.len())?;
        self.start(call::<T>(Collective::AllToAll, count), data)
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

    /// So many elements of each rank.
    pub(super) fn times(&self, count: usize) -> Option<usize> {
        count.checked_mul(self.world as usize)
    }

    /// How long each rank's block is, if so many elements are equal blocks for all.
    fn each(&self, method: &str, length: usize) -> Result<usize, Error> {
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

fn list(counts: &[usize]) -> Arc<[u64]> {
    counts.iter().map(|count| *count as u64).collect()
}
