//! Memory behind a pointer: lent, or owned here.

use crate::buffer::HostBuffer;

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
    /// What owns the memory.
    Held(HostBuffer),
}

// SAFETY: the memory of a buffer may be used from any thread, for which it is `Send`; who lent any other
// has promised that until the region is removed.
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

    /// A buffer that is the arena's until it is given back.
    pub(super) const fn held(buffer: HostBuffer) -> Self {
        let (start, length) = (buffer.start(), buffer.len());
        Self { start, length, kind: Kind::Held(buffer), views: 0 }
    }

    /// The buffer again, if the memory was not lent.
    pub(super) fn into_buffer(self) -> Option<HostBuffer> {
        match self.kind {
            Kind::Held(buffer) => Some(buffer),
            Kind::Source | Kind::Target => None,
        }
    }

    const fn is_writable(&self) -> bool {
        match &self.kind {
            Kind::Source => false,
            Kind::Target => true,
            Kind::Held(buffer) => buffer.is_writable(),
        }
    }

    /// Whether the region and a buffer share bytes that either may be written through.
    pub(super) fn conflicts(&self, buffer: &HostBuffer) -> bool {
        let (ours, theirs) = (self.start.addr(), buffer.start().addr());
        let apart = ours + self.length <= theirs || theirs + buffer.len() <= ours;
        let none = self.length == 0 || buffer.is_empty();
        !apart && !none && (self.is_writable() || buffer.is_writable())
    }

    /// Where a range starts, if the region has it; and its length.
    pub(super) fn read(&self, offset: u64, length: u64) -> Option<(*const u8, usize)> {
        let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
        let fits = offset.checked_add(length)? <= self.length;
        // Nothing is read yet, and a pointer within the region or to its end is always in bounds.
        fits.then(|| (self.start.wrapping_add(offset).cast_const(), length))
    }

    /// The same to write; `None` if the memory may only be read.
    pub(super) fn write(&self, offset: u64, length: u64) -> Option<(*mut u8, usize)> {
        if !self.is_writable() {
            return None;
        }
        self.read(offset, length).map(|(start, length)| (start.cast_mut(), length))
    }
}
