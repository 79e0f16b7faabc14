//! Memory that an operation may use until it has ended, whoever owns it.

use std::any::Any;
use std::fmt;

use crate::element::Element;

mod adopted;
#[cfg(test)]
mod tests;

use adopted::Adopted;

/// Bytes of host memory, and what keeps them: a vector, a boxed slice, or an owner of another kind, such
/// as a tensor of a framework, whose memory is known by a pointer.
///
/// An operation holds the buffer until it has ended, so that neither a dropped handle nor a dropped
/// communicator frees memory that is in use.
pub struct HostBuffer {
    start: *mut u8,
    length: usize,
    writable: bool,
    owner: Owner,
}

enum Owner {
    Nobody,
    Vector(Adopted),
    /// Keeps the memory until it is dropped.
    Keep(Box<dyn Any + Send>),
}

// SAFETY: a vector's elements are `Send`, and nobody else refers to them; who made a buffer of raw
// memory has promised that it may be used from any thread until its keeper, which is `Send`, is dropped.
unsafe impl Send for HostBuffer {}

impl HostBuffer {
    /// Memory of somebody else, `length` bytes at `start`, to read and write. `keep` owns it, and is
    /// dropped when no operation uses it any more, on whatever thread that is, under no lock.
    ///
    /// # Safety
    ///
    /// Until `keep` is dropped, `start` must be valid for reads and writes of `length` initialised
    /// bytes from any thread; and from when the buffer is given to an operation until it comes back or
    /// `keep` is dropped, nobody else may access them.
    #[must_use]
    pub unsafe fn from_raw(start: *mut u8, length: usize, keep: Box<dyn Any + Send>) -> Self {
        Self { start: valid(start, length), length, writable: true, owner: Owner::Keep(keep) }
    }

    /// The same to read only: for inputs and sends. Several may overlap.
    ///
    /// # Safety
    ///
    /// Until `keep` is dropped, `start` must be valid for reads of `length` initialised bytes from any
    /// thread; and from when the buffer is given to an operation until it comes back or `keep` is
    /// dropped, nobody may write to them.
    #[must_use]
    pub unsafe fn from_raw_const(
        start: *const u8,
        length: usize,
        keep: Box<dyn Any + Send>,
    ) -> Self {
        let start = valid(start.cast_mut(), length);
        Self { start, length, writable: false, owner: Owner::Keep(keep) }
    }

    /// No bytes: for an operand that this rank has no use for.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            start: std::ptr::NonNull::dangling().as_ptr(),
            length: 0,
            writable: true,
            owner: Owner::Nobody,
        }
    }

    /// Bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the memory is valid for as long as its owner, which `self` has; who made the buffer
        // has promised that nobody writes to it, or it is a vector that only `self` refers to.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    /// The vector that it was made of, if that was one of `T`.
    ///
    /// # Errors
    ///
    /// Itself, if it was made of something else.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        match self.owner {
            Owner::Vector(adopted) if adopted.is_of::<T>() => Ok(adopted.into_vec()),
            owner => Err(Self { owner, ..self }),
        }
    }

    /// What keeps memory that is somebody else's.
    #[must_use]
    pub fn into_keep(self) -> Option<Box<dyn Any + Send>> {
        match self.owner {
            Owner::Keep(keep) => Some(keep),
            Owner::Nobody | Owner::Vector(_) => None,
        }
    }

    pub(crate) const fn start(&self) -> *mut u8 {
        self.start
    }

    pub(crate) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether somebody else's word is all that is known of the memory.
    pub(crate) const fn is_raw(&self) -> bool {
        matches!(self.owner, Owner::Keep(_))
    }
}

/// Frameworks give null for no bytes; slices of none need a pointer as well.
const fn valid(start: *mut u8, length: usize) -> *mut u8 {
    if length == 0 { std::ptr::NonNull::dangling().as_ptr() } else { start }
}

impl<T: Element> From<Vec<T>> for HostBuffer {
    fn from(vector: Vec<T>) -> Self {
        let adopted = Adopted::new(vector);
        let (start, length) = (adopted.start(), adopted.bytes());
        Self { start, length, writable: true, owner: Owner::Vector(adopted) }
    }
}

impl<T: Element> From<Box<[T]>> for HostBuffer {
    fn from(slice: Box<[T]>) -> Self {
        slice.into_vec().into()
    }
}

impl fmt::Debug for HostBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuffer")
            .field("bytes", &self.length)
            .field("writable", &self.writable)
            .finish_non_exhaustive()
    }
}
