//! Where the parts of the ranks lie in a vector.

use std::sync::Arc;

use crate::schedule::{Slot, Span};

/// How many elements each rank has, in collectives with a block for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Counts {
    /// As many as the call's count, for every rank.
    #[default]
    Even,
    /// By rank, the same list on all ranks: all-gather, reduce-scatter, gather and scatter.
    Uneven(Arc<[u64]>),
    /// Of an all-to-all. What a rank sends to another, that one must expect from it.
    Pairs {
        /// From us to each rank.
        to: Arc<[u64]>,
        /// From each rank to us.
        from: Arc<[u64]>,
    },
}

/// Blocks of bytes, one for each rank, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// All equally long.
    Even { each: u64, world: u64 },
    /// Where each begins, and where the last ends.
    Uneven(Vec<u64>),
}

impl Blocks {
    /// `count` elements of `size` bytes for each of `world`; `None` if that is more than fits.
    pub(crate) fn even(count: u64, size: u64, world: u32) -> Option<Self> {
        let (each, world) = (count.checked_mul(size)?, u64::from(world));
        each.checked_mul(world)?;
        Some(Self::Even { each, world })
    }

    /// As a list has it; `None` if the sum is more than fits.
    pub(crate) fn uneven(counts: &[u64], size: u64) -> Option<Self> {
        let mut offsets = Vec::with_capacity(counts.len() + 1);
        let mut end = 0_u64;
        offsets.push(end);
        for count in counts {
            end = end.checked_add(count.checked_mul(size)?)?;
            offsets.push(end);
        }
        Some(Self::Uneven(offsets))
    }

    /// Where the block of a rank begins; that of the rank after the last, where the last ends.
    pub(crate) fn offset(&self, rank: u64) -> u64 {
        match self {
            Self::Even { each, world } => each * rank.min(*world),
            Self::Uneven(offsets) => {
                let last = offsets.last().copied().unwrap_or(0);
                offsets.get(rank as usize).copied().unwrap_or(last)
            }
        }
    }

    /// How long the block of a rank is.
    pub(crate) fn length(&self, rank: u64) -> u64 {
        self.offset(rank + 1) - self.offset(rank)
    }

    /// The block of a rank in a slot that has all blocks.
    pub(crate) fn span(&self, slot: Slot, rank: u64) -> Span {
        Span { slot, offset: self.offset(rank), length: self.length(rank) }
    }

    /// All blocks together.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Self::Even { each, world } => each * world,
            Self::Uneven(offsets) => offsets.last().copied().unwrap_or(0),
        }
    }

    /// The longest block.
    pub(crate) fn longest(&self) -> u64 {
        match self {
            Self::Even { each, .. } => *each,
            Self::Uneven(offsets) => {
                offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
            }
        }
    }
}
