//! Collectives in which one rank, the root, has or gets everything.

use sealane_collectives::{Collective, Counts};
use sealane_kernels::{Element, ReduceOp};
use sealane_transport::Rank;

use super::blocks::uneven;
use super::collectives::call;
use super::{Buffers, Communicator, Work};
use crate::error::Error;

impl Communicator {
    /// Replaces the root's `data` by the reduction of all ranks' `data`. That of the others stays as it
    /// is. Arithmetic is that of [`all_reduce`](Self::all_reduce).
    ///
    /// ```
    /// use sealane::{Rank, ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut data = [1, 2];
    ///     communicator.reduce(&mut data, ReduceOp::Sum, Rank(1))?;
    ///     assert_eq!(data, [[1, 2], [2, 4]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
    /// ```
    /// use sealane::{Rank, ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut sum = if communicator.rank() == Rank(0) { vec![0; 2] } else { Vec::new() };
    ///     communicator.reduce_into(&[1, 2], &mut sum, ReduceOp::Sum, Rank(0))?;
    ///     assert!(sum.is_empty() || sum == [2, 4]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let root = communicator.rank() == Rank(0);
    ///     let mut all = if root { vec![0; 2] } else { Vec::new() };
    ///     communicator.gather_into(&[communicator.rank().0], &mut all, Rank(0))?;
    ///     assert!(!root || all == [0, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
        self.check_gather("gather_into", (input.len(), output.len()), root)?;
        let collective = Collective::Gather(root);
        self.out_of_place::<T>(collective, input.len(), &Counts::Even, input, output)
    }

    /// As [`gather_into`](Self::gather_into), with so many elements of each rank: the same list on all
    /// ranks.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let mut all = vec![9; if me == 1 { 3 } else { 0 }];
    ///     communicator.gather_v(&vec![me; 2 - me as usize], &mut all, &[2, 1], Rank(1))?;
    ///     assert!(me != 1 || all == [0, 0, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
        self.check_gather_v_to("gather_v", (input.len(), output.len()), counts, root)?;
        self.out_of_place::<T>(Collective::Gather(root), 0, &uneven(counts), input, output)
    }

    /// Fills `output` with our block of the root's `input`. Other ranks may give an empty `input`.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let all = if communicator.rank() == Rank(0) { vec![5, 6] } else { Vec::new() };
    ///     let mut mine = [0];
    ///     communicator.scatter_into(&all, &mut mine, Rank(0))?;
    ///     assert_eq!(mine, [5 + communicator.rank().0]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
        self.check_scatter("scatter_into", (input.len(), output.len()), root)?;
        let collective = Collective::Scatter(root);
        self.out_of_place::<T>(collective, output.len(), &Counts::Even, input, output)
    }

    /// As [`scatter_into`](Self::scatter_into), with so many elements for each rank: the same list on
    /// all ranks.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let me = communicator.rank().0 as usize;
    ///     let all = if me == 0 { vec![5, 6, 7] } else { Vec::new() };
    ///     let mut mine = vec![0; 1 + me];
    ///     communicator.scatter_v(&all, &mut mine, &[1, 2], Rank(0))?;
    ///     assert_eq!(mine, [vec![5], vec![6, 7]][me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
        self.check_scatter_v_from("scatter_v", (input.len(), output.len()), counts, root)?;
        self.out_of_place::<T>(Collective::Scatter(root), 0, &uneven(counts), input, output)
    }
}

/// The same, started.
impl Communicator {
    /// Starts a [`reduce`](Self::reduce) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// ```
    /// use sealane::{Rank, ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let work = communicator.reduce_start(vec![1, 2], ReduceOp::Sum, Rank(1))?;
    ///     assert_eq!(work.wait()?, [[1, 2], [2, 4]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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

    /// Starts a [`gather_into`](Self::gather_into) of vectors; both come back.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let root = communicator.rank() == Rank(0);
    ///     let all = if root { vec![0; 2] } else { Vec::new() };
    ///     let work = communicator.gather_start(vec![communicator.rank().0], all, Rank(0))?;
    ///     assert!(!root || work.wait()?.1 == [0, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn gather_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        root: Rank,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_gather("gather_start", (input.len(), output.len()), root)?;
        let count = input.len();
        self.start_between(Collective::Gather(root), (count, Counts::Even), input, output)
    }

    /// Starts a [`gather_v`](Self::gather_v) of vectors; both come back.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let (mine, all) = (vec![me; 2 - me as usize], vec![9; if me == 1 { 3 } else { 0 }]);
    ///     let (_, all) = communicator.gather_v_start(mine, all, &[2, 1], Rank(1))?.wait()?;
    ///     assert!(me != 1 || all == [0, 0, 1]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn gather_v_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        counts: &[usize],
        root: Rank,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_gather_v_to("gather_v_start", (input.len(), output.len()), counts, root)?;
        self.start_between(Collective::Gather(root), (0, uneven(counts)), input, output)
    }

    /// Starts a [`scatter_into`](Self::scatter_into) of vectors; both come back.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let all = if communicator.rank() == Rank(0) { vec![5, 6] } else { Vec::new() };
    ///     let (_, mine) = communicator.scatter_start(all, vec![0], Rank(0))?.wait()?;
    ///     assert_eq!(mine, [5 + communicator.rank().0]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn scatter_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        root: Rank,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_scatter("scatter_start", (input.len(), output.len()), root)?;
        let count = output.len();
        self.start_between(Collective::Scatter(root), (count, Counts::Even), input, output)
    }

    /// Starts a [`scatter_v`](Self::scatter_v) of vectors; both come back.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let me = communicator.rank().0 as usize;
    ///     let (all, mine) = (vec![5; if me == 0 { 3 } else { 0 }], vec![0; 1 + me]);
    ///     let (_, mine) = communicator.scatter_v_start(all, mine, &[1, 2], Rank(0))?.wait()?;
    ///     assert_eq!(mine, vec![5; 1 + me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn scatter_v_start<T: Element>(
        &self,
        input: Vec<T>,
        output: Vec<T>,
        counts: &[usize],
        root: Rank,
    ) -> Result<Work<Buffers<T>>, Error> {
        self.check_scatter_v_from("scatter_v_start", (input.len(), output.len()), counts, root)?;
        self.start_between(Collective::Scatter(root), (0, uneven(counts)), input, output)
    }

    fn check_gather(
        &self,
        method: &str,
        (input, output): (usize, usize),
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank != root {
            return Ok(());
        }
        self.expect(method, "output", output, self.times(input))
    }

    fn check_scatter(
        &self,
        method: &str,
        (input, output): (usize, usize),
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank != root {
            return Ok(());
        }
        self.expect(method, "input", input, self.times(output))
    }

    fn check_gather_v_to(
        &self,
        method: &str,
        (input, output): (usize, usize),
        counts: &[usize],
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank == root {
            return self.check_gather_v(method, (input, output), counts);
        }
        self.list(method, counts)?;
        self.expect(method, "input", input, Some(counts[self.rank.0 as usize]))
    }

    fn check_scatter_v_from(
        &self,
        method: &str,
        (input, output): (usize, usize),
        counts: &[usize],
        root: Rank,
    ) -> Result<(), Error> {
        if self.rank == root {
            return self.check_scatter_v(method, (input, output), counts);
        }
        self.list(method, counts)?;
        self.expect(method, "output", output, Some(counts[self.rank.0 as usize]))
    }
}
