//! Truth values, and complex numbers as pairs.

use num_complex::Complex;

use super::scalar::{Arithmetic, Bits, Lane, Order};

/// A byte of which only matters whether it is zero. Results are 0 or 1.
#[derive(Clone, Copy)]
pub(super) struct Truth(u8);

impl Truth {
    const fn is(self) -> bool {
        self.0 != 0
    }
}

impl Lane for Truth {
    const SIZE: usize = 1;

    #[inline(always)]
    fn load(bytes: &[u8]) -> Self {
        Self(bytes[0])
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8]) {
        bytes[0] = self.0;
    }
}

impl Bits for Truth {
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(u8::from(self.is() & other.is()))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(u8::from(self.is() | other.is()))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(u8::from(self.is() ^ other.is()))
    }
}

impl Order for Truth {
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        self.and(other)
    }

    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        self.or(other)
    }
}

impl<F: Arithmetic> Lane for Complex<F> {
    const SIZE: usize = 2 * F::SIZE;

    #[inline(always)]
    fn load(bytes: &[u8]) -> Self {
        let (re, im) = bytes.split_at(F::SIZE);
        Self { re: F::load(re), im: F::load(im) }
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8]) {
        let (re, im) = bytes.split_at_mut(F::SIZE);
        self.re.store(re);
        self.im.store(im);
    }
}

impl<F: Arithmetic> Arithmetic for Complex<F> {
    #[inline(always)]
    fn sum(self, other: Self) -> Self {
        Self { re: self.re.sum(other.re), im: self.im.sum(other.im) }
    }

    /// Written so that operands may change places without changing a bit.
    #[inline(always)]
    fn product(self, other: Self) -> Self {
        let minus = |value: F| value.scale(-1.0);
        Self {
            re: self.re.product(other.re).sum(minus(self.im.product(other.im))),
            im: self.re.product(other.im).sum(self.im.product(other.re)),
        }
    }

    #[inline(always)]
    fn divide(self, world: u32) -> Self {
        Self { re: self.re.divide(world), im: self.im.divide(world) }
    }

    #[inline(always)]
    fn scale(self, factor: f64) -> Self {
        Self { re: self.re.scale(factor), im: self.im.scale(factor) }
    }
}
