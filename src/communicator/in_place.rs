//! Gather and scatter in one buffer, as MPI's `MPI_IN_PLACE`: only the root has more than a block, and
//! its own block lies where it belongs in the whole.

use sealane_collectives::Collective;
use sealane_kernels::Element;
use sealane_transport::Rank;

use super::Communicator;
use crate::error::Error;

impl Communicator {
    /// Fills the root's `data` with the blocks of all ranks, rank 0's first; the root's own block lies
    /// there already. Of the others `data` is their block, which stays as it is.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut data = if communicator.rank() == Rank(1) { vec![0, 0, 5, 6] } else { vec![3, 4] };
    ///     communicator.gather(&mut data, Rank(1))?;
    ///     assert_eq!(data, [vec![3, 4], vec![3, 4, 5, 6]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; the root's `data` is then undefined.
    pub fn gather<T: Element>(&self, data: &mut [T], root: Rank) -> Result<(), Error> {
        let each = self.block_of("gather", data.len(), root)?;
        self.in_place(Collective::Gather(root), each, data)
    }

    /// Fills `data` of all but the root with their block of the root's `data`, which stays as it is.
    ///
    /// ```
    /// use sealane::{Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut data = if communicator.rank() == Rank(0) { vec![3, 4, 5, 6] } else { vec![0, 0] };
    ///     communicator.scatter(&mut data, Rank(0))?;
    ///     assert_eq!(data, [vec![3, 4, 5, 6], vec![5, 6]][communicator.rank().0 as usize]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]; `data` of all but the root is then undefined.
    pub fn scatter<T: Element>(&self, data: &mut [T], root: Rank) -> Result<(), Error> {
        let each = self.block_of("scatter", data.len(), root)?;
        self.in_place(Collective::Scatter(root), each, data)
    }

    /// How long a block is, of which the root has one for each rank.
    fn block_of(&self, method: &str, length: usize, root: Rank) -> Result<usize, Error> {
        if self.rank == root { self.each(method, length) } else { Ok(length) }
    }
}
