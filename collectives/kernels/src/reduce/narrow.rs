//! The floats of sixteen bits: they compute in f32 and round once, to nearest even.
//!
//! f32 has at least twice their bits and two more, so rounding a sum, product or quotient first to f32
//! and then to sixteen bits gives the correctly rounded result (Figueroa, "When is double rounding
//! innocuous?", 1995), except for products and quotients of bf16 below the normal range of f32, which
//! may be off by one unit of the last place more.

use half::{bf16, f16};

use super::scalar::{Arithmetic, Lane, Order, bytes_of};

/// Orders bit patterns as IEEE 754 §5.10 totalOrder does: −0 below +0. NaNs are dealt with before.
#[inline(always)]
const fn key(bits: u16) -> i16 {
    let bits = bits as i16;
    bits ^ ((bits >> 15) as u16 >> 1) as i16
}

macro_rules! narrow {
    ($($type:ty, $infinity:literal, $quiet_nan:literal, $widen:ident, $round:ident);*) => {$(
        bytes_of!($type);

        impl Arithmetic for $type {
            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                $round($widen(self) + $widen(other))
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                $round($widen(self) * $widen(other))
            }

            #[inline(always)]
            fn divide(self, world: u32) -> Self {
                $round($widen(self) / world as f32)
            }

            /// The factor keeps the digits that `f32` has for it.
            #[inline(always)]
            fn scale(self, factor: f64) -> Self {
                $round($widen(self) * factor as f32)
            }
        }

        impl Order for $type {
            #[inline(always)]
            fn minimum(self, other: Self) -> Self {
                let (a, b) = (self.to_bits(), other.to_bits());
                let least = if key(a) < key(b) { a } else { b };
                let unordered = (a & 0x7fff > $infinity) | (b & 0x7fff > $infinity);
                <$type>::from_bits(if unordered { $quiet_nan } else { least })
            }

            #[inline(always)]
            fn maximum(self, other: Self) -> Self {
                let (a, b) = (self.to_bits(), other.to_bits());
                let greatest = if key(a) > key(b) { a } else { b };
                let unordered = (a & 0x7fff > $infinity) | (b & 0x7fff > $infinity);
                <$type>::from_bits(if unordered { $quiet_nan } else { greatest })
            }
        }
    )*};
}

narrow!(f16, 0x7c00, 0x7e00, widen_f16, round_f16; bf16, 0x7f80, 0x7fc0, widen_bf16, round_bf16);

/// In software, so that the reference owes nothing to the conversions that it checks.
#[inline(always)]
const fn widen_f16(value: f16) -> f32 {
    value.to_f32_const()
}

#[inline(always)]
fn round_f16(value: f32) -> f16 {
    if value.is_nan() { f16::from_bits(0x7e00) } else { f16::from_f32_const(value) }
}

#[inline(always)]
const fn widen_bf16(value: bf16) -> f32 {
    f32::from_bits((value.to_bits() as u32) << 16)
}

/// Without branches, so that it becomes vector instructions.
#[inline(always)]
const fn round_bf16(value: f32) -> bf16 {
    let bits = value.to_bits();
    // Half a unit of the last place, less one bit if that place is even: ties go to even.
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    bf16::from_bits(if value.is_nan() { 0x7fc0 } else { rounded as u16 })
}
