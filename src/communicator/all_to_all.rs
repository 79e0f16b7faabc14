//! All-to-all: each rank has a block for each other.

use sealane_collectives::{Collective, Counts};
use sealane_kernels::Element;

use super::blocks::list;
use super::collectives::call;
use super::{Buffers, Communicator, Work};
use crate::error::Error;

impl Communicator {
    /// Sends each rank its block of `input`, and fills `output` with what all ranks have for us.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let mut came = [0; 2];
    ///     communicator.all_to_all_into(&[10 * me, 10 * me + 1], &mut came)?;
    ///     assert_eq!(came, [me, 10 + me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let mut data = [10 * me, 10 * me + 1];
    ///     communicator.all_to_all(&mut data)?;
    ///     assert_eq!(data, [me, 10 + me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
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
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     // Rank r sends r + 1 elements to each.
    ///     let n = communicator.rank().0 as usize + 1;
    ///     let (mine, mut came) = (vec![n as u64; 2 * n], [0; 3]);
    ///     communicator.all_to_all_v((&mine, &[n, n]), (&mut came, &[1, 2]))?;
    ///     assert_eq!(came, [1, 2, 2]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `output` is then undefined. [`Error::Mismatch`] where two ranks disagree.
    pub fn all_to_all_v<T: Element>(
        &self,
        (input, to): (&[T], &[usize]),
        (output, from): (&mut [T], &[usize]),
    ) -> Result<(), Error> {
        let counts = self.pairs("all_to_all_v", (input.len(), to), (output.len(), from))?;
        self.out_of_place::<T>(Collective::AllToAll, 0, &counts, input, output)
    }

    /// Starts an [`all_to_all`](Self::all_to_all) of a vector, as
    /// [`all_reduce_start`](Self::all_reduce_start).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let work = communicator.all_to_all_start(vec![10 * me, 10 * me + 1])?;
    ///     assert_eq!(work.wait()?, [me, 10 + me]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    pub fn all_to_all_start<T: Element>(&self, data: Vec<T>) -> Result<Work<Vec<T>>, Error> {
        let count = self.each("all_to_all_start", data.len())?;
        self.start(call::<T>(Collective::AllToAll, count), data)
    }

    /// Starts an [`all_to_all_v`](Self::all_to_all_v) of vectors; both come back.
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let n = communicator.rank().0 as usize + 1;
    ///     let (input, output) = (vec![n as u64; 2 * n], vec![0; 3]);
    ///     let work = communicator.all_to_all_v_start((input, &[n, n]), (output, &[1, 2]))?;
    ///     assert_eq!(work.wait()?.1, [1, 2, 2]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`all_reduce_start`](Self::all_reduce_start).
    pub fn all_to_all_v_start<T: Element>(
        &self,
        (input, to): (Vec<T>, &[usize]),
        (output, from): (Vec<T>, &[usize]),
    ) -> Result<Work<Buffers<T>>, Error> {
        let counts = self.pairs("all_to_all_v_start", (input.len(), to), (output.len(), from))?;
        self.start_between(Collective::AllToAll, (0, counts), input, output)
    }

    /// Checks lengths against lists.
    fn pairs(
        &self,
        method: &str,
        (input, to): (usize, &[usize]),
        (output, from): (usize, &[usize]),
    ) -> Result<Counts, Error> {
        let (sent, expected) = (self.list(method, to)?, self.list(method, from)?);
        self.expect(method, "input", input, sent)?;
        self.expect(method, "output", output, expected)?;
        Ok(Counts::Pairs { to: list(to), from: list(from) })
    }
}
