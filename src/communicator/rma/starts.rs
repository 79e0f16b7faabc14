//! One-sided operations that run while their caller does something else.

use sealane_kernels::{Element, HostBuffer};
use sealane_transport::rma::{Atomic, Grant};

use super::Communicator;
use crate::communicator::Work;
use crate::communicator::work::{everything, found, output};
use crate::error::Error;
use crate::runtime::engine::rma::What;
use crate::runtime::slot::{Done, Slot};

impl Communicator {
    /// Starts a [`write`](Self::write) of a vector and returns at once. It goes on in the background while
    /// nobody waits.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let region = communicator.register(vec![0_u64; 100]);
    ///     let (other, tag) = (Rank(1 - communicator.rank().0), 1);
    ///     communicator.offer(&region.grant(Permissions::ALL, Some(other))?, other, tag)?;
    ///     let grant = communicator.accept(other, tag)?;
    ///     let writes: Vec<_> = (0..100_u64)
    ///         .map(|i| communicator.write_start(vec![i], &grant, i * 8))
    ///         .collect::<Result<_, _>>()?;
    ///     for write in writes {
    ///         write.wait()?;
    ///     }
    ///     communicator.barrier()?;
    ///     assert!(region.into_vec()?.into_iter().eq(0..100));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start; the vector is then gone.
    pub fn write_start<T: Element>(
        &self,
        data: Vec<T>,
        grant: &Grant,
        offset: u64,
    ) -> Result<Work<Vec<T>>, Error> {
        let what = What::Write { immediate: None };
        Ok(self.start_alone("write", grant, offset, (what, data.into()))?.unpacked(output))
    }

    /// Starts a [`write_with_immediate`](Self::write_with_immediate), as [`write_start`](Self::write_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_with_immediate_start<T: Element>(
        &self,
        data: Vec<T>,
        grant: &Grant,
        offset: u64,
        immediate: u32,
    ) -> Result<Work<Vec<T>>, Error> {
        let what = What::Write { immediate: Some(immediate) };
        let work = self.start_alone("write_with_immediate", grant, offset, (what, data.into()))?;
        Ok(work.unpacked(output))
    }

    /// Starts a [`read`](Self::read) into a vector, as [`write_start`](Self::write_start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read_start<T: Element>(
        &self,
        into: Vec<T>,
        grant: &Grant,
        offset: u64,
    ) -> Result<Work<Vec<T>>, Error> {
        Ok(self.start_alone("read", grant, offset, (What::Read, into.into()))?.unpacked(output))
    }

    /// Starts a [`fetch_add`](Self::fetch_add) and returns at once.
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start.
    pub fn fetch_add_start(
        &self,
        grant: &Grant,
        offset: u64,
        add: u64,
    ) -> Result<Work<u64>, Error> {
        let what = What::Atomic(Atomic::FetchAdd { add });
        Ok(self
            .start_alone("fetch_add", grant, offset, (what, HostBuffer::empty()))?
            .unpacked(found))
    }

    /// Starts a [`compare_swap`](Self::compare_swap) and returns at once.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let word = communicator.register(vec![5_u64]);
    ///     if communicator.rank() == Rank(1) {
    ///         let grant = word.grant(Permissions::ATOMIC, Some(Rank(0)))?;
    ///         communicator.offer(&grant, Rank(0), 0)?;
    ///         communicator.barrier()?;
    ///         assert_eq!(word.into_vec()?, [8]);
    ///         return Ok(());
    ///     }
    ///     let grant = communicator.accept(Rank(1), 0)?;
    ///     assert_eq!(communicator.compare_swap_start(&grant, 0, 5, 8)?.wait()?, 5);
    ///     assert_eq!(communicator.compare_swap_start(&grant, 0, 5, 9)?.wait()?, 8);
    ///     communicator.barrier()
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], if it could not even start.
    pub fn compare_swap_start(
        &self,
        grant: &Grant,
        offset: u64,
        compare: u64,
        swap: u64,
    ) -> Result<Work<u64>, Error> {
        let what = What::Atomic(Atomic::CompareSwap { compare, swap });
        Ok(self
            .start_alone("compare_swap", grant, offset, (what, HostBuffer::empty()))?
            .unpacked(found))
    }

    fn start_alone(
        &self,
        name: &'static str,
        grant: &Grant,
        offset: u64,
        what: (What, HostBuffer),
    ) -> Result<Work<Done>, Error> {
        self.check_owner(name, grant.owner)?;
        let (slot, within) = (Slot::new(name), self.operation_timeout);
        let to = (grant.owner, grant.at(offset));
        self.driver.command(|engine| engine.launch_access(&slot, to, what, within))?;
        Ok(Work::new(slot, self.driver.clone(), everything))
    }
}
