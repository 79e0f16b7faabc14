//! Collectives in which one rank, the root, has or gets everything.

use sealane_collectives::{Collective, Counts};
use sealane_kernels::{Element, ReduceOp};
use sealane_transport::Rank;

use super::blocks::uneven;
use super::collectives::call;
use super::{Communicator, Work};
use crate::error::Error;

impl Communicator {
    /// Replaces the root's `data` by the reduction of all ranks' `data`. That of the others stays as it
    /// is. Arithmetic is that of [`all_reduce`](Self::all_reduce).
    ///
    /// # Errors
    ///
    /// [`Error`]; the root's `data` is then undefined.
    pub fn reduce<T: Element>(
        &self,
        data: &mut [T],
        op: ReduceOp,
        root: Rank,
    ) -> Result<(), Error> {
        let count = data.len();
        self.in_place(Collective::Reduce(op, root), count, data)
    }

    /// As [`reduce`](Self::reduce), from `input` to the root's `output`. Other ranks may give an empty
    /// one.
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined.
    pub fn reduce_into<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        op: ReduceOp,
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank == root {
            self.expect("reduce_into", "output", output.len(), Some(input.len()))?;
        }
        let collective = Collective::Reduce(op, root);
        self.out_of_place::<T>(collective, input.len(), &Counts::Even, input, output)
    }

    /// Fills the root's `output` with the `input` of all ranks, rank 0's first. Other ranks may give an
    /// empty one.
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined.
    pub fn gather_into<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank == root {
            self.expect("gather_into", "output", output.len(), self.times(input.len()))?;
        }
        let collective = Collective::Gather(root);
        self.out_of_place::<T>(collective, input.len(), &Counts::Even, input, output)
    }

    /// As [`gather_into`](Self::gather_into), with so many elements of each rank: the same list on all
    /// ranks.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn gather_v<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        counts: &[usize],
        root: Rank,
    ) -> Result<(), Error> {
        let total = self.list("gather_v", counts)?;
        self.expect("gather_v", "input", input.len(), Some(counts[self.rank.0 as usize]))?;
        if self.rank == root {
            self.expect("gather_v", "output", output.len(), total)?;
        }
        self.out_of_place::<T>(Collective::Gather(root), 0, &uneven(counts), input, output)
    }

    /// Fills `output` with our block of the root's `input`. Other ranks may give an empty `input`.
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined.
    pub fn scatter_into<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank == root {
            self.expect("scatter_into", "input", input.len(), self.times(output.len()))?;
        }
        let collective = Collective::Scatter(root);
        self.out_of_place::<T>(collective, output.len(), &Counts::Even, input, output)
    }

    /// As [`scatter_into`](Self::scatter_into), with so many elements for each rank: the same list on
    /// all ranks.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn scatter_v<T: Element>(
        &self,
        input: &[T],
        output: &mut [T],
        counts: &[usize],
        root: Rank,
    ) -> Result<(), Error> {
        let total = self.list("scatter_v", counts)?;
        if self.rank == root {
            self.expect("scatter_v", "input", input.len(), total)?;
        }
        self.expect("scatter_v", "output", output.len(), Some(counts[self.rank.0 as usize]))?;
        self.out_of_place::<T>(Collective::Scatter(root), 0, &uneven(counts), input, output)
    }

    /// Starts a [`reduce`](Self::reduce) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reduce_start<T: Element>(
        &self,
        data: Vec<T>,
        op: ReduceOp,
        root: Rank,
    ) -> Result<Work<Vec<T>>, Error> {
        self.start(call::<T>(Collective::Reduce(op, root), data.len()), data)
    }
}
