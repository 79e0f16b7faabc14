//! Locks and threads of the driver, under names of ours: `tests/handoff` puts a model checker's in their
//! place.

pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::thread::{Builder, JoinHandle, yield_now};
