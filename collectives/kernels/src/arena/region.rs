//! Memory behind a pointer: lent, or owned here.

use super::adopted::Adopted;
use crate::element::Element;

/// Memory that the arena may use. All kinds are held as pointers alike, so that no reference to the
/// whole of a region ever exists that a reference to a part of it could conflict with.
#[derive(Debug)]
pub(super) struct Region {
    start: *mut u8,
    length: usize,
    kind: Kind,
    /// Views of it that have not ended.
    pub views: usize,
}

#[derive(Debug)]
enum Kind {
    Source,
    Target,
    /// What frees the memory.
    Owned(Adopted),
}

// SAFETY: an owned region is a vector of elements, which are `Send`, that nobody else refers to. Who
// lent any other has promised that it may be used from any thread until the region is removed.
unsafe impl Send for Region {}

impl Region {
    /// Memory to read; used by the arena only while the promise of [`super::Arena::lend`] holds.
    pub(super) const fn source(start: *const u8, length: usize) -> Self {
        Self { start: start.cast_mut(), length, kind: Kind::Source, views: 0 }
    }

    /// Memory to read and write; see [`super::Arena::lend_mut`].
    pub(super) const fn target(start: *mut u8, length: usize) -> Self {
        Self { start, length, kind: Kind::Target, views: 0 }
    }

    /// A vector that is the arena's from now on.
    pub(super) fn adopted<T: Element>(vector: Vec<T>) -> Self {
        let adopted = Adopted::new(vector);
        let (start, length) = (adopted.start(), adopted.bytes());
        Self { start, length, kind: Kind::Owned(adopted), views: 0 }
    }

    pub(super) fn is_vector_of<T: Element>(&self) -> bool {
        matches!(&self.kind, Kind::Owned(adopted) if adopted.is_of::<T>())
    }

    /// The vector again, if it is one of `T`; otherwise the region is dropped.
    pub(super) fn into_vec<T: Element>(self) -> Option<Vec<T>> {
        let Kind::Owned(adopted) = self.kind else { return None };
        adopted.into_vec()
    }

    /// Where a range starts, if the region has it; and its length.
    pub(super) fn read(&self, offset: u64, length: u64) -> Option<(*const u8, usize)> {
        let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
        let fits = offset.checked_add(length)? <= self.length;
        // Nothing is read yet, and a pointer within the region or to its end is always in bounds.
        fits.then(|| (self.start.wrapping_add(offset).cast_const(), length))
    }

    /// The same to write; `None` if the memory was lent for reading.
    pub(super) fn write(&self, offset: u64, length: u64) -> Option<(*mut u8, usize)> {
        if matches!(self.kind, Kind::Source) {
            return None;
        }
        self.read(offset, length).map(|(start, length)| (start.cast_mut(), length))
    }
}
