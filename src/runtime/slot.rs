//! How the end of an operation reaches whoever has its handle: a slot that is filled once.
//!
//! The slot's lock is taken under the driver's or alone, for a store or a load only. What the handle's
//! owner wants to be called for is run by [`Aftermath::run`], when no lock is held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use sealane_kernels::HostBuffer;
use sealane_transport::Rank;

use crate::error::{Error, Operation};

/// What an operation has come to, with the buffers that it was given.
#[derive(Debug)]
pub struct Done {
    /// The input of an operation out of place.
    pub input: Option<HostBuffer>,
    /// The output; in place, the data; of a send, what was sent.
    pub output: HostBuffer,
    /// Of a receive: what came.
    pub received: Option<Received>,
    /// Of a one-sided atomic operation: what was there before.
    pub found: Option<u64>,
}

/// A message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub source: Rank,
    /// How many bytes it has.
    pub bytes: u64,
}

/// What is called when an operation has ended.
pub(crate) type Callback = Box<dyn FnOnce(Result<(), &Error>) + Send>;

#[derive(Default)]
struct State {
    result: Option<Result<Done, Error>>,
    error: Option<Error>,
    waker: Option<Waker>,
    callbacks: Vec<Callback>,
}

/// See the module's text.
pub(crate) struct Slot {
    name: &'static str,
    sequence: OnceLock<u64>,
    ended: AtomicBool,
    state: Mutex<State>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("operation", &self.operation())
            .field("ended", &self.is_ended())
            .finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            sequence: OnceLock::new(),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// Nothing that panics runs under this lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The operation's number, once it has one.
    pub(crate) fn sequence(&self) -> Option<u64> {
        self.sequence.get().copied()
    }

    /// The operation has started, under this number.
    pub(crate) fn number(&self, sequence: u64) {
        // The first number stands; nobody gives a second.
        let _ = self.sequence.set(sequence);
    }

    pub(crate) fn operation(&self) -> Operation {
        Operation { name: self.name, sequence: self.sequence().unwrap_or(0) }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Why the operation failed, if it has.
    pub(crate) fn error(&self) -> Option<Error> {
        if self.is_ended() { self.lock().error.clone() } else { None }
    }

    /// What it came to, once.
    pub(crate) fn take(&self) -> Option<Result<Done, Error>> {
        if self.is_ended() { self.lock().result.take() } else { None }
    }

    /// Calls back at the end; now, if that has come.
    pub(crate) fn on_end(&self, callback: Callback) {
        let mut state = self.lock();
        if !self.is_ended() {
            state.callbacks.push(callback);
            return;
        }
        let error = state.error.clone();
        drop(state);
        callback(error.as_ref().map_or(Ok(()), Err));
    }

    /// Wakes a task at the end; returns whether it has come already.
    pub(crate) fn wake_at_end(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let ended = self.is_ended();
        if !ended {
            state.waker = Some(waker.clone());
        }
        ended
    }

    /// Fills the slot; who waits is told by what this returns. Only the first end counts.
    pub(crate) fn end(self: &Arc<Self>, result: Result<Done, Error>) -> Listeners {
        let mut state = self.lock();
        let mut listeners = Listeners { slot: self.clone(), waker: None, callbacks: Vec::new() };
        if !self.is_ended() {
            state.error = result.as_ref().err().cloned();
            state.result = Some(result);
            listeners.waker = state.waker.take();
            listeners.callbacks = std::mem::take(&mut state.callbacks);
            self.ended.store(true, Ordering::Release);
        }
        listeners
    }
}

/// Who must be told of an end. Also keeps the slot, whose buffers must not be freed under a lock.
pub(crate) struct Listeners {
    slot: Arc<Slot>,
    waker: Option<Waker>,
    callbacks: Vec<Callback>,
}

/// What is left to do of operations that have ended, when no lock is held any more.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub listeners: Vec<Listeners>,
    /// Buffers of operations that failed: their owners' code runs when they are dropped.
    pub spent: Vec<HostBuffer>,
}

impl Aftermath {
    pub(crate) const fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.spent.is_empty()
    }

    /// Tells and frees. What panics is logged and ends nothing: the thread may be another's.
    pub(crate) fn run(self) {
        for Listeners { slot, waker, callbacks } in self.listeners {
            let error = if callbacks.is_empty() { None } else { slot.error() };
            for callback in callbacks {
                let result = error.as_ref().map_or(Ok(()), Err);
                guarded("a callback", || callback(result));
            }
            if let Some(waker) = waker {
                guarded("a waker", || waker.wake());
            }
            guarded("the owner of a buffer", || drop(slot));
        }
        for buffer in self.spent {
            guarded("the owner of a buffer", || drop(buffer));
        }
    }
}

fn guarded(what: &str, body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        tracing::error!("{what} of an operation that has ended panicked");
    }
}

#[cfg(test)]
mod tests;
