//! Sleeping until the device has something to do, and waking whoever sleeps.
//!
//! A completion queue tells of the next completion after it was armed, once. It is armed only by who is
//! about to sleep, so that a driver that polls costs no interrupts; and since what came before is not
//! told of, the sleeper looks once more after arming. What it finds is kept for the next poll.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::sys::{Completion, CompletionQueue, Context};

/// A wait longer than this is as good as one without limit.
const WAIT_MAX: Duration = Duration::from_secs(3600 * 24 * 365);

/// Completions looked for after arming.
const LOOK: usize = 32;

/// Why [`Waiter::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// Packets have arrived, sends are done, or something happened to the device: poll it.
    Ready,
    /// [`Waiter::wake`] was called (or a signal arrived).
    Woken,
    /// The time is up.
    TimedOut,
}

/// Completions that a sleeper found, before those in the queue.
#[derive(Debug, Default)]
struct Stash {
    found: VecDeque<Completion>,
    /// The queue was armed, and nobody has taken its event.
    armed: bool,
}

/// What the device and its sleepers share.
#[derive(Debug)]
pub struct Shared {
    queue: Arc<CompletionQueue>,
    context: Arc<Context>,
    stash: Mutex<Stash>,
    event: OwnedFd,
    /// A sleeper saw an asynchronous event.
    happened: AtomicBool,
}

impl Shared {
    pub fn new(queue: Arc<CompletionQueue>, context: Arc<Context>) -> io::Result<Arc<Self>> {
        for fd in [queue.channel().fd(), context.async_fd()] {
            let flags = rustix::fs::fcntl_getfl(fd)?;
            rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?;
        }
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (stash, happened) = (Mutex::default(), AtomicBool::new(false));
        Ok(Arc::new(Self { queue, context, stash, event, happened }))
    }

    /// The stash is consistent between statements: a panic elsewhere does not spoil it.
    fn stash(&self) -> MutexGuard<'_, Stash> {
        self.stash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes completions, oldest first; returns how many.
    pub fn take(&self, out: &mut [Completion]) -> usize {
        let mut stash = self.stash();
        let kept = stash.found.len().min(out.len());
        for (to, from) in out.iter_mut().zip(stash.found.drain(..kept)) {
            *to = from;
        }
        if kept > 0 { kept } else { self.queue.poll(out) }
    }

    /// Takes completions of sends only, leaving the others where they are.
    pub fn take_sends(&self, is_send: impl Fn(&Completion) -> bool) -> Vec<Completion> {
        let mut found = [Completion::default(); LOOK];
        let mut stash = self.stash();
        let count = self.queue.poll(&mut found);
        stash.found.extend(&found[..count]);
        let (sends, others) = stash.found.drain(..).partition(is_send);
        stash.found = others;
        Vec::from(sends)
    }

    /// Whether a sleeper saw an asynchronous event since the last call.
    pub fn take_happened(&self) -> bool {
        self.happened.load(Ordering::Relaxed) && self.happened.swap(false, Ordering::Relaxed)
    }

    /// Arms the queue and looks once more; whether there is something.
    fn prepare(&self) -> bool {
        let mut stash = self.stash();
        if !stash.found.is_empty() {
            return true;
        }
        if stash.armed && self.queue.channel().drain() > 0 {
            stash.armed = false;
        }
        if !stash.armed {
            // A queue that cannot be armed is told of by an asynchronous event.
            stash.armed = self.queue.arm().is_ok();
        }
        let mut found = [Completion::default(); LOOK];
        let count = self.queue.poll(&mut found);
        stash.found.extend(&found[..count]);
        count > 0
    }

    fn wait(&self, timeout: Option<Duration>) -> Wakeup {
        if self.prepare() {
            return Wakeup::Ready;
        }
        let timeout = timeout.filter(|time| *time < WAIT_MAX).map(|time| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        let (channel, asynchronous) = (self.queue.channel().fd(), self.context.async_fd());
        let mut fds = [
            PollFd::from_borrowed_fd(channel, PollFlags::IN),
            PollFd::from_borrowed_fd(asynchronous, PollFlags::IN),
            PollFd::new(&self.event, PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Wakeup::TimedOut,
            Ok(_) => {}
            Err(_) => return Wakeup::Woken,
        }
        let [channel, asynchronous, event] = fds.map(|fd| !fd.revents().is_empty());
        if event {
            // A failure can only mean that another sleeper cleared it first.
            let _ = rustix::io::read(&self.event, &mut [0; 8]);
        }
        if asynchronous {
            self.happened.store(true, Ordering::Relaxed);
        }
        if channel || asynchronous { Wakeup::Ready } else { Wakeup::Woken }
    }

    fn wake(&self) {
        // A failure can only mean that the counter is full: then a wake-up is already waiting.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }
}

/// Sleeps on a device's completions; wakes sleepers from any thread.
///
/// A wake-up sent while nobody sleeps is kept for the next [`wait`](Self::wait); several are one.
/// Each wake-up ends at least one wait; a driver has one sleeper at a time.
#[derive(Clone, Debug)]
pub struct Waiter {
    shared: Arc<Shared>,
}

impl Waiter {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sleeps until the device is ready, someone wakes this waiter, or `timeout` passes (`None`
    /// sleeps without limit). It may return early; it never sleeps through a readiness that existed
    /// before the call.
    pub fn wait(&self, timeout: Option<Duration>) -> Wakeup {
        self.shared.wait(timeout)
    }

    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        self.shared.wake();
    }
}
