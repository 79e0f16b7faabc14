//! One-sided operations: using memory that other ranks have granted (PROTOCOL §12).

mod lists;
mod region;
mod starts;

use std::time::Duration;

use sealane_kernels::{Element, lend};
use sealane_transport::rma::{Atomic, Grant};
use sealane_transport::{Rank, RmaId};

use super::Communicator;
use crate::error::{Error, Operation};
use crate::runtime::engine::Engine;
use crate::runtime::engine::rma::{Access, Immediate, Part};

pub use region::Region;

/// The whole of a slice's region.
fn whole<T: Element>(region: sealane_kernels::RegionId, data: &[T]) -> Part {
    (region, 0, size_of_val(data) as u64)
}

impl Communicator {
    /// Writes `data` into granted memory, `offset` bytes from its start. Returns when the owner's side has
    /// verified and placed every byte; the owner does nothing for it.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(1) {
    ///         let region = communicator.register(vec![0_u32; 8]);
    ///         let grant = region.grant(Permissions::ALL, Some(Rank(0)))?;
    ///         communicator.offer(&grant, Rank(0), 7)?;
    ///         communicator.barrier()?; // Compute something else meanwhile.
    ///         assert_eq!(region.into_vec()?, [0, 0, 3, 1, 4, 0, 0, 0]);
    ///         return Ok(());
    ///     }
    ///     let grant = communicator.accept(Rank(1), 7)?;
    ///     communicator.write(&[3_u32, 1, 4], &grant, 2 * 4)?;
    ///     let mut back = [0_u32; 2];
    ///     communicator.read(&mut back, &grant, 3 * 4)?;
    ///     assert_eq!(back, [1, 4]);
    ///     communicator.barrier()
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::RemoteAccess`] when the owner refuses; otherwise as [`send`](Self::send).
    pub fn write<T: Element>(&self, data: &[T], grant: &Grant, offset: u64) -> Result<(), Error> {
        lend::lend(&*self.driver, data, |region| {
            let access = Access::Write { from: vec![whole(region, data)], immediate: None };
            self.perform("write", grant, offset, &access)
        })?;
        Ok(())
    }

    /// The same, and tells the owner `immediate` when every byte is in place: it takes that by
    /// [`next_immediate`](Self::next_immediate).
    ///
    /// ```
    /// use std::time::Duration;
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(1) {
    ///         let region = communicator.register(vec![0_u8; 4]);
    ///         let grant = region.grant(Permissions::WRITE, Some(Rank(0)))?;
    ///         communicator.offer(&grant, Rank(0), 0)?;
    ///         let told = communicator.next_immediate(Duration::from_secs(10))?;
    ///         assert_eq!((told.source, told.value, told.length), (Rank(0), 77, 4));
    ///         assert_eq!(region.into_vec()?, *b"done");
    ///         return Ok(());
    ///     }
    ///     let grant = communicator.accept(Rank(1), 0)?;
    ///     communicator.write_with_immediate(b"done", &grant, 0, 77)
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_with_immediate<T: Element>(
        &self,
        data: &[T],
        grant: &Grant,
        offset: u64,
        immediate: u32,
    ) -> Result<(), Error> {
        lend::lend(&*self.driver, data, |region| {
            let from = vec![whole(region, data)];
            let access = Access::Write { from, immediate: Some(immediate) };
            self.perform("write_with_immediate", grant, offset, &access)
        })?;
        Ok(())
    }

    /// Reads granted memory, from `offset` bytes behind its start on, until `into` is full.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn read<T: Element>(
        &self,
        into: &mut [T],
        grant: &Grant,
        offset: u64,
    ) -> Result<(), Error> {
        let length = size_of_val(into) as u64;
        lend::lend_mut(&*self.driver, into, |region| {
            let access = Access::Read { into: vec![(region, 0, length)] };
            self.perform("read", grant, offset, &access)
        })?;
        Ok(())
    }

    /// Adds to the integer `offset` bytes (a multiple of 8) from the start of granted memory, as one step
    /// and exactly once; returns what was there before.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// let totals = local::run(3, |communicator| {
    ///     let counter = communicator.register(vec![0_u64; 1]);
    ///     if communicator.rank() == Rank(0) {
    ///         let grant = counter.grant(Permissions::ATOMIC, None)?;
    ///         communicator.offer(&grant, Rank(1), 0)?;
    ///         communicator.offer(&grant, Rank(2), 0)?;
    ///     } else {
    ///         let grant = communicator.accept(Rank(0), 0)?;
    ///         for _ in 0..10 {
    ///             communicator.fetch_add(&grant, 0, 1)?;
    ///         }
    ///     }
    ///     communicator.barrier()?;
    ///     Ok(counter.into_vec()?[0])
    /// })?;
    /// assert_eq!(totals[0], 20);
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn fetch_add(&self, grant: &Grant, offset: u64, add: u64) -> Result<u64, Error> {
        let access = Access::Atomic(Atomic::FetchAdd { add });
        self.perform("fetch_add", grant, offset, &access)
    }

    /// Puts `swap` in the place of the integer there if it equals `compare`, as one step and exactly once;
    /// returns what was there before.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn compare_swap(
        &self,
        grant: &Grant,
        offset: u64,
        compare: u64,
        swap: u64,
    ) -> Result<u64, Error> {
        let access = Access::Atomic(Atomic::CompareSwap { compare, swap });
        self.perform("compare_swap", grant, offset, &access)
    }

    /// One-sided operations with `peer` that start from here on are carried out after all that started
    /// before. Without fences they have no order.
    ///
    /// # Errors
    ///
    /// [`Error`], if the peer is gone.
    pub fn fence(&self, peer: Rank) -> Result<(), Error> {
        let operation = self.one_sided("fence", peer)?;
        let fenced = self.driver.command(|engine| engine.fence(peer));
        fenced.map_err(|error| self.refused_here(operation, error))
    }

    /// Returns when all one-sided operations with `peer` that started before have ended.
    ///
    /// # Errors
    ///
    /// [`Error`], if the peer is gone, or they take longer than the operation timeout.
    pub fn flush(&self, peer: Rank) -> Result<(), Error> {
        let operation = self.one_sided("flush", peer)?;
        let started = self.driver.command(|engine| engine.flush(peer));
        let rma = started.map_err(|error| self.refused_here(operation, error))?;
        self.finish(operation, peer, rma)?;
        Ok(())
    }

    /// Hands a grant of ours to a rank, on the authenticated control stream; it takes it by
    /// [`accept`](Self::accept) with the same tag. A grant may also be sent as any other bytes
    /// ([`Grant::encode`]).
    ///
    /// # Errors
    ///
    /// [`Error`], if the rank is gone.
    pub fn offer(&self, grant: &Grant, to: Rank, tag: u64) -> Result<(), Error> {
        let operation = self.one_sided("offer", to)?;
        let offered = self.driver.command(|engine| engine.offer_grant(to, tag, grant));
        offered.map_err(|error| self.refused_here(operation, error))
    }

    /// Waits for a grant that `owner` offers under `tag`.
    ///
    /// # Errors
    ///
    /// [`Error`], if none comes within the operation timeout.
    pub fn accept(&self, owner: Rank, tag: u64) -> Result<Grant, Error> {
        let operation = self.one_sided("accept", owner)?;
        let within = self.operation_timeout;
        let deadline = self.driver.clock().now() + within;
        let accepted = self.driver.run(deadline, |_| {}, |engine| engine.rma.offer(owner, tag));
        accepted.ok_or_else(|| Error::Timeout { operation, within, waiting_for: vec![owner] })
    }

    /// Waits for a write with an immediate into memory of ours, at most `within`. Takes them in the order
    /// in which they were completed. Up to 1024 of each rank may wait; further ones are refused.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`].
    pub fn next_immediate(&self, within: Duration) -> Result<Immediate, Error> {
        let operation = self.numbered("next_immediate");
        let deadline = self.driver.clock().now() + within;
        let told = self.driver.run(deadline, |_| {}, Engine::next_immediate);
        told.ok_or(Error::Timeout { operation, within, waiting_for: Vec::new() })
    }

    fn one_sided(&self, name: &'static str, peer: Rank) -> Result<Operation, Error> {
        self.check_owner(name, peer)?;
        Ok(self.numbered(name))
    }

    fn check_owner(&self, name: &'static str, peer: Rank) -> Result<(), Error> {
        if peer.0 >= self.world || peer == self.rank {
            return Err(Error::Argument(format!(
                "{name}: {peer} is not another rank of a world of {}",
                self.world
            )));
        }
        Ok(())
    }

    /// Starts an operation.
    fn start_access(
        &self,
        name: &'static str,
        grant: &Grant,
        offset: u64,
        access: &Access,
    ) -> Result<(Operation, RmaId), Error> {
        let operation = self.one_sided(name, grant.owner)?;
        let address = grant.at(offset);
        let started = self.driver.command(|engine| engine.access(grant.owner, address, access));
        let rma = started.map_err(|error| self.refused_here(operation, error))?;
        Ok((operation, rma))
    }

    /// Starts an operation and waits for its end. After this nothing uses its memory.
    fn perform(
        &self,
        name: &'static str,
        grant: &Grant,
        offset: u64,
        access: &Access,
    ) -> Result<u64, Error> {
        let (operation, rma) = self.start_access(name, grant, offset, access)?;
        self.finish(operation, grant.owner, rma)
    }

    fn finish(&self, operation: Operation, owner: Rank, rma: RmaId) -> Result<u64, Error> {
        let within = self.operation_timeout;
        let deadline = self.driver.clock().now() + within;
        let ended = self.driver.run(deadline, |_| {}, |engine| engine.rma.ended(rma));
        match ended {
            Some(ended) => {
                let failed = |error| {
                    self.driver.inspect(|engine| engine.failed_access(operation, owner, error))
                };
                ended.map_err(failed)
            }
            None => {
                self.driver.command(|engine| engine.cancel_rma(rma));
                Err(Error::Timeout { operation, within, waiting_for: vec![owner] })
            }
        }
    }

    fn refused_here(&self, operation: Operation, error: sealane_transport::Error) -> Error {
        self.driver.inspect(|engine| engine.refused(operation, error))
    }
}
