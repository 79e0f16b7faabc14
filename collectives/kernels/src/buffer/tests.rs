#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::Arena;

/// Counts its drops.
struct Owned(Arc<AtomicU32>, Vec<u8>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Raw memory of eight bytes, and how often its owner was dropped.
fn raw() -> (HostBuffer, Arc<AtomicU32>) {
    let drops = Arc::new(AtomicU32::new(0));
    let mut owned = Owned(drops.clone(), vec![1, 2, 3, 4, 5, 6, 7, 8]);
    let start = owned.1.as_mut_ptr();
    // SAFETY: the vector is `owned`'s, which is kept, and is not touched otherwise.
    (unsafe { HostBuffer::from_raw(start, 8, Box::new(owned)) }, drops)
}

#[test]
fn vectors_and_boxes_come_back_as_they_were_given() {
    let buffer = HostBuffer::from(vec![1_u32, 2, 3]);
    assert_eq!(buffer.len(), 12);
    let buffer = buffer.into_vec::<i32>().unwrap_err();
    assert!(buffer.as_bytes().starts_with(&1_u32.to_ne_bytes()));
    assert_eq!(buffer.into_vec::<u32>().unwrap(), [1, 2, 3]);
    let boxed = HostBuffer::from(vec![0.5_f64; 2].into_boxed_slice());
    assert_eq!(boxed.into_vec::<f64>().unwrap(), [0.5; 2]);
    assert!(HostBuffer::empty().is_empty() && HostBuffer::empty().as_bytes().is_empty());
    assert!(HostBuffer::empty().into_vec::<u8>().is_err());
}

#[test]
fn an_owner_is_kept_for_as_long_as_the_region_and_dropped_once() {
    let (buffer, drops) = raw();
    let mut arena = Arena::new();
    let region = arena.admit(buffer).unwrap();
    arena.bytes_mut(region, 0, 1).unwrap()[0] = 9;
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    let buffer = arena.release(region).unwrap();
    assert_eq!((buffer.as_bytes()[0], arena.regions()), (9, 0));
    assert!(arena.release(region).is_none(), "once");
    let keep = buffer.into_keep().unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(keep);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let (buffer, drops) = raw();
    arena.admit(buffer).unwrap();
    drop(arena);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// Two mutable views of the same memory would be undefined behaviour, so an arena does not take them.
#[test]
fn memory_that_is_in_use_is_not_admitted_twice_unless_all_only_read() {
    let mut memory = vec![0_u8; 64];
    let start = memory.as_mut_ptr();
    // SAFETY: `memory` outlives every buffer of this test and is not touched meanwhile.
    let writable = |at: usize, length| unsafe {
        HostBuffer::from_raw(start.wrapping_add(at), length, Box::new(()))
    };
    // SAFETY: as above.
    let readable = |at: usize, length| unsafe {
        HostBuffer::from_raw_const(start.wrapping_add(at), length, Box::new(()))
    };
    let mut arena = Arena::new();
    let first = arena.admit(writable(0, 32)).unwrap();
    assert!(arena.admit(writable(31, 8)).is_err());
    assert!(arena.admit(readable(0, 1)).is_err());
    arena.admit(writable(32, 0)).unwrap();
    arena.admit(writable(16, 0)).unwrap();
    let second = arena.admit(readable(32, 16)).unwrap();
    arena.admit(readable(40, 16)).unwrap();
    assert!(arena.bytes_mut(second, 0, 1).is_none(), "to read only");
    assert!(arena.admit(writable(47, 1)).is_err());
    arena.remove(first);
    arena.admit(writable(31, 1)).unwrap();
}
