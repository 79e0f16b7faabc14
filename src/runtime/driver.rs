//! Who polls (docs/ARCHITECTURE.md, progress): whoever waits, drives.
//!
//! One lock guards the engine. A thread that waits for a completion takes the role of the driver and
//! polls the device itself; other waiting threads sleep until it reports. A background thread takes
//! the role only when nobody waits, and sleeps on the device unless packets come or operations are in
//! flight, so that an idle process still answers its peers.
//!
//! `tests/handoff` compiles this file against a model of the engine, and checks every order in which
//! threads may run.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use sealane_transport::Time;

use super::clock::Clock;
use super::engine::Engine;
use super::sync::{
    AtomicUsize, Builder, Condvar, JoinHandle, Mutex, MutexGuard, Ordering, spin_loop, yield_now,
};
use super::wire::Waiter;

/// How long a thread that left may come back before the background thread takes its place: taking
/// over and giving back cost a wake-up each, which small operations in a row would pay every time.
const LINGER: Duration = Duration::from_millis(5);

/// How long a driver polls an empty device before it sleeps: about what sleeping and waking cost.
const SPIN: Duration = Duration::from_micros(50);

/// The same where ranks outnumber cores: a spinning rank would delay the one that it waits for, so it
/// yields the core between looks, which costs less than sleeping and being woken.
const SPIN_CROWDED: Duration = Duration::from_micros(200);

/// Polls between looks at the clock while spinning.
const SPINS_PER_LOOK: u32 = 8;

/// Who polls the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Nobody,
    Waiting,
    Background,
}

struct State {
    engine: Engine,
    role: Role,
    /// Threads that sleep on the device, without the lock: the driver, and for a moment the one that
    /// it took the role from.
    sleepers: usize,
    /// Threads that wait for somebody else's driving.
    followers: usize,
    /// When a waiting thread last drove.
    left_at: Time,
    stop: bool,
}

/// See the module's text.
pub(crate) struct Driver {
    state: Mutex<State>,
    /// Operations are done, or the role is free.
    changed: Condvar,
    /// The background thread may be needed.
    needed: Condvar,
    /// Threads that want the lock while a driver spins.
    wanting: AtomicUsize,
    waiter: Waiter,
    clock: Clock,
    /// Ranks outnumber cores.
    crowded: bool,
}

impl Driver {
    /// Drives `engine`, whose host has `neighbours` ranks in all.
    pub(crate) fn new(engine: Engine, neighbours: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (waiter, clock) = (engine.waiter(), engine.clock());
        Self {
            state: Mutex::new(State {
                engine,
                role: Role::Nobody,
                sleepers: 0,
                followers: 0,
                left_at: clock.now(),
                stop: false,
            }),
            changed: Condvar::new(),
            needed: Condvar::new(),
            wanting: AtomicUsize::new(0),
            waiter,
            clock,
            crowded: neighbours > cores,
        }
    }

    /// The clock that deadlines are in.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// A panic while the lock was held has unwound through the engine; its state is what the caller
    /// of the panicking code saw, and user memory was taken out by guards on the way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.wanting.fetch_add(1, Ordering::Relaxed);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanting.fetch_sub(1, Ordering::Relaxed);
        state
    }

    /// Lets go of the lock, then does what operations that have ended leave to do: code of the user
    /// runs under no lock, and on the thread on which they ended (docs/OWNERSHIP.md). So whoever lets go
    /// of the lock otherwise leaves nothing to do.
    fn unlock(mut state: MutexGuard<'_, State>) {
        let aftermath = state.engine.take_aftermath();
        drop(state);
        aftermath.run();
    }

    /// The same, and takes the lock again.
    fn breathe<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        Self::unlock(state);
        self.lock()
    }

    /// Looks at the engine, or at its memory; sends nothing.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&mut Engine) -> R) -> R {
        let mut state = self.lock();
        let seen = look(&mut state.engine);
        Self::unlock(state);
        seen
    }

    /// Runs `command` on the engine and sends what it caused.
    pub(crate) fn command<R>(&self, command: impl FnOnce(&mut Engine) -> R) -> R {
        let mut state = self.lock();
        let result = command(&mut state.engine);
        state.engine.transmit();
        if state.sleepers > 0 {
            // The sleeper's deadline may have moved.
            self.waiter.wake();
        } else if state.role == Role::Nobody && state.engine.is_awaited() {
            self.needed.notify_one();
        }
        if state.followers > 0 {
            self.changed.notify_all();
        }
        Self::unlock(state);
        result
    }

    /// Runs `start`, then drives until `ready` says so; `None` when `deadline` passed first. Both run
    /// under the lock, `ready` after every turn.
    pub(crate) fn run<R>(
        &self,
        deadline: Time,
        start: impl FnOnce(&mut Engine),
        mut ready: impl FnMut(&mut Engine) -> Option<R>,
    ) -> Option<R> {
        let mut state = self.lock();
        start(&mut state.engine);
        loop {
            if state.engine.has_aftermath() {
                state = self.breathe(state);
            }
            if let Some(result) = ready(&mut state.engine) {
                self.hand_over(&state);
                Self::unlock(state);
                return Some(result);
            }
            let now = self.clock.now();
            if now >= deadline {
                self.hand_over(&state);
                Self::unlock(state);
                return None;
            }
            if state.role == Role::Waiting {
                state.engine.transmit();
                if state.sleepers > 0 {
                    self.waiter.wake();
                }
                if state.engine.has_aftermath() {
                    continue;
                }
                state.followers += 1;
                let waited = self.changed.wait_timeout(state, deadline.since(now));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.followers -= 1;
            } else {
                if state.role == Role::Background && state.sleepers > 0 {
                    self.waiter.wake();
                }
                state.role = Role::Waiting;
                let (after, result) = self.drive(state, deadline, &mut ready);
                state = after;
                state.role = Role::Nobody;
                state.left_at = self.clock.now();
                self.hand_over(&state);
                if result.is_some() {
                    Self::unlock(state);
                    return result;
                }
            }
        }
    }

    /// Offers the role, if it is free, to those who may be waiting for it: also when who leaves never had
    /// it, since it may have been offered to that thread last.
    fn hand_over(&self, state: &State) {
        if state.role != Role::Nobody {
            return;
        }
        if state.followers > 0 {
            self.changed.notify_all();
        } else if state.engine.is_awaited() {
            self.needed.notify_one();
        }
    }

    /// Turns until `ready` or `deadline`, or until there is something to do without the lock, and
    /// without the role: what that is may wait for operations itself.
    fn drive<'a, R>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Time,
        ready: &mut impl FnMut(&mut Engine) -> Option<R>,
    ) -> (MutexGuard<'a, State>, Option<R>) {
        loop {
            let progress = state.engine.turn();
            if let Some(result) = ready(&mut state.engine) {
                return (state, Some(result));
            }
            if state.followers > 0 && state.engine.take_completed() {
                self.changed.notify_all();
            }
            if state.engine.has_aftermath() {
                return (state, None);
            }
            if !progress {
                let packets;
                (state, packets) = self.spin(state);
                if state.engine.has_aftermath() {
                    return (state, None);
                }
                if !packets {
                    state = self.sleep(state, deadline);
                }
            }
            if self.clock.now() >= deadline {
                return (state, None);
            }
            state = self.give_way(state);
        }
    }

    /// Polls for a short while; returns whether something came.
    fn spin<'a>(&'a self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let (spin, turns) = if self.crowded { (SPIN_CROWDED, 1) } else { (SPIN, SPINS_PER_LOOK) };
        let until = self.clock.now() + spin;
        loop {
            for _ in 0..turns {
                if state.engine.turn() || state.engine.has_aftermath() {
                    return (state, true);
                }
                if self.crowded {
                    yield_now();
                } else {
                    spin_loop();
                }
            }
            state = self.give_way(state);
            if self.clock.now() >= until {
                return (state, false);
            }
        }
    }

    /// Lets other threads in that want the lock: the lock itself is not fair.
    fn give_way<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if self.wanting.load(Ordering::Relaxed) == 0 {
            return state;
        }
        drop(state);
        yield_now();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps on the device until something is due, at most until `deadline`.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Time,
    ) -> MutexGuard<'a, State> {
        let timeout = state.engine.idle_time(deadline);
        if timeout.is_zero() {
            return self.give_way(state);
        }
        state.sleepers += 1;
        drop(state);
        self.waiter.wait(Some(timeout));
        let mut state = self.lock();
        state.sleepers -= 1;
        if state.stop && state.sleepers > 0 {
            // What woke us may have been meant for the background thread, which is to end.
            self.waiter.wake();
        }
        state
    }

    /// Starts the background thread.
    ///
    /// # Errors
    ///
    /// As [`thread::Builder::spawn`](std::thread::Builder::spawn).
    pub(crate) fn spawn_background(self: &Arc<Self>) -> std::io::Result<JoinHandle<()>> {
        let driver = Arc::clone(self);
        Builder::new().name("sealane".to_owned()).spawn(move || driver.background())
    }

    fn background(&self) {
        let mut state = self.lock();
        while !state.stop {
            if state.role == Role::Waiting || self.is_lingering(&state) {
                let waited = self.needed.wait_timeout(state, LINGER);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            state.role = Role::Background;
            let progress = state.engine.turn();
            if state.followers > 0 && state.engine.take_completed() {
                self.changed.notify_all();
            }
            if state.engine.has_aftermath() {
                state.role = Role::Nobody;
                state = self.breathe(state);
                continue;
            }
            state = if progress { self.give_way(state) } else { self.sleep(state, Time::MAX) };
            if state.role == Role::Background {
                state.role = Role::Nobody;
            } else if state.sleepers > 0 {
                // What woke us may have been meant for the driver that took our place.
                self.waiter.wake();
            }
        }
        Self::unlock(state);
    }

    /// Nobody waits for anything in flight, and a thread that drove a moment ago may be back soon.
    fn is_lingering(&self, state: &State) -> bool {
        !state.engine.is_awaited() && self.clock.now().since(state.left_at) < LINGER
    }

    /// Ends the background thread.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.needed.notify_all();
        self.waiter.wake();
    }
}
