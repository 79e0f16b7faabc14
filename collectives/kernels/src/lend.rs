//! Lending slices to an arena that lives elsewhere, behind a lock: safe, because it is scoped.

use std::mem::size_of_val;

use crate::arena::{Arena, RegionId};
use crate::element::Element;

/// Whoever keeps an arena, usually behind a lock.
pub trait Keeper {
    /// Runs `f` on the arena, always the same one.
    fn with<R>(&self, f: impl FnOnce(&mut Arena) -> R) -> R;
}

/// Lends `input` for reading, and runs `body` with its region. When `body` has returned or unwound, the
/// region is gone from the arena.
pub fn lend<K: Keeper, T: Element, R>(
    keeper: &K,
    input: &[T],
    body: impl FnOnce(RegionId) -> R,
) -> R {
    let (start, length) = (input.as_ptr().cast::<u8>(), size_of_val(input));
    // SAFETY: `input` is borrowed until this function ends, and `Lease` removes the region before it
    // does, on return and on unwinding, or ends the process. Elements have no padding.
    let (arena, region) = keeper.with(|arena| (arena.id(), unsafe { arena.lend(start, length) }));
    let lease = Lease { keeper, arena, region };
    body(lease.region)
}

/// Lends `output` for reading and writing, as [`lend`].
pub fn lend_mut<K: Keeper, T: Element, R>(
    keeper: &K,
    output: &mut [T],
    body: impl FnOnce(RegionId) -> R,
) -> R {
    let (start, length) = (output.as_mut_ptr().cast::<u8>(), size_of_val(output));
    // SAFETY: as in `lend`; the borrow is exclusive, and every bit pattern is an element.
    let (arena, region) =
        keeper.with(|arena| (arena.id(), unsafe { arena.lend_mut(start, length) }));
    let lease = Lease { keeper, arena, region };
    body(lease.region)
}

/// Removes the region when dropped. It never leaves this module, so it cannot be forgotten.
struct Lease<'a, K: Keeper> {
    keeper: &'a K,
    arena: u64,
    region: RegionId,
}

impl<K: Keeper> Drop for Lease<'_, K> {
    fn drop(&mut self) {
        /// Ends the process unless the region is known to be gone: going on would leave the arena with
        /// a pointer to memory that is the caller's again.
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                std::process::abort();
            }
        }

        let bomb = Bomb;
        let (arena, region) = (self.arena, self.region);
        let removed = self.keeper.with(|kept| {
            let same = kept.id() == arena;
            if same {
                kept.remove(region);
            }
            same
        });
        if removed {
            std::mem::forget(bomb);
        }
    }
}

#[cfg(test)]
mod tests;
