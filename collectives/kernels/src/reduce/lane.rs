//! One element: the definition of every operation.

use half::{bf16, f16};

/// An element, from bytes in native order at any alignment.
pub(super) trait Lane: Copy {
    const SIZE: usize;
    fn load(bytes: &[u8]) -> Self;
    fn store(self, bytes: &mut [u8]);
    fn sum(self, other: Self) -> Self;
    fn product(self, other: Self) -> Self;
    fn minimum(self, other: Self) -> Self;
    fn maximum(self, other: Self) -> Self;
    fn divide(self, world: u32) -> Self;
}

macro_rules! bytes {
    ($type:ty) => {
        const SIZE: usize = size_of::<$type>();

        #[inline(always)]
        fn load(bytes: &[u8]) -> Self {
            let mut value = [0; size_of::<$type>()];
            value.copy_from_slice(bytes);
            <$type>::from_ne_bytes(value)
        }

        #[inline(always)]
        fn store(self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.to_ne_bytes());
        }
    };
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl Lane for $type {
            bytes!($type);

            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline(always)]
            fn minimum(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline(always)]
            fn maximum(self, other: Self) -> Self {
                self.max(other)
            }

            /// Exact: a world wider than the type makes every quotient 0.
            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                <$type>::try_from(world).map_or(0, |world| self / world)
            }
        }
    )*};
}

integer!(i8, u8, i32, u32, i64, u64);

/// Min and max as IEEE 754-2019 §9.6 minimum and maximum, by comparisons that every vector unit has.
macro_rules! float_order {
    () => {
        #[inline(always)]
        fn minimum(self, other: Self) -> Self {
            let below = self < other || self == other && self.is_sign_negative();
            if below || self.is_nan() { self } else { other }
        }

        #[inline(always)]
        fn maximum(self, other: Self) -> Self {
            let above = self > other || self == other && !self.is_sign_negative();
            if above || self.is_nan() { self } else { other }
        }
    };
}

macro_rules! float {
    ($($type:ty),*) => {$(
        impl Lane for $type {
            bytes!($type);
            float_order!();

            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                self / world as $type
            }
        }
    )*};
}

float!(f32, f64);

/// Sixteen-bit floats compute in f32 and round once, to nearest even.
macro_rules! narrow {
    ($($type:ty),*) => {$(
        impl Lane for $type {
            bytes!($type);
            float_order!();

            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() + other.to_f32())
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() * other.to_f32())
            }

            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                <$type>::from_f32(self.to_f32() / world as f32)
            }
        }
    )*};
}

narrow!(f16, bf16);
