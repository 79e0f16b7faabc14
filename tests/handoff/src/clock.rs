//! A clock that goes on by a fixed step with each look at it.

use std::cell::Cell;
use std::time::Duration;

use sealane_transport::Time;

thread_local! {
    /// Loom runs the threads of a model as coroutines of one thread.
    static SHOWS: Cell<Time> = const { Cell::new(Time::ZERO) };
}

/// See the module's text. What it shows depends on nothing but the order of the looks, which is loom's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    step: Duration,
}

impl Clock {
    /// A clock that shows zero.
    pub(crate) fn stepping(step: Duration) -> Self {
        SHOWS.set(Time::ZERO);
        Self { step }
    }

    pub(crate) fn now(&self) -> Time {
        SHOWS.replace(SHOWS.get() + self.step)
    }
}
