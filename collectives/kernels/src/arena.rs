//! The table of memory that messages are read from and placed into.
//!
//! A *region* is memory: lent by a caller for the time of an operation, or owned here. A *view* is a
//! range of a region with a way of placing into it; messages name views. Everything is checked against
//! the table, so a view that has ended, or a range outside it, yields `None` or `false`.

mod adopted;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::dtype::{Dtype, ReduceOp};
use crate::element::Element;
use crate::reduce;

use adopted::Adopted;

/// A region of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionId(u32);

/// A view of a region. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewId(pub u64);

/// How bytes are placed into a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As they are.
    Copy,
    /// `view = payload op base`, where `base` is the view itself (`None`) or the same range of another
    /// region; then, if asked, divided by the number of ranks.
    Reduce {
        /// Element type.
        dtype: Dtype,
        /// Operation.
        op: ReduceOp,
        /// Region and offset of the other operand.
        base: Option<(RegionId, u64)>,
        /// Divide by so many ranks afterwards.
        average: Option<u32>,
    },
}

#[derive(Debug)]
enum Region {
    /// Lent: pointer and length are good until the region is removed.
    Lent {
        start: *mut u8,
        length: usize,
        writable: bool,
    },
    Owned(Box<[u8]>),
    Adopted(Adopted),
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
    regions: Vec<Option<Region>>,
    views: std::collections::HashMap<u64, View>,
    next_view: u64,
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

// SAFETY: the pointers of lent regions are used only through `&self` and `&mut self` of the arena, and
// who lent them has promised that they may be used from any thread until the region is removed. Those
// of adopted ones are vectors of elements, which are `Send`.
unsafe impl Send for Arena {}

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

    fn add(&mut self, region: Region) -> RegionId {
        let free = self.regions.iter().position(Option::is_none);
        let index = free.unwrap_or(self.regions.len());
        match self.regions.get_mut(index) {
            Some(slot) => *slot = Some(region),
            None => self.regions.push(Some(region)),
        }
        RegionId(index as u32)
    }

    /// Lends memory to read from and place into.
    ///
    /// # Safety
    ///
    /// Until the region is removed, `start` must be valid for reads and writes of `length` bytes from
    /// any thread, and nobody else may access them.
    pub unsafe fn lend_mut(&mut self, start: *mut u8, length: usize) -> RegionId {
        self.add(Region::Lent { start, length, writable: true })
    }

    /// Lends memory to read from.
    ///
    /// # Safety
    ///
    /// Until the region is removed, `start` must be valid for reads of `length` bytes from any thread,
    /// and nobody may write to them.
    pub unsafe fn lend(&mut self, start: *const u8, length: usize) -> RegionId {
        self.add(Region::Lent { start: start.cast_mut(), length, writable: false })
    }

    /// Memory of the arena's own, zeroed.
    pub fn own(&mut self, length: usize) -> RegionId {
        self.add(Region::Owned(vec![0; length].into_boxed_slice()))
    }

    /// Takes a vector over, without a copy. It is freed when the region is removed.
    pub fn adopt<T: Element>(&mut self, vector: Vec<T>) -> RegionId {
        self.add(Region::Adopted(Adopted::new(vector)))
    }

    /// Removes the region of an adopted vector of `T` and gives the vector back; `None` if it is none.
    pub fn reclaim<T: Element>(&mut self, region: RegionId) -> Option<Vec<T>> {
        let slot = self.regions.get_mut(region.0 as usize)?;
        match slot.take() {
            Some(Region::Adopted(adopted)) => match adopted.into_vec() {
                Ok(vector) => {
                    self.views.retain(|_, view| view.region != region);
                    return Some(vector);
                }
                Err(adopted) => *slot = Some(Region::Adopted(adopted)),
            },
            other => *slot = other,
        }
        None
    }

    /// Removes a region. Views of it are dead from then on.
    pub fn remove(&mut self, region: RegionId) {
        if let Some(slot) = self.regions.get_mut(region.0 as usize) {
            *slot = None;
        }
        self.views.retain(|_, view| view.region != region);
    }

    /// A view of `length` bytes at `offset` of `region`; `None` if it has no such range, or placing
    /// into it would write to memory that was lent for reading.
    pub fn view(
        &mut self,
        region: RegionId,
        offset: u64,
        length: u64,
        placement: Placement,
    ) -> Option<ViewId> {
        self.bytes(region, offset, length)?;
        self.next_view += 1;
        self.views.insert(self.next_view, View { region, offset, length, placement });
        Some(ViewId(self.next_view))
    }

    /// Ends a view.
    pub fn end_view(&mut self, view: ViewId) {
        self.views.remove(&view.0);
    }

    /// Regions in use.
    #[must_use]
    pub fn regions(&self) -> usize {
        self.regions.iter().flatten().count()
    }

    /// Bytes of a region.
    #[must_use]
    pub fn bytes(&self, region: RegionId, offset: u64, length: u64) -> Option<&[u8]> {
        let (start, length) = self.range(region, offset, length)?;
        // SAFETY: `range` has checked the range against the region, whose memory is valid for reads
        // until it is removed, which needs `&mut self`. Writes need `&mut self` as well.
        Some(unsafe { std::slice::from_raw_parts(start, length) })
    }

    /// Bytes of a region, to write; `None` if it was lent for reading.
    pub fn bytes_mut(&mut self, region: RegionId, offset: u64, length: u64) -> Option<&mut [u8]> {
        let (start, length) = self.range_mut(region, offset, length)?;
        // SAFETY: `range_mut` has checked the range against the region, whose memory is valid for
        // writes until it is removed; `&mut self` excludes every other slice of it.
        Some(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    fn range(&self, region: RegionId, offset: u64, length: u64) -> Option<(*const u8, usize)> {
        let region = self.regions.get(region.0 as usize)?.as_ref()?;
        let (start, size) = match region {
            Region::Lent { start, length, .. } => (start.cast_const(), *length),
            Region::Owned(bytes) => (bytes.as_ptr(), bytes.len()),
            Region::Adopted(adopted) => (adopted.start().cast_const(), adopted.bytes()),
        };
        checked(size, offset, length).map(|(offset, length)| (start.wrapping_add(offset), length))
    }

    fn range_mut(
        &mut self,
        region: RegionId,
        offset: u64,
        length: u64,
    ) -> Option<(*mut u8, usize)> {
        let region = self.regions.get_mut(region.0 as usize)?.as_mut()?;
        let (start, size) = match region {
            Region::Lent { writable: false, .. } => return None,
            Region::Lent { start, length, .. } => (*start, *length),
            Region::Owned(bytes) => (bytes.as_mut_ptr(), bytes.len()),
            Region::Adopted(adopted) => (adopted.start(), adopted.bytes()),
        };
        checked(size, offset, length).map(|(offset, length)| (start.wrapping_add(offset), length))
    }

    /// Lends bytes of a view for sealing.
    #[must_use]
    pub fn source(&self, view: ViewId, offset: u64, length: usize) -> Option<&[u8]> {
        let view = self.views.get(&view.0)?;
        let end = offset.checked_add(length as u64)?;
        if end > view.length {
            return None;
        }
        self.bytes(view.region, view.offset.checked_add(offset)?, length as u64)
    }

    /// Places verified bytes into a view; `false` if it has no such range.
    pub fn place(&mut self, view: ViewId, offset: u64, payload: &[u8]) -> bool {
        let Some(view) = self.views.get(&view.0).copied() else { return false };
        let length = payload.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > view.length) {
            return false;
        }
        let at = view.offset + offset;
        match view.placement {
            Placement::Copy => match self.bytes_mut(view.region, at, length) {
                Some(target) => target.copy_from_slice(payload),
                None => return false,
            },
            Placement::Reduce { dtype, op, base, average } => {
                let base = base.map(|(region, start)| (region, start + offset));
                return self.reduce((view.region, at), base, payload, dtype, op, average);
            }
        }
        true
    }

    /// `target = payload op base`, in the caller's order of operands.
    fn reduce(
        &mut self,
        target: (RegionId, u64),
        base: Option<(RegionId, u64)>,
        payload: &[u8],
        dtype: Dtype,
        op: ReduceOp,
        average: Option<u32>,
    ) -> bool {
        let length = payload.len() as u64;
        let base = match base {
            None => None,
            Some((region, _)) if region == target.0 => return false,
            Some((region, offset)) => match self.range(region, offset, length) {
                Some(range) => Some(range),
                None => return false,
            },
        };
        let Some(out) = self.bytes_mut(target.0, target.1, length) else { return false };
        match base {
            None => reduce::reduce(dtype, op, out, payload),
            Some((start, length)) => {
                // SAFETY: `range` has checked the range, and regions do not overlap: each was lent
                // with the promise that nobody else accesses it, or is owned here. So this slice and
                // `out`, of another region, are disjoint.
                let base = unsafe { std::slice::from_raw_parts(start, length) };
                reduce::combine(dtype, op, out, base, payload);
            }
        }
        if let Some(world) = average {
            reduce::finish_average(dtype, out, world);
        }
        true
    }

    /// Copies `length` bytes between regions; `false` if either has no such range.
    pub fn copy(&mut self, to: (RegionId, u64), from: (RegionId, u64), length: u64) -> bool {
        let Some((source, _)) = self.range(from.0, from.1, length) else { return false };
        let Some((target, length)) = self.range_mut(to.0, to.1, length) else { return false };
        // SAFETY: both ranges were checked, and `copy` allows them to overlap.
        unsafe { std::ptr::copy(source, target, length) };
        true
    }

    /// `out = a op b` over regions of the arena, all distinct; `false` if one has no such range.
    pub fn combine(
        &mut self,
        out: RegionId,
        a: RegionId,
        b: RegionId,
        length: u64,
        (dtype, op): (Dtype, ReduceOp),
    ) -> bool {
        if out == a || out == b {
            return false;
        }
        let (Some((a, _)), Some((b, size))) = (self.range(a, 0, length), self.range(b, 0, length))
        else {
            return false;
        };
        let Some(out) = self.bytes_mut(out, 0, length) else { return false };
        // SAFETY: both ranges were checked and are of other regions than `out`, so disjoint from it.
        let (a, b) =
            unsafe { (std::slice::from_raw_parts(a, size), std::slice::from_raw_parts(b, size)) };
        reduce::combine(dtype, op, out, a, b);
        true
    }
}

fn checked(size: usize, offset: u64, length: u64) -> Option<(usize, usize)> {
    let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
    (offset.checked_add(length)? <= size).then_some((offset, length))
}

#[cfg(test)]
mod tests;
