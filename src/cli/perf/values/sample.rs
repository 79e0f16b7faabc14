//! Element types whose results can be foretold: exact integers, and pairs of them for complex numbers.

use half::{bf16, f16};
use sealane::{Bool, Complex, F8E4m3, F8E5m2};

/// An exact value: a Gaussian integer, whose imaginary part only complex types have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli::perf) struct Exact {
    pub re: i128,
    pub im: i128,
}

impl Exact {
    /// An integer.
    pub(super) const fn integer(re: i128) -> Self {
        Self { re, im: 0 }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    pub(super) const fn times(self, other: Self) -> Self {
        let re = self.re * other.re - self.im * other.im;
        Self { re, im: self.re * other.im + self.im * other.re }
    }
}

/// See the module's text.
pub(in crate::cli::perf) trait Sample: sealane::Element {
    /// Whether it has negative values.
    const SIGNED: bool = true;
    /// Whether it has imaginary parts.
    const COMPLEX: bool = false;
    /// Whether it has two values.
    const TRUTH: bool = false;

    /// The exact value, wrapping as the type does.
    fn of(value: Exact) -> Self;

    /// The quotient of a value by an integer, as the average of this type is defined.
    fn quotient(sum: Exact, count: i128) -> Self;

    /// Whether `self` is the average `expected`, to the rounding of one division.
    fn is_quotient(self, expected: Self) -> bool {
        self == expected
    }

    /// The integer `value`.
    fn exactly(value: i128) -> Self {
        Self::of(Exact::integer(value))
    }
}

macro_rules! integer {
    ($($t:ty: $signed:literal),+) => {$(
        impl Sample for $t {
            const SIGNED: bool = $signed;

            fn of(value: Exact) -> Self {
                value.re as Self
            }

            fn quotient(sum: Exact, count: i128) -> Self {
                (sum.re / count) as Self
            }
        }
    )+};
}

integer!(i8: true, u8: false, i16: true, u16: false, i32: true, u32: false, i64: true, u64: false);

macro_rules! float {
    ($($t:ty, $from:expr, $to:expr, $epsilon:expr);+) => {$(
        impl Sample for $t {
            fn of(value: Exact) -> Self {
                $from(value.re as f64)
            }

            fn quotient(sum: Exact, count: i128) -> Self {
                $from(sum.re as f64 / count as f64)
            }

            fn is_quotient(self, expected: Self) -> bool {
                let (value, expected): (f64, f64) = ($to(self), $to(expected));
                (value - expected).abs() <= 2.0 * $epsilon * expected.abs()
            }
        }
    )+};
}

float! {
    f32, |v| v as f32, f64::from, f64::from(f32::EPSILON);
    f64, |v| v, |v| v, f64::EPSILON;
    f16, f16::from_f64, f16::to_f64, f16::EPSILON.to_f64();
    bf16, bf16::from_f64, bf16::to_f64, bf16::EPSILON.to_f64()
}

macro_rules! complex {
    ($($t:ty),+) => {$(
        impl Sample for Complex<$t> {
            const COMPLEX: bool = true;

            fn of(Exact { re, im }: Exact) -> Self {
                Self::new(re as $t, im as $t)
            }

            fn quotient(sum: Exact, count: i128) -> Self {
                let part = |part| <$t>::quotient(Exact::integer(part), count);
                Self::new(part(sum.re), part(sum.im))
            }

            fn is_quotient(self, expected: Self) -> bool {
                self.re.is_quotient(expected.re) && self.im.is_quotient(expected.im)
            }
        }
    )+};
}

complex!(f32, f64);

impl Sample for Bool {
    const SIGNED: bool = false;
    const TRUTH: bool = true;

    fn of(value: Exact) -> Self {
        Self::from(value.re != 0)
    }

    fn quotient(sum: Exact, _: i128) -> Self {
        Self::of(sum)
    }
}

/// They are moved: their bits count.
macro_rules! opaque {
    ($($t:ty),+) => {$(
        impl Sample for $t {
            const SIGNED: bool = false;

            fn of(value: Exact) -> Self {
                Self::from_bits(value.re as u8)
            }

            fn quotient(sum: Exact, _: i128) -> Self {
                Self::of(sum)
            }
        }
    )+};
}

opaque!(F8E4m3, F8E5m2);
