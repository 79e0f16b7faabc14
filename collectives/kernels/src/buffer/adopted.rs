//! Vectors in parts, so that no reference to the whole exists while parts of it are in use.

use std::any::TypeId;
use std::mem::ManuallyDrop;

use crate::element::Element;

/// A vector of elements in parts, and what frees them.
#[derive(Debug)]
pub(super) struct Adopted {
    start: *mut u8,
    elements: usize,
    capacity: usize,
    bytes: usize,
    kind: TypeId,
    free: unsafe fn(*mut u8, usize, usize),
}

/// # Safety
///
/// The parts must be those of a `Vec<T>` that nobody else has.
unsafe fn free<T>(start: *mut u8, elements: usize, capacity: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Vec::from_raw_parts(start.cast::<T>(), elements, capacity) });
}

impl Adopted {
    pub(super) fn new<T: Element>(vector: Vec<T>) -> Self {
        let mut vector = ManuallyDrop::new(vector);
        Self {
            start: vector.as_mut_ptr().cast(),
            elements: vector.len(),
            capacity: vector.capacity(),
            bytes: size_of_val(vector.as_slice()),
            kind: TypeId::of::<T>(),
            free: free::<T>,
        }
    }

    pub(super) const fn start(&self) -> *mut u8 {
        self.start
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_of<T: Element>(&self) -> bool {
        self.kind == TypeId::of::<T>()
    }

    /// The vector again: an empty one if it is not of `T`, and then it is freed.
    pub(super) fn into_vec<T: Element>(self) -> Vec<T> {
        if !self.is_of::<T>() {
            return Vec::new();
        }
        let parts = ManuallyDrop::new(self);
        // SAFETY: the parts are those of a `Vec<T>` of this very type, taken apart in `new`; they are
        // put together once, because `parts` is not dropped.
        unsafe { Vec::from_raw_parts(parts.start.cast(), parts.elements, parts.capacity) }
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        // SAFETY: `free` is that of the type whose vector was taken apart in `new`, and whoever puts
        // the vector together again keeps this from being dropped.
        unsafe { (self.free)(self.start, self.elements, self.capacity) };
    }
}
