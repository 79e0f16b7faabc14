//! Loom's locks and threads, in place of the standard library's.

pub(super) use loom::hint::spin_loop;
pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};
pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(super) use loom::thread::{Builder, JoinHandle, yield_now};
