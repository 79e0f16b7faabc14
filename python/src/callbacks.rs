//! Threads that call back into Python.
//!
//! Not the thread that drives the device: a callback may wait for another operation (PyTorch's PowerSGD
//! hook does), and must not hold up progress while it waits for the interpreter's lock. There are as many
//! threads as callbacks wait at once, and idle ones end after a while.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyAny;
use sealane::Error;

use crate::errors;

/// An idle thread ends after this.
const IDLE: Duration = Duration::from_secs(10);

/// More threads than this do not make callbacks faster; the rest queues.
const THREADS_MAX: usize = 64;

struct Task {
    call: Py<PyAny>,
    error: Option<Error>,
}

struct Pool {
    tasks: VecDeque<Task>,
    idle: usize,
    threads: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { tasks: VecDeque::new(), idle: 0, threads: 0 });
static WORK: Condvar = Condvar::new();

/// Has `call` called, soon, with `None` or the exception that the operation ended with.
pub(crate) fn dispatch(call: Py<PyAny>, error: Option<Error>) {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.tasks.push_back(Task { call, error });
    if pool.idle >= pool.tasks.len() || pool.threads >= THREADS_MAX {
        WORK.notify_one();
        return;
    }
    pool.threads += 1;
    drop(pool);
    let spawned = std::thread::Builder::new().name("sealane-callback".to_owned()).spawn(serve);
    if spawned.is_err() {
        // Another thread takes it, or this one.
        POOL.lock().unwrap_or_else(PoisonError::into_inner).threads -= 1;
        if let Some(task) = take(Duration::ZERO) {
            run(task);
        }
    }
}

fn serve() {
    while let Some(task) = take(IDLE) {
        run(task);
    }
    POOL.lock().unwrap_or_else(PoisonError::into_inner).threads -= 1;
}

fn take(patience: Duration) -> Option<Task> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.idle += 1;
    let (mut pool, _) = WORK
        .wait_timeout_while(pool, patience, |pool| pool.tasks.is_empty())
        .unwrap_or_else(PoisonError::into_inner);
    pool.idle -= 1;
    pool.tasks.pop_front()
}

/// Nothing is called once the interpreter is going away.
fn run(task: Task) {
    let Task { call, error } = task;
    Python::try_attach(|py| {
        let exception = error.as_ref().map(errors::raise);
        let argument = exception.map(|error| error.into_value(py));
        if let Err(error) = call.call1(py, (argument,)) {
            // Nobody waits for a callback: say it, as Python does for destructors.
            error.write_unraisable(py, Some(call.bind(py)));
        }
        drop(call);
    });
}
