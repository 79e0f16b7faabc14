#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use super::*;

struct Kept(Mutex<Arena>);

impl Keeper for Kept {
    fn with<R>(&self, f: impl FnOnce(&mut Arena) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[test]
fn memory_is_lent_for_the_time_of_the_call() {
    let kept = Kept(Mutex::new(Arena::new()));
    let mut output = [0_u32; 2];
    lend(&kept, &[1_u32, 2], |from| {
        lend_mut(&kept, &mut output, |to| {
            assert!(kept.with(|arena| arena.copy((to, 0), (from, 0), 8)));
        });
    });
    assert_eq!(output, [1, 2]);
    assert_eq!(kept.with(|arena| arena.regions()), 0);
}

#[test]
fn unwinding_takes_the_memory_back() {
    let kept = Kept(Mutex::new(Arena::new()));
    let mut memory = [0_u8; 8];
    let result = catch_unwind(AssertUnwindSafe(|| {
        lend_mut(&kept, &mut memory, |_| panic!("inside"));
    }));
    assert!(result.is_err());
    assert_eq!(kept.with(|arena| arena.regions()), 0);
}

#[test]
fn a_vector_is_adopted_and_comes_back() {
    let mut arena = Arena::new();
    let region = arena.adopt(vec![1_i32, 2, 3]);
    arena.bytes_mut(region, 4, 4).unwrap().copy_from_slice(&7_i32.to_ne_bytes());
    assert_eq!(arena.reclaim::<u32>(region), None, "of another type");
    assert_eq!(arena.reclaim::<i32>(region), Some(vec![1, 7, 3]));
    assert_eq!(arena.reclaim::<i32>(region), None);
    let abandoned = arena.adopt(vec![String::new().len() as u64; 100]);
    arena.remove(abandoned);
    assert_eq!(arena.regions(), 0);
    let _left_to_drop = arena.adopt(vec![1_i8; 10]);
}
