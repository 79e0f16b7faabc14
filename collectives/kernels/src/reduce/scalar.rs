//! One element: the definition of every operation, and the reference that vectors must equal.
//!
//! Whatever yields NaN yields the one positive quiet NaN without payload. IEEE 754 leaves the payload
//! to the machine, and compilers may swap the operands of an addition; ranks that repeat each other's
//! arithmetic (recursive doubling) would otherwise differ in bits.

/// An element, from bytes in native order at any alignment.
pub(super) trait Lane: Copy {
    const SIZE: usize;
    fn load(bytes: &[u8]) -> Self;
    fn store(self, bytes: &mut [u8]);
}

/// What can be added, multiplied and divided.
pub(super) trait Arithmetic: Lane {
    fn sum(self, other: Self) -> Self;
    fn product(self, other: Self) -> Self;
    fn divide(self, world: u32) -> Self;
    /// Times a number that the type has.
    fn scale(self, factor: f64) -> Self;
}

/// What has a least and a greatest.
pub(super) trait Order: Lane {
    fn minimum(self, other: Self) -> Self;
    fn maximum(self, other: Self) -> Self;
}

/// What is made of bits that mean something one by one.
pub(super) trait Bits: Lane {
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
}

macro_rules! bytes_of {
    ($type:ty) => {
        impl Lane for $type {
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
        }
    };
}

macro_rules! integer {
    ($($type:ty as $wide:ty),*) => {$(
        bytes_of!($type);

        impl Arithmetic for $type {
            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            /// In a type that has every world: one of 128 divides -128 as `i8` to -1.
            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                (<$wide>::from(self) / <$wide>::from(world)) as Self
            }

            #[inline(always)]
            fn scale(self, factor: f64) -> Self {
                self.wrapping_mul(factor as Self)
            }
        }

        impl Order for $type {
            #[inline(always)]
            fn minimum(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline(always)]
            fn maximum(self, other: Self) -> Self {
                self.max(other)
            }
        }

        impl Bits for $type {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }

            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }

            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    )*};
}

pub(super) use bytes_of;

integer!(
    i8 as i64, u8 as u32, i16 as i64, u16 as u32, i32 as i64, u32 as u32, i64 as i64, u64 as u64
);

macro_rules! canonical {
    ($type:ty, $quiet_nan:literal, $value:expr) => {{
        let value = $value;
        if value.is_nan() { <$type>::from_bits($quiet_nan) } else { value }
    }};
}

macro_rules! float {
    ($($type:ty, $quiet_nan:literal);*) => {$(
        bytes_of!($type);

        impl Arithmetic for $type {
            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                canonical!($type, $quiet_nan, self + other)
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                canonical!($type, $quiet_nan, self * other)
            }

            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                canonical!($type, $quiet_nan, self / world as $type)
            }

            #[inline(always)]
            fn scale(self, factor: f64) -> Self {
                self.product(factor as Self)
            }
        }

        impl Order for $type {
            /// IEEE 754-2019 §9.6 minimum, by comparisons that every vector unit has.
            #[inline(always)]
            fn minimum(self, other: Self) -> Self {
                let below = (self < other) | ((self == other) & self.is_sign_negative());
                let least = if below { self } else { other };
                let unordered = self.is_nan() | other.is_nan();
                if unordered { <$type>::from_bits($quiet_nan) } else { least }
            }

            /// IEEE 754-2019 §9.6 maximum.
            #[inline(always)]
            fn maximum(self, other: Self) -> Self {
                let above = (self > other) | ((self == other) & self.is_sign_positive());
                let greatest = if above { self } else { other };
                let unordered = self.is_nan() | other.is_nan();
                if unordered { <$type>::from_bits($quiet_nan) } else { greatest }
            }
        }
    )*};
}

float!(f32, 0x7fc0_0000; f64, 0x7ff8_0000_0000_0000);
