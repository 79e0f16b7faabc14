//! Registered memory, cut into slots.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use super::context::Domain;
use super::raw;

/// Pages are pinned whole.
const PAGE: usize = 4096;

/// One slot of a pool. Whoever holds it may look into the slot, so it is given away while the device
/// writes or reads there, and comes back with the completion.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// Its number, for a work-request id.
    pub const fn number(&self) -> u32 {
        self.0
    }
}

/// Memory that the device may read and write, registered once.
#[derive(Debug)]
pub struct SlotPool {
    memory: NonNull<u8>,
    layout: Layout,
    region: NonNull<c_void>,
    lkey: u32,
    slot_bytes: usize,
    free: Vec<Slot>,
    _domain: Arc<Domain>,
}

// SAFETY: the pointers are to memory and an object that are ours alone.
unsafe impl Send for SlotPool {}

impl SlotPool {
    /// A pool of so many slots of so many bytes.
    pub fn new(domain: &Arc<Domain>, slots: u32, slot_bytes: usize) -> io::Result<Self> {
        let refused = || io::Error::from(io::ErrorKind::OutOfMemory);
        let bytes = (slots as usize).checked_mul(slot_bytes).ok_or_else(refused)?;
        let layout = Layout::from_size_align(bytes.max(PAGE), PAGE).map_err(|_| refused())?;
        // SAFETY: the layout has a size.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(refused)?;
        let mut lkey = 0;
        let address = memory.as_ptr().cast::<c_void>();
        // SAFETY: the address and length describe the allocation, which outlives the registration.
        let region = unsafe {
            raw::sl_register(domain.as_ptr(), address, layout.size() as u64, &raw mut lkey)
        };
        let Some(region) = NonNull::new(region) else {
            let error = io::Error::last_os_error();
            // SAFETY: allocated above with the same layout, and given to nobody.
            unsafe { dealloc(memory.as_ptr(), layout) };
            return Err(error);
        };
        let free = (0..slots).rev().map(Slot).collect();
        let domain = Arc::clone(domain);
        Ok(Self { memory, layout, region, lkey, slot_bytes, free, _domain: domain })
    }

    /// The key by which work requests name this memory.
    pub const fn lkey(&self) -> u32 {
        self.lkey
    }

    /// Bytes of a slot.
    pub const fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// Takes a free slot, the one given back last.
    pub fn take(&mut self) -> Option<Slot> {
        self.free.pop()
    }

    /// Gives a slot back.
    pub fn give(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// How many slots are free.
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// Where a slot is, for a work request.
    pub fn address(&self, slot: &Slot) -> u64 {
        self.memory.as_ptr().wrapping_add(slot.0 as usize * self.slot_bytes) as u64
    }

    /// The bytes of a slot.
    pub fn bytes_mut(&mut self, slot: &Slot) -> &mut [u8] {
        // SAFETY: slots are disjoint and within the allocation; who holds the `Slot` is the only one
        // to use it, the device included.
        unsafe {
            let start = self.memory.as_ptr().add(slot.0 as usize * self.slot_bytes);
            std::slice::from_raw_parts_mut(start, self.slot_bytes)
        }
    }
}

impl Drop for SlotPool {
    fn drop(&mut self) {
        // SAFETY: queue pairs that use the memory are destroyed before their pools (the fields' order
        // in the device); registered and allocated in `new`, with this layout.
        unsafe {
            raw::sl_deregister(self.region.as_ptr());
            dealloc(self.memory.as_ptr(), self.layout);
        }
    }
}
