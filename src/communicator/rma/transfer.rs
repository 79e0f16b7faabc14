//! One-sided operations that run while their caller does something else.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use sealane_kernels::{Element, RegionId};
use sealane_transport::rma::{Atomic, Grant};
use sealane_transport::{OperationError, Rank, RmaId};

use super::{Access, Communicator};
use crate::error::{Error, Operation};
use crate::runtime::driver::Driver;

/// A one-sided operation under way, and what comes back with its end: the vector that was written from or
/// read into, or what an atomic operation found.
///
/// Dropping it neither cancels the operation nor frees its memory before the end.
#[derive(Debug)]
#[must_use = "the result comes from wait()"]
pub struct Transfer<B> {
    handle: Option<Handle>,
    result: PhantomData<fn() -> B>,
}

struct Handle {
    driver: Arc<Driver>,
    rma: RmaId,
    region: Option<RegionId>,
    operation: Operation,
    owner: Rank,
    within: Duration,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.operation.fmt(f)
    }
}

impl Handle {
    /// Waits for the end, or withdraws the operation at the deadline. Nothing uses the region afterwards.
    fn end(&self) -> Result<u64, Error> {
        let deadline = self.driver.clock().now() + self.within;
        let ended = self.driver.run(deadline, |_| {}, |engine| engine.rma.ended(self.rma));
        let Some(ended) = ended else {
            self.driver.command(|engine| engine.cancel_rma(self.rma));
            return Err(Error::Timeout { operation: self.operation, within: self.within });
        };
        ended.map_err(|error| convert(&self.driver, self.operation, self.owner, error))
    }
}

impl<B> Transfer<B> {
    /// Whether the operation has ended: waiting would not wait.
    #[must_use]
    pub fn test(&self) -> bool {
        self.handle.as_ref().is_none_or(|handle| {
            handle.driver.command(|engine| {
                engine.turn();
                engine.rma.is_ended(handle.rma)
            })
        })
    }
}

impl<T: Element> Transfer<Vec<T>> {
    /// Waits for the end, at most the communicator's operation timeout, and gives the vector back.
    ///
    /// # Errors
    ///
    /// [`Error`]; the vector is then gone.
    pub fn wait(mut self) -> Result<Vec<T>, Error> {
        let Some(handle) = self.handle.take() else { return Ok(Vec::new()) };
        let ended = handle.end();
        let region = handle.region;
        let vector = handle.driver.inspect(|engine| {
            let region = region?;
            if ended.is_ok() {
                return engine.buffers.0.release(region)?.into_vec().ok();
            }
            engine.buffers.0.remove(region);
            None
        });
        ended?;
        let operation = handle.operation;
        vector.ok_or_else(|| Error::Failed { operation, cause: "the buffer is gone".to_owned() })
    }
}

impl Transfer<u64> {
    /// Waits for the end, at most the communicator's operation timeout; returns what was there before.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn wait(mut self) -> Result<u64, Error> {
        self.handle.take().map_or(Ok(0), |handle| handle.end())
    }
}

impl<B> Drop for Transfer<B> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.driver.command(|engine| engine.orphan_rma(handle.rma, handle.region));
        }
    }
}

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
    ) -> Result<Transfer<Vec<T>>, Error> {
        let access = |part| Access::Write { from: vec![part], immediate: None };
        self.start_transfer("write", data, (grant, offset), access)
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
    ) -> Result<Transfer<Vec<T>>, Error> {
        let access = |part| Access::Write { from: vec![part], immediate: Some(immediate) };
        self.start_transfer("write_with_immediate", data, (grant, offset), access)
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
    ) -> Result<Transfer<Vec<T>>, Error> {
        let access = |part| Access::Read { into: vec![part] };
        self.start_transfer("read", into, (grant, offset), access)
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
    ) -> Result<Transfer<u64>, Error> {
        let access = Access::Atomic(Atomic::FetchAdd { add });
        let (operation, rma) = self.start_access("fetch_add", grant, offset, &access)?;
        Ok(self.transfer(operation, grant.owner, rma, None))
    }

    fn start_transfer<T: Element>(
        &self,
        name: &'static str,
        data: Vec<T>,
        (grant, offset): (&Grant, u64),
        access: impl FnOnce(super::Part) -> Access,
    ) -> Result<Transfer<Vec<T>>, Error> {
        let length = size_of_val(data.as_slice()) as u64;
        let region = self.driver.inspect(|engine| engine.buffers.0.adopt(data));
        match self.start_access(name, grant, offset, &access((region, 0, length))) {
            Ok((operation, rma)) => Ok(self.transfer(operation, grant.owner, rma, Some(region))),
            Err(error) => {
                self.driver.inspect(|engine| engine.buffers.0.remove(region));
                Err(error)
            }
        }
    }

    fn transfer<B>(
        &self,
        operation: Operation,
        owner: Rank,
        rma: RmaId,
        region: Option<RegionId>,
    ) -> Transfer<B> {
        let (driver, within) = (Arc::clone(&self.driver), self.operation_timeout);
        let handle = Handle { driver, rma, region, operation, owner, within };
        Transfer { handle: Some(handle), result: PhantomData }
    }
}

/// What the caller is told of an operation's failure.
pub(super) fn convert(
    driver: &Driver,
    operation: Operation,
    owner: Rank,
    error: OperationError,
) -> Error {
    match error {
        OperationError::RemoteAccess(refusal) => {
            Error::RemoteAccess { operation, rank: owner, refusal }
        }
        OperationError::PeerLost { rank, cause } => {
            let cause = driver.inspect(|engine| engine.cause(rank, cause));
            Error::PeerLost { rank, operation, cause }
        }
        OperationError::Cancelled => {
            Error::Aborted { operation, reason: "by this rank".to_owned() }
        }
        other => Error::Failed { operation, cause: other.to_string() },
    }
}
