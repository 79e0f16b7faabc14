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
