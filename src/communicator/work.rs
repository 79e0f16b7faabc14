//! A handle of an operation that runs while its caller does something else.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sealane_kernels::Element;
use sealane_transport::Time;

use super::Buffers;
use crate::error::{Error, Operation};
use crate::runtime::driver::Driver;
use crate::runtime::engine::Engine;
use crate::runtime::slot::{Done, Slot};

/// How a [`Work`] makes its result of what the operation has come to.
type Unpack<T> = fn(Done, Operation) -> Result<T, Error>;

/// An operation under way, and the buffers that come back with its end.
///
/// Any number may be under way, to be waited for in any order, by any thread; they go on in the
/// background while nobody waits. Every operation ends by its deadline. Dropping the handle does not
/// cancel the operation, which the other ranks count on, and does not free its buffers before the end:
/// they are freed then. A `Work` is also a [`Future`].
#[must_use = "the result comes from wait()"]
pub struct Work<T> {
    slot: Arc<Slot>,
    driver: Arc<Driver>,
    unpack: Unpack<T>,
}

impl<T> std::fmt::Debug for Work<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work")
            .field("name", &self.name())
            .field("sequence", &self.sequence())
            .field("ended", &self.slot.is_ended())
            .finish_non_exhaustive()
    }
}

impl<T> Work<T> {
    pub(super) const fn new(slot: Arc<Slot>, driver: Arc<Driver>, unpack: Unpack<T>) -> Self {
        Self { slot, driver, unpack }
    }

    /// The same operation with another result.
    pub(super) fn unpacked<U>(self, unpack: Unpack<U>) -> Work<U> {
        Work { slot: self.slot, driver: self.driver, unpack }
    }

    /// Which operation it is, as the method is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.slot.name()
    }

    /// Its number: of a collective, the same on all ranks, counted from 0. `None` while it is in a
    /// [`Group`](super::Group) that has not been launched.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.slot.sequence()
    }

    /// Whether it has ended, well or not: [`wait`](Self::wait) would not wait. Makes some progress if
    /// not.
    #[must_use]
    pub fn test(&self) -> bool {
        if !self.slot.is_ended() {
            self.driver.command(Engine::turn);
        }
        self.slot.is_ended()
    }

    /// Waits for the end at most `limit`; returns whether it has come. Any number of threads may wait.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let work = communicator.all_reduce_start(vec![1_u8], ReduceOp::Sum)?;
    ///     assert!(work.ended_within(Duration::from_secs(60)));
    ///     assert!(work.error().is_none());
    ///     assert_eq!(work.wait()?, [2]);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    #[must_use]
    pub fn ended_within(&self, limit: Duration) -> bool {
        if !self.slot.is_ended() {
            self.drive(self.driver.clock().now() + limit);
        }
        self.slot.is_ended()
    }

    fn drive(&self, deadline: Time) {
        let ended = || self.slot.is_ended().then_some(());
        self.driver.run(deadline, |_| {}, |_| ended());
    }

    /// Why it failed, if it has.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.slot.error()
    }

    /// Waits for the end, and gives the buffers back.
    ///
    /// # Errors
    ///
    /// [`Error`]; the buffers are then gone.
    pub fn wait(self) -> Result<T, Error> {
        if !self.slot.is_ended() {
            self.drive(Time::MAX);
        }
        self.take()
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
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<T, Self>, Error> {
        if self.ended_within(limit) { self.take().map(Ok) } else { Ok(Err(self)) }
    }

    /// Calls `callback` once when the operation has ended, on whatever thread that happens and under no
    /// lock; now, if it has ended already. It may call whatever it likes, but what it spends its time on
    /// is not spent on driving.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     let (ended, end) = mpsc::channel();
    ///     let work = communicator.all_reduce_start(vec![1_u8; 100], ReduceOp::Sum)?;
    ///     work.on_end(move |result| ended.send(result.is_ok()).unwrap());
    ///     drop(work);
    ///     assert_eq!(end.recv(), Ok(true));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    pub fn on_end(&self, callback: impl FnOnce(Result<(), &Error>) + Send + 'static) {
        self.slot.on_end(Box::new(callback));
    }

    fn take(&self) -> Result<T, Error> {
        let operation = self.slot.operation();
        let taken = || {
            let cause = "its result was taken before".to_owned();
            Err(Error::Failed { operation, cause })
        };
        let done = self.slot.take().unwrap_or_else(taken)?;
        (self.unpack)(done, operation)
    }
}

/// Ready when the operation has ended. It goes on by itself: no runtime drives it.
///
/// ```
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Wake, Waker};
/// use std::thread::{self, Thread};
/// use sealane::{ReduceOp, local};
///
/// // The smallest executor of futures: it sleeps until it is woken.
/// struct Unpark(Thread);
/// impl Wake for Unpark {
///     fn wake(self: Arc<Self>) {
///         self.0.unpark();
///     }
/// }
///
/// local::run(2, |communicator| {
///     let mut sum = pin!(async {
///         let data = communicator.all_reduce_start(vec![1_u64; 10], ReduceOp::Sum)?.await?;
///         communicator.all_reduce_start(data, ReduceOp::Sum)?.await
///     });
///     let waker = Waker::from(Arc::new(Unpark(thread::current())));
///     let result = loop {
///         match sum.as_mut().poll(&mut Context::from_waker(&waker)) {
///             Poll::Ready(result) => break result,
///             Poll::Pending => thread::park(),
///         }
///     };
///     assert_eq!(result?, [4; 10]);
///     Ok(())
/// })?;
/// # Ok::<(), sealane::Error>(())
/// ```
impl<T> Future for Work<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.slot.wake_at_end(context.waker()) {
            Poll::Ready(self.take())
        } else {
            Poll::Pending
        }
    }
}

/// The output, or in place the data, as a vector.
pub(super) fn output<T: Element>(done: Done, operation: Operation) -> Result<Vec<T>, Error> {
    vector(done.output, operation)
}

/// Input and output as vectors.
pub(super) fn both<T: Element>(done: Done, operation: Operation) -> Result<Buffers<T>, Error> {
    let input = done.input.map_or_else(|| Ok(Vec::new()), |input| vector(input, operation));
    Ok((input?, vector(done.output, operation)?))
}

/// Nothing but the end.
pub(super) fn nothing(_: Done, _: Operation) -> Result<(), Error> {
    Ok(())
}

/// What an atomic operation found.
pub(super) fn found(done: Done, operation: Operation) -> Result<u64, Error> {
    let nothing = || Error::Failed { operation, cause: "it found nothing".to_owned() };
    done.found.ok_or_else(nothing)
}

/// All there is.
pub(super) fn everything(done: Done, _: Operation) -> Result<Done, Error> {
    Ok(done)
}

fn vector<T: Element>(
    buffer: sealane_kernels::HostBuffer,
    operation: Operation,
) -> Result<Vec<T>, Error> {
    let cause = || "its buffer is not the vector that it was given".to_owned();
    buffer.into_vec().map_err(|_| Error::Failed { operation, cause: cause() })
}
