//! Things that must not be touched in a forked child.
//!
//! A child of `fork` has the parent's keys and packet numbers but none of its threads. If it sent one
//! packet, a nonce would be used twice; if it took a lock that a vanished thread held, it would hang. So
//! it may do nothing with what it inherited, not even drop it.

use std::mem::ManuallyDrop;

use pyo3::PyResult;

use crate::errors;

/// A value of the process that made it.
pub(crate) struct Guarded<T> {
    value: ManuallyDrop<Option<T>>,
    process: u32,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(Some(value)), process: std::process::id() }
    }

    /// Whether this process is the one that made it.
    pub(crate) fn is_ours(&self) -> bool {
        std::process::id() == self.process
    }

    /// The value, in the process that made it.
    ///
    /// # Errors
    ///
    /// `ForkedError` in a child.
    pub(crate) fn get(&self) -> PyResult<&T> {
        if !self.is_ours() {
            return Err(errors::forked());
        }
        self.value.as_ref().ok_or_else(errors::closed)
    }

    /// Takes the value out, in the process that made it.
    pub(crate) fn take(&mut self) -> Option<T> {
        if self.is_ours() { self.value.take() } else { None }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: it is dropped here and nowhere else, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
