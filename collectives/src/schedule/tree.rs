//! Binomial trees: rank numbers relative to the root, parents differ in the lowest set bit.

use sealane_transport::Rank;

use crate::shape::Shape;

/// A rank's place in a tree.
pub(super) struct Place<'a> {
    shape: &'a Shape,
    /// How many places after the root we are.
    pub(super) relative: u32,
}

impl<'a> Place<'a> {
    pub(super) const fn new(shape: &'a Shape, root: Rank) -> Self {
        let relative = (shape.rank.0 + shape.world - root.0) % shape.world;
        Self { shape, relative }
    }

    fn rank(&self, relative: u32) -> Rank {
        let back = u64::from(self.relative) + self.shape.ranks() - u64::from(relative);
        self.shape.before(back)
    }

    /// The one before us, unless we are the root.
    pub(super) fn previous(&self) -> Option<Rank> {
        self.relative.checked_sub(1).map(|before| self.rank(before))
    }

    /// The one after us, unless we are the last.
    pub(super) fn next(&self) -> Option<Rank> {
        (self.relative + 1 < self.shape.world).then(|| self.rank(self.relative + 1))
    }

    /// Our parent, unless we are the root.
    pub(super) fn parent(&self) -> Option<Rank> {
        (self.relative > 0).then(|| self.rank(self.relative & (self.relative - 1)))
    }

    /// Our children, the nearest first.
    pub(super) fn children(&self) -> impl DoubleEndedIterator<Item = Rank> {
        let bits = match self.relative {
            0 => self.shape.world.next_power_of_two().ilog2(),
            relative => relative.trailing_zeros(),
        };
        let children = (0..bits).map(|bit| self.relative | 1 << bit);
        children.filter(|child| *child < self.shape.world).map(|child| self.rank(child))
    }
}
