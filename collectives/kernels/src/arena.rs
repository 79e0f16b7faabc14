//! The table of memory that messages are read from and placed into.
//!
//! A *region* is memory: lent by a caller for the time of an operation, or owned here. A *view* is a
//! range of a region with a way of placing into it; messages name views. Everything is checked against
//! the table, so a view that has ended, or a range outside it, yields `None` or `false`.
//!
//! # Why no two references overlap
//!
//! Regions are pointers; slices are made of them only inside the methods of [`Arena`], and live no
//! longer than the borrow of it. Shared slices need `&self`, exclusive ones `&mut self`, so the two
//! kinds exclude each other. Where one method needs both at once (reducing with a base, combining),
//! they are apart in one region, which it checks, or of different regions; and regions that can be
//! written overlap no other: that is the promise of whoever lends them, and is looked at where raw memory
//! is admitted. A call in place lends its memory once and names the one region as input and output.

mod region;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::buffer::HostBuffer;
use crate::dtype::Dtype;
use crate::element::Element;
use crate::op::ReduceOp;
use crate::reduce;

use region::Region;
use table::Table;

/// A region of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionId(u64);

/// A view of a region. Not reused within 2^32 others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewId(pub u64);

/// How bytes are placed into a view.
///
/// An operation is always applied with the arrived bytes on the right: `view = base op payload`. All
/// operations commute in value and, since every NaN becomes the same one, in bits; the order in which
/// *several* operands meet is what schedules fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As they are.
    Copy,
    /// `view = base op payload`, where `base` is the view itself (`None`: in place) or the range at the
    /// same distance in another region (out of place, without copying the input first); then, if
    /// asked, divided by the number of ranks. Only whole elements can be placed.
    Reduce {
        /// Element type.
        dtype: Dtype,
        /// Operation.
        op: ReduceOp,
        /// Region and offset of the other operand.
        base: Option<(RegionId, u64)>,
        /// Divide by so many ranks afterwards: asked of the last reduction of a byte, once.
        average: Option<u32>,
    },
}

#[derive(Clone, Copy, Debug)]
struct View {
    region: RegionId,
    offset: u64,
    length: u64,
    placement: Placement,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Arena {
    regions: Table<Region>,
    views: Table<View>,
    id: ArenaId,
}

/// Tells arenas apart.
#[derive(Debug)]
struct ArenaId(u64);

impl Default for ArenaId {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Arena {
    /// An empty arena.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No other arena of this process has it.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id.0
    }

    /// Lends memory to read from and place into.
    ///
    /// # Safety
    ///
    /// Until the region is removed or the arena dropped, `start` must be valid for reads and writes of
    /// `length` initialised bytes from any thread, and nobody else may access them: no other region of
    /// this arena either.
    pub unsafe fn lend_mut(&mut self, start: *mut u8, length: usize) -> RegionId {
        RegionId(self.regions.insert(Region::target(start, length)))
    }

    /// Lends memory to read from.
    ///
    /// # Safety
    ///
    /// Until the region is removed or the arena dropped, `start` must be valid for reads of `length`
    /// initialised bytes from any thread, and nobody may write to them: through another region of
    /// this arena either.
    pub unsafe fn lend(&mut self, start: *const u8, length: usize) -> RegionId {
        RegionId(self.regions.insert(Region::source(start, length)))
    }

    /// Memory of the arena's own, zeroed.
    pub fn own(&mut self, length: usize) -> RegionId {
        self.adopt(vec![0_u8; length])
    }

    /// Takes a vector over, without a copy. It overlaps nothing.
    pub fn adopt<T: Element>(&mut self, vector: Vec<T>) -> RegionId {
        RegionId(self.regions.insert(Region::held(vector.into())))
    }

    /// Takes a buffer over, without a copy, until [`release`](Self::release) or
    /// [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// The buffer, if it is raw memory that overlaps a region, and either may be written.
    pub fn admit(&mut self, buffer: HostBuffer) -> Result<RegionId, HostBuffer> {
        if buffer.is_raw() && self.regions.any(|region| region.conflicts(&buffer)) {
            return Err(buffer);
        }
        Ok(RegionId(self.regions.insert(Region::held(buffer))))
    }

    /// Removes a region, and gives its buffer back; `None` if it has none.
    pub fn release(&mut self, region: RegionId) -> Option<HostBuffer> {
        self.take(region)?.into_buffer()
    }

    /// Removes a region. Views of it are dead from then on.
    pub fn remove(&mut self, region: RegionId) {
        drop(self.take(region));
    }

    fn take(&mut self, region: RegionId) -> Option<Region> {
        let removed = self.regions.remove(region.0)?;
        if removed.views > 0 {
            for view in self.views.find(|view| view.region == region) {
                self.views.remove(view);
            }
        }
        Some(removed)
    }

    /// A view of `length` bytes at `offset` of `region`; `None` if it has no such range. Placing into a
    /// view of memory that was lent for reading is refused when it is tried.
    pub fn view(
        &mut self,
        region: RegionId,
        offset: u64,
        length: u64,
        placement: Placement,
    ) -> Option<ViewId> {
        let memory = self.regions.get_mut(region.0)?;
        memory.read(offset, length)?;
        memory.views += 1;
        Some(ViewId(self.views.insert(View { region, offset, length, placement })))
    }

    /// Ends a view.
    pub fn end_view(&mut self, view: ViewId) {
        let Some(ended) = self.views.remove(view.0) else { return };
        if let Some(region) = self.regions.get_mut(ended.region.0) {
            region.views -= 1;
        }
    }

    /// Regions in use.
    #[must_use]
    pub fn regions(&self) -> usize {
        self.regions.len()
    }

    /// Bytes of a region.
    #[must_use]
    pub fn bytes(&self, region: RegionId, offset: u64, length: u64) -> Option<&[u8]> {
        let (start, length) = self.regions.get(region.0)?.read(offset, length)?;
        // SAFETY: `read` has checked the range against the region, whose memory is valid until it is
        // removed. That, and any write to it, needs `&mut self`.
        Some(unsafe { std::slice::from_raw_parts(start, length) })
    }

    /// Bytes of a region, to write; `None` if it was lent for reading.
    pub fn bytes_mut(&mut self, region: RegionId, offset: u64, length: u64) -> Option<&mut [u8]> {
        let (start, length) = self.regions.get(region.0)?.write(offset, length)?;
        // SAFETY: `write` has checked the range against the region, whose memory is valid for writes
        // until it is removed; `&mut self` excludes every other slice of it.
        Some(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    /// Lends bytes of a view for sealing.
    #[must_use]
    pub fn source(&self, view: ViewId, offset: u64, length: usize) -> Option<&[u8]> {
        let view = self.views.get(view.0)?;
        let end = offset.checked_add(length as u64)?;
        if end > view.length {
            return None;
        }
        self.bytes(view.region, view.offset.checked_add(offset)?, length as u64)
    }

    /// Places verified bytes into a view; `false`, and nothing written, if it has no such range, the
    /// memory is not writable, or a reduction is given broken elements or none that can be reduced so.
    pub fn place(&mut self, view: ViewId, offset: u64, payload: &[u8]) -> bool {
        self.try_place(view, offset, payload).is_some()
    }

    fn try_place(&mut self, view: ViewId, offset: u64, payload: &[u8]) -> Option<()> {
        let View { region, offset: start, length, placement } = *self.views.get(view.0)?;
        let size = payload.len() as u64;
        if offset.checked_add(size)? > length {
            return None;
        }
        let at = start.checked_add(offset)?;
        let Placement::Reduce { dtype, op, base, average } = placement else {
            self.bytes_mut(region, at, size)?.copy_from_slice(payload);
            return Some(());
        };
        if average.is_some() {
            ReduceOp::Average.check(dtype).ok()?;
        }
        let element = dtype.size() as u64;
        if !offset.is_multiple_of(element) || !size.is_multiple_of(element) {
            return None;
        }
        let target = match base {
            None => {
                let target = self.bytes_mut(region, at, size)?;
                reduce::reduce(dtype, op, target, payload).ok()?;
                target
            }
            Some((other, from)) => {
                let (target, base) =
                    self.disjoint((region, at), (other, from.checked_add(offset)?), size)?;
                reduce::combine(dtype, op, target, base, payload).ok()?;
                target
            }
        };
        if let Some(world) = average {
            reduce::finish_average(dtype, target, world).ok()?;
        }
        Some(())
    }

    /// A range to write and one to read, that do not overlap.
    fn disjoint(
        &mut self,
        target: (RegionId, u64),
        source: (RegionId, u64),
        length: u64,
    ) -> Option<(&mut [u8], &[u8])> {
        if target.0 == source.0 && target.1.abs_diff(source.1) < length {
            return None;
        }
        let (from, size) = self.regions.get(source.0.0)?.read(source.1, length)?;
        let (to, _) = self.regions.get(target.0.0)?.write(target.1, length)?;
        // SAFETY: both ranges were checked. They are apart in one region, or of different regions, and
        // one that can be written overlaps no other: it was lent or admitted so.
        // `&mut self` excludes every slice made elsewhere.
        Some(unsafe {
            (std::slice::from_raw_parts_mut(to, size), std::slice::from_raw_parts(from, size))
        })
    }

    /// Copies `length` bytes between regions, or within one; `false` if either has no such range.
    pub fn copy(&mut self, to: (RegionId, u64), from: (RegionId, u64), length: u64) -> bool {
        let source = self.regions.get(from.0.0).and_then(|region| region.read(from.1, length));
        let target = self.regions.get(to.0.0).and_then(|region| region.write(to.1, length));
        let (Some((source, size)), Some((target, _))) = (source, target) else { return false };
        // SAFETY: both ranges were checked, `&mut self` excludes all slices of them, and `copy` allows
        // them to overlap.
        unsafe { std::ptr::copy(source, target, size) };
        true
    }

    /// `out = a op b` on ranges of `length` bytes. `out` may be one of the others, and must not overlap
    /// them otherwise; `false` then, or if a region has no such range, or the type no such operation.
    pub fn combine(
        &mut self,
        out: (RegionId, u64),
        (a, b): ((RegionId, u64), (RegionId, u64)),
        length: u64,
        (dtype, op): (Dtype, ReduceOp),
    ) -> bool {
        // Operands may change places: all operations commute, in bits.
        let other = if out == a { b } else { a };
        let third = self.regions.get(b.0.0).and_then(|region| region.read(b.1, length));
        let apart = out == b || out.0 != b.0 || out.1.abs_diff(b.1) >= length;
        let (Some((b_start, size)), true) = (third, apart) else { return false };
        let Some((target, source)) = self.disjoint(out, other, length) else { return false };
        if out == a || out == b {
            reduce::reduce(dtype, op, target, source).is_ok()
        } else {
            // SAFETY: the range was checked, and does not overlap `out`; see `disjoint`.
            let b = unsafe { std::slice::from_raw_parts(b_start, size) };
            reduce::combine(dtype, op, target, source, b).is_ok()
        }
    }
}

#[cfg(test)]
mod tests;
