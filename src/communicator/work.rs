//! A handle of an operation that runs while its caller does something else.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use sealane_collectives::{Call, Collective, OperationId};
use sealane_kernels::{Dtype, Element, RegionId};

use super::collectives::{end, give_up, reclaim};
use crate::error::{Error, Operation};
use crate::runtime::driver::Driver;

/// An operation under way, and the buffer that comes back with its end.
///
/// Dropping it does not cancel the operation, which the other ranks count on, and does not free the
/// buffer before the end: it is freed then.
#[derive(Debug)]
#[must_use = "the result comes from wait()"]
pub struct Work<B> {
    handle: Option<Handle>,
    buffer: PhantomData<fn() -> B>,
}

struct Handle {
    driver: Arc<Driver>,
    id: OperationId,
    region: RegionId,
    operation: Operation,
    timeout: Duration,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.operation.fmt(f)
    }
}

impl<B> Work<B> {
    pub(super) fn new(
        driver: Arc<Driver>,
        id: OperationId,
        region: RegionId,
        operation: Operation,
        timeout: Duration,
    ) -> Self {
        let handle = Handle { driver, id, region, operation, timeout };
        Self { handle: Some(handle), buffer: PhantomData }
    }

    /// Whether the operation has ended: [`wait`](Self::wait) would not wait.
    #[must_use]
    pub fn test(&self) -> bool {
        self.handle.as_ref().is_none_or(|handle| {
            handle.driver.command(|engine| {
                engine.turn();
                engine.is_done(handle.id)
            })
        })
    }
}

impl<T: Element> Work<Vec<T>> {
    /// Waits for the end, at most the communicator's operation timeout, and gives the buffer back.
    ///
    /// # Errors
    ///
    /// [`Error`]; the buffer is then gone.
    pub fn wait(mut self) -> Result<Vec<T>, Error> {
        let Some(handle) = self.handle.take() else { return Ok(Vec::new()) };
        let deadline = handle.driver.clock().now() + handle.timeout;
        let ended = handle.driver.run(deadline, |_| {}, |engine| end(engine, handle.id));
        let ended = ended.unwrap_or_else(|| {
            // Only the name is used, and that is known already.
            let call = Call { collective: Collective::Barrier, dtype: Dtype::U8, count: 0 };
            let timeout = give_up(&handle.driver, handle.id, call, handle.timeout);
            Err(match timeout {
                Error::Timeout { within, .. } => {
                    Error::Timeout { operation: handle.operation, within }
                }
                other => other,
            })
        });
        match ended {
            Ok(()) => reclaim(&handle.driver, handle.region, handle.operation),
            Err(error) => {
                handle.driver.inspect(|engine| engine.buffers.0.remove(handle.region));
                Err(error)
            }
        }
    }

    /// Waits for the end at most `limit`; gives itself back if that was not enough.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let mut work = communicator.all_reduce_start(vec![7_u8], ReduceOp::Max)?;
    ///     let value = loop {
    ///         match work.wait_timeout(Duration::from_millis(10))? {
    ///             Ok(value) => break value,
    ///             Err(unfinished) => work = unfinished,
    ///         }
    ///     };
    ///     assert_eq!(value, [7]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`], as [`wait`](Self::wait).
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<Vec<T>, Self>, Error> {
        if let Some(handle) = &self.handle {
            let deadline = handle.driver.clock().now() + limit;
            let id = handle.id;
            let done =
                |engine: &mut crate::runtime::engine::Engine| engine.is_done(id).then_some(());
            if handle.driver.run(deadline, |_| {}, done).is_none() {
                return Ok(Err(self));
            }
        }
        self.wait().map(Ok)
    }
}

impl<B> Drop for Work<B> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.driver.command(|engine| engine.orphan(handle.id, handle.region));
        }
    }
}
