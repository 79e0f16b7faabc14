//! Test data and the expectation: computed here from rank, index and operation alone, in exact
//! integers, without any code of the collectives.
//!
//! Values are chosen so that every partial result is exact in every type, whatever the order of
//! reduction: then a single wrong bit shows.

use half::{bf16, f16};
use sealane::ReduceOp;

use super::options::Choice;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($variant:ident = $canonical:literal $(| $alias:literal)*),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($variant),+ }

        impl $name {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in nccl-tests.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $canonical),+ }
            }

            /// Reads a name, or `all`.
            pub(super) fn parse(text: &str) -> Result<Choice<Self>, String> {
                match text {
                    "all" => Ok(Choice::All),
                    $($canonical $(| $alias)* => Ok(Choice::One(Self::$variant)),)+
                    _ => Err(format!(concat!("no ", $what, " {:?}; known are ", $($canonical, ", "),+, "all"), text)),
                }
            }
        }
    };
}

names! {
    /// Element types, under NCCL's names.
    Dtype, "element type":
    I8 = "int8" | "i8",
    U8 = "uint8" | "u8",
    I32 = "int32" | "i32" | "int",
    U32 = "uint32" | "u32",
    I64 = "int64" | "i64",
    U64 = "uint64" | "u64",
    F16 = "half" | "f16" | "float16",
    F32 = "float" | "f32" | "float32",
    F64 = "double" | "f64" | "float64",
    Bf16 = "bfloat16" | "bf16"
}

names! {
    /// Reductions, under NCCL's names.
    Op, "reduction":
    Sum = "sum",
    Prod = "prod" | "product",
    Max = "max",
    Min = "min",
    Avg = "avg" | "average"
}

impl Op {
    pub(super) const fn reduce_op(self) -> ReduceOp {
        match self {
            Self::Sum => ReduceOp::Sum,
            Self::Prod => ReduceOp::Product,
            Self::Max => ReduceOp::Max,
            Self::Min => ReduceOp::Min,
            Self::Avg => ReduceOp::Average,
        }
    }
}

/// An element type whose results can be foretold.
pub(super) trait Sample: sealane::Element + PartialEq + Default {
    /// Whether it has negative values.
    const SIGNED: bool;
    /// The exact integer `value`, wrapping as the type does.
    fn exactly(value: i128) -> Self;
    /// The quotient of two integers, as the average of this type is defined.
    fn quotient(sum: i128, count: i128) -> Self;
    /// Whether `self` is the average `expected`, to the rounding of one division.
    fn is_quotient(self, expected: Self) -> bool;
}

macro_rules! integer {
    ($($t:ty: $signed:literal),+) => {$(
        impl Sample for $t {
            const SIGNED: bool = $signed;

            fn exactly(value: i128) -> Self {
                value as Self
            }

            fn quotient(sum: i128, count: i128) -> Self {
                (sum / count) as Self
            }

            fn is_quotient(self, expected: Self) -> bool {
                self == expected
            }
        }
    )+};
}

integer!(i8: true, u8: false, i32: true, u32: false, i64: true, u64: false);

macro_rules! float {
    ($($t:ty, $from:expr, $to:expr, $epsilon:expr);+) => {$(
        impl Sample for $t {
            const SIGNED: bool = true;

            fn exactly(value: i128) -> Self {
                $from(value as f64)
            }

            fn quotient(sum: i128, count: i128) -> Self {
                $from(sum as f64 / count as f64)
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

/// SplitMix64's finaliser: neighbouring inputs give unrelated outputs.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The values of one check: another `round`, other values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern {
    pub op: Op,
    pub world: u32,
    pub round: u32,
}

impl Pattern {
    /// The value of `rank` at `index`.
    fn value<T: Sample>(self, rank: u32, index: usize) -> i128 {
        let draw = mix(mix(index as u64 ^ u64::from(self.round) << 48) ^ u64::from(rank) << 32);
        let pick = |choices: u64| i128::from(draw % choices);
        match self.op {
            Op::Sum if T::SIGNED => pick(4) - 1,
            Op::Sum => pick(4),
            // Eight ranks may double: 2^8 is exact in every type, or wraps in all orders alike.
            Op::Prod => match pick(3) {
                0 if rank < 8 => 2,
                1 if T::SIGNED => -1,
                _ => 1,
            },
            Op::Min | Op::Max if T::SIGNED => pick(101) - 50,
            Op::Min | Op::Max => pick(101),
            // The sum of an average must not wrap in eight bits.
            Op::Avg => pick(if self.world <= 60 { 3 } else { 2 }),
        }
    }

    /// Fills `buffer` with the values of `rank`.
    pub(super) fn fill<T: Sample>(self, rank: u32, buffer: &mut [T]) {
        for (index, element) in buffer.iter_mut().enumerate() {
            *element = T::exactly(self.value::<T>(rank, index));
        }
    }

    /// How many elements of `result`, the first of which has index `first`, are not the reduction over
    /// all ranks.
    pub(super) fn wrong_reduction<T: Sample>(self, first: usize, result: &[T]) -> u64 {
        let wrong = |(index, element): (usize, &T)| {
            let values = (0..self.world).map(|rank| self.value::<T>(rank, first + index));
            let expected = match self.op {
                Op::Sum => T::exactly(values.sum()),
                Op::Prod => T::exactly(values.product()),
                Op::Min => T::exactly(values.min().unwrap_or_default()),
                Op::Max => T::exactly(values.max().unwrap_or_default()),
                Op::Avg => {
                    let expected = T::quotient(values.sum(), i128::from(self.world));
                    return !element.is_quotient(expected);
                }
            };
            *element != expected
        };
        result.iter().enumerate().filter(|pair| wrong(*pair)).count() as u64
    }

    /// How many elements of `result`, the first of which has index `first`, are not what `rank` had.
    pub(super) fn wrong_copy<T: Sample>(self, rank: u32, first: usize, result: &[T]) -> u64 {
        let wrong = |(index, element): &(usize, &T)| {
            **element != T::exactly(self.value::<T>(rank, first + *index))
        };
        result.iter().enumerate().filter(wrong).count() as u64
    }
}
