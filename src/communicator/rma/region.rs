//! Memory of ours that other ranks may use.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use sealane_kernels::{Element, RegionId, ViewId, lend};
use sealane_transport::Rank;
use sealane_transport::rma::{Grant, Permissions, RemoteKey};

use super::Communicator;
use crate::error::{Error, Operation};
use crate::runtime::driver::Driver;

/// Registered memory: other ranks use it under the grants that [`grant`](Self::grant) gives, without this
/// rank's doing anything, also while it computes. This rank uses it by [`load`](Self::load) and
/// [`store`](Self::store), each of which is one step to the others.
///
/// The memory cannot be freed under an operation: a region has it until [`into_vec`](Region::into_vec) or
/// its end, both of which revoke all grants first.
pub struct Region<'a, T: Element> {
    driver: Arc<Driver>,
    id: RegionId,
    /// Elements.
    length: usize,
    grants: Mutex<Vec<(RemoteKey, ViewId)>>,
    /// Whether the memory is ours to free.
    owned: bool,
    memory: PhantomData<&'a mut [T]>,
}

impl<T: Element> std::fmt::Debug for Region<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (length, grants) = (self.length, self.grants().len());
        f.debug_struct("Region").field("length", &length).field("grants", &grants).finish()
    }
}

impl Communicator {
    /// Registers memory for other ranks' one-sided operations; it comes back by
    /// [`into_vec`](Region::into_vec). Nobody can use it before it is granted.
    pub fn register<T: Element>(&self, memory: Vec<T>) -> Region<'static, T> {
        let length = memory.len();
        let id = self.driver.inspect(|engine| engine.buffers.0.adopt(memory));
        self.region(id, length, true)
    }

    /// Registers memory that is only lent, for the time of `body`. When this returns, or unwinds, all grants
    /// are revoked and nobody uses the memory any more.
    ///
    /// ```
    /// use sealane::{Permissions, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut memory = [0_u8; 5];
    ///     communicator.register_scoped(&mut memory, |region| {
    ///         if communicator.rank() == Rank(0) {
    ///             let grant = region.grant(Permissions::WRITE, None)?;
    ///             communicator.offer(&grant, Rank(1), 0)?;
    ///         } else {
    ///             communicator.write(b"hello", &communicator.accept(Rank(0), 0)?, 0)?;
    ///         }
    ///         communicator.barrier()
    ///     })?;
    ///     assert_eq!(memory == *b"hello", communicator.rank() == Rank(0));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    pub fn register_scoped<T: Element, R>(
        &self,
        memory: &mut [T],
        body: impl FnOnce(&Region<'_, T>) -> R,
    ) -> R {
        let length = memory.len();
        lend::lend_mut(&*self.driver, memory, |id| body(&self.region(id, length, false)))
    }

    fn region<'a, T: Element>(&self, id: RegionId, length: usize, owned: bool) -> Region<'a, T> {
        let (driver, grants) = (Arc::clone(&self.driver), Mutex::new(Vec::new()));
        Region { driver, id, length, grants, owned, memory: PhantomData }
    }
}

impl<T: Element> Region<'_, T> {
    /// Elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Lets one rank, or with `None` every rank of the job, do what `permissions` say to the whole region.
    /// Whoever gets the grant, by [`offer`](Communicator::offer) or otherwise, can use it.
    ///
    /// # Errors
    ///
    /// [`Error`], if too many grants stand.
    pub fn grant(
        &self,
        permissions: Permissions,
        to: impl Into<Option<Rank>>,
    ) -> Result<Grant, Error> {
        let (to, bytes) = (to.into(), (self.length * size_of::<T>()) as u64);
        let granted = self.driver.inspect(|engine| engine.grant(self.id, bytes, permissions, to));
        let (grant, view) = granted.map_err(|error| Error::Argument(format!("grant: {error}")))?;
        self.grants().push((grant.key, view));
        Ok(grant)
    }

    fn grants(&self) -> std::sync::MutexGuard<'_, Vec<(RemoteKey, ViewId)>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a grant back. When this returns nothing is read or written under it any more; operations that
    /// are under way fail at the rank that started them. One that is not of this region is left alone.
    pub fn revoke(&self, grant: &Grant) {
        let mut grants = self.grants();
        if let Some(at) = grants.iter().position(|(key, _)| *key == grant.key) {
            let (key, view) = grants.swap_remove(at);
            self.driver.command(|engine| engine.revoke(key, view));
        }
    }

    fn revoke_all(&self) {
        let grants = std::mem::take(&mut *self.grants());
        self.driver.command(|engine| {
            for (key, view) in grants {
                engine.revoke(key, view);
            }
        });
    }

    /// Copies elements out, from the `start`-th on, until `into` is full.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], if there are not so many.
    pub fn load(&self, start: usize, into: &mut [T]) -> Result<(), Error> {
        let (from, length) = self.range("load", start, into.len())?;
        let copied = lend::lend_mut(&*self.driver, into, |target| {
            self.driver
                .inspect(|engine| engine.buffers.0.copy((target, 0), (self.id, from), length))
        });
        gone_unless(copied, "load")
    }

    /// Copies `data` in, from the `start`-th element on.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], if there are not so many.
    pub fn store(&self, start: usize, data: &[T]) -> Result<(), Error> {
        let (to, length) = self.range("store", start, data.len())?;
        let copied = lend::lend(&*self.driver, data, |source| {
            self.driver.inspect(|engine| engine.buffers.0.copy((self.id, to), (source, 0), length))
        });
        gone_unless(copied, "store")
    }

    /// Offset and length in bytes.
    fn range(&self, name: &str, start: usize, count: usize) -> Result<(u64, u64), Error> {
        if start.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(Error::Argument(format!(
                "{name}: {count} elements from {start} on are not all of the region's {}",
                self.length
            )));
        }
        Ok(((start * size_of::<T>()) as u64, (count * size_of::<T>()) as u64))
    }
}

impl<T: Element> Region<'static, T> {
    /// Revokes all grants and gives the memory back. Of a region that
    /// [`register`](Communicator::register) made.
    ///
    /// # Errors
    ///
    /// [`Error`], if it is not there, which no program can bring about.
    pub fn into_vec(mut self) -> Result<Vec<T>, Error> {
        self.revoke_all();
        self.owned = false;
        let vector =
            self.driver.inspect(|engine| engine.buffers.0.release(self.id)?.into_vec().ok());
        let operation = Operation { name: "into_vec", sequence: 0 };
        vector.ok_or_else(|| Error::Failed { operation, cause: "the memory is gone".to_owned() })
    }
}

impl<T: Element> Drop for Region<'_, T> {
    fn drop(&mut self) {
        self.revoke_all();
        if self.owned {
            self.driver.inspect(|engine| engine.buffers.0.remove(self.id));
        }
    }
}

fn gone_unless(there: bool, name: &'static str) -> Result<(), Error> {
    let operation = Operation { name, sequence: 0 };
    let gone = || Error::Failed { operation, cause: "the memory is gone".to_owned() };
    there.then_some(()).ok_or_else(gone)
}
