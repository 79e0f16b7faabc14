//! Test data and the expectation: computed here from rank, index and operation alone, in exact
//! integers, without any code of the collectives.
//!
//! Values are chosen so that every partial result is exact in every type, whatever the order of
//! reduction: then a single wrong bit shows.

mod sample;

use sealane::{Rank, ReduceOp};

use super::options::Choice;

use sample::Exact;
pub(super) use sample::Sample;

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
    /// Element types, under NCCL's names; those that NCCL does not have, under PyTorch's.
    Dtype, "element type":
    I8 = "int8" | "i8",
    U8 = "uint8" | "u8",
    I16 = "int16" | "i16",
    U16 = "uint16" | "u16",
    I32 = "int32" | "i32" | "int",
    U32 = "uint32" | "u32",
    I64 = "int64" | "i64",
    U64 = "uint64" | "u64",
    F16 = "half" | "f16" | "float16",
    F32 = "float" | "f32" | "float32",
    F64 = "double" | "f64" | "float64",
    Bf16 = "bfloat16" | "bf16",
    Bool = "bool",
    F8E4m3 = "float8e4m3" | "f8e4m3",
    F8E5m2 = "float8e5m2" | "f8e5m2",
    Complex64 = "complex64" | "c64",
    Complex128 = "complex128" | "c128"
}

names! {
    /// Reductions, under the names of nccl-tests; those that NCCL does not have, under PyTorch's.
    Op, "reduction":
    Sum = "sum",
    Prod = "prod" | "product",
    Max = "max",
    Min = "min",
    Avg = "avg" | "average",
    MulSum = "mulsum" | "premulsum",
    BitAnd = "band",
    BitOr = "bor",
    BitXor = "bxor"
}

impl Dtype {
    /// As the library has it.
    pub(super) const fn element(self) -> sealane::Dtype {
        match self {
            Self::I8 => sealane::Dtype::I8,
            Self::U8 => sealane::Dtype::U8,
            Self::I16 => sealane::Dtype::I16,
            Self::U16 => sealane::Dtype::U16,
            Self::I32 => sealane::Dtype::I32,
            Self::U32 => sealane::Dtype::U32,
            Self::I64 => sealane::Dtype::I64,
            Self::U64 => sealane::Dtype::U64,
            Self::F16 => sealane::Dtype::F16,
            Self::F32 => sealane::Dtype::F32,
            Self::F64 => sealane::Dtype::F64,
            Self::Bf16 => sealane::Dtype::Bf16,
            Self::Bool => sealane::Dtype::Bool,
            Self::F8E4m3 => sealane::Dtype::F8E4m3,
            Self::F8E5m2 => sealane::Dtype::F8E5m2,
            Self::Complex64 => sealane::Dtype::Complex64,
            Self::Complex128 => sealane::Dtype::Complex128,
        }
    }
}

impl Op {
    /// What `rank` reduces by: the factors of a pre-multiplied sum differ.
    pub(super) const fn reduce_op(self, rank: Rank) -> ReduceOp {
        match self {
            Self::Sum => ReduceOp::Sum,
            Self::Prod => ReduceOp::Product,
            Self::Max => ReduceOp::Max,
            Self::Min => ReduceOp::Min,
            Self::Avg => ReduceOp::Average,
            Self::MulSum => ReduceOp::pre_mul_sum(factor(rank.0) as f64),
            Self::BitAnd => ReduceOp::BitAnd,
            Self::BitOr => ReduceOp::BitOr,
            Self::BitXor => ReduceOp::BitXor,
        }
    }
}

/// The factor of a rank in a pre-multiplied sum.
const fn factor(rank: u32) -> i128 {
    1 + (rank % 2) as i128
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
    fn value<T: Sample>(self, rank: u32, index: usize) -> Exact {
        let draw = mix(mix(index as u64 ^ u64::from(self.round) << 48) ^ u64::from(rank) << 32);
        let pick = |draw: u64, choices: u64| i128::from(draw % choices);
        if T::TRUTH {
            return Exact::integer(pick(draw, 2));
        }
        let part = |draw| match self.op {
            Op::Sum if T::SIGNED => pick(draw, 4) - 1,
            Op::Sum => pick(draw, 4),
            Op::MulSum if T::SIGNED => pick(draw, 3) - 1,
            Op::MulSum => pick(draw, 3),
            // Eight ranks may double: 2^8 is exact in every type, or wraps in all orders alike.
            Op::Prod => match pick(draw, 3) {
                0 if rank < 8 => 2,
                1 if T::SIGNED => -1,
                _ => 1,
            },
            Op::Min | Op::Max if T::SIGNED => pick(draw, 101) - 50,
            Op::Min | Op::Max => pick(draw, 101),
            // The sum of an average must not wrap in eight bits.
            Op::Avg => pick(draw, if self.world <= 60 { 3 } else { 2 }),
            // Most bits stay, or stay away, in small worlds.
            Op::BitAnd => 127 ^ (1 << pick(draw, 7)),
            Op::BitOr => 1 << pick(draw, 7),
            Op::BitXor => pick(draw, 128),
        };
        let other = mix(draw);
        match (T::COMPLEX, self.op) {
            (false, _) => Exact::integer(part(draw)),
            // A factor that turns by a quarter is exact too.
            (true, Op::Prod) if other.is_multiple_of(2) => Exact { re: 0, im: part(draw) },
            (true, Op::Prod) => Exact::integer(part(draw)),
            (true, _) => Exact { re: part(draw), im: part(other) },
        }
    }

    /// The reduction of all ranks' values at `index`; of an average, their sum.
    fn reduction<T: Sample>(self, index: usize) -> Exact {
        let value = |rank| self.value::<T>(rank, index);
        let join = |a: Exact, b: Exact| match self.op {
            Op::Sum | Op::Avg | Op::MulSum => a.plus(b),
            Op::Prod => a.times(b),
            Op::Min => Exact::integer(a.re.min(b.re)),
            Op::Max => Exact::integer(a.re.max(b.re)),
            Op::BitAnd => Exact::integer(a.re & b.re),
            Op::BitOr => Exact::integer(a.re | b.re),
            Op::BitXor => Exact::integer(a.re ^ b.re),
        };
        let term = |rank| match self.op {
            Op::MulSum => value(rank).times(Exact::integer(factor(rank))),
            _ => value(rank),
        };
        (0..self.world).map(term).reduce(join).unwrap_or_default()
    }

    /// Fills `buffer` with the values of `rank`.
    pub(super) fn fill<T: Sample>(self, rank: u32, buffer: &mut [T]) {
        for (index, element) in buffer.iter_mut().enumerate() {
            *element = T::of(self.value::<T>(rank, index));
        }
    }

    /// How many elements of `result`, the first of which has index `first`, are not the reduction over
    /// all ranks.
    pub(super) fn wrong_reduction<T: Sample>(self, first: usize, result: &[T]) -> u64 {
        let wrong = |(index, element): (usize, &T)| {
            let expected = self.reduction::<T>(first + index);
            match self.op {
                Op::Avg => !element.is_quotient(T::quotient(expected, i128::from(self.world))),
                _ => *element != T::of(expected),
            }
        };
        result.iter().enumerate().filter(|pair| wrong(*pair)).count() as u64
    }

    /// How many elements of `result`, the first of which has index `first`, are not what `rank` had.
    pub(super) fn wrong_copy<T: Sample>(self, rank: u32, first: usize, result: &[T]) -> u64 {
        let wrong = |(index, element): &(usize, &T)| {
            **element != T::of(self.value::<T>(rank, first + *index))
        };
        result.iter().enumerate().filter(wrong).count() as u64
    }
}
