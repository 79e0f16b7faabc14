//! How two elements become one.

use std::fmt;
use std::str::FromStr;

use crate::dtype::{Class, Dtype, ParseError};

/// A reduction. Every type has every one that makes sense for it; see [`ReduceOp::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// a + b. Of truth values: or.
    Sum,
    /// a × b. Of truth values: and. Of complex numbers (ac − bd) + (ad + bc)i, each product and sum
    /// rounded; infinities are not recovered from NaNs as C's Annex G would.
    Product,
    /// IEEE 754-2019 minimum: NaN if either is, and −0 below +0. Of truth values: and.
    Min,
    /// IEEE 754-2019 maximum: NaN if either is, and −0 below +0. Of truth values: or.
    Max,
    /// The sum, divided once at the end by the number of ranks. Integers truncate towards zero.
    Average,
    /// Of integers and truth values, bit by bit.
    BitAnd,
    /// Of integers and truth values, bit by bit.
    BitOr,
    /// Of integers and truth values, bit by bit.
    BitXor,
    /// The sum of each rank's input times a factor of that rank's own.
    PreMulSum(Scale),
}

/// The factor of a pre-multiplied sum. It is not compared between ranks: one that has seen twice as
/// many samples may give twice the weight.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scale(u64);

impl Scale {
    /// From a number: for `f16`, `bf16` and parts in `f32` it is rounded to `f32` once.
    #[must_use]
    pub const fn new(factor: f64) -> Self {
        Self(factor.to_bits())
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scale({:?})", self.get())
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// An operation that a type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// It makes no sense for the type.
    #[error("{dtype} has no reduction by {op}")]
    Operation {
        /// Which.
        op: ReduceOp,
        /// Of which elements.
        dtype: Dtype,
    },
    /// Integers are multiplied by integers.
    #[error("{factor} is not a factor that {dtype} can have")]
    Factor {
        /// Which.
        factor: Scale,
        /// Of which elements.
        dtype: Dtype,
    },
}

impl ReduceOp {
    /// All of them; the pre-multiplied sum with a factor of two, which every type with that sum has.
    pub const ALL: [Self; 9] = [
        Self::Sum,
        Self::Product,
        Self::Min,
        Self::Max,
        Self::Average,
        Self::BitAnd,
        Self::BitOr,
        Self::BitXor,
        Self::PreMulSum(Scale::new(2.0)),
    ];

    /// The sum of each rank's input times `factor`.
    #[must_use]
    pub const fn pre_mul_sum(factor: f64) -> Self {
        Self::PreMulSum(Scale::new(factor))
    }

    /// Whether elements of a type can be reduced so:
    ///
    /// | type | operations |
    /// | --- | --- |
    /// | floats | sum, product, minimum, maximum, average, pre-multiplied sum |
    /// | integers | all; the factor of a pre-multiplied sum must be an integer of the type |
    /// | truth values | all but average and pre-multiplied sum |
    /// | complex | sum, product, average, pre-multiplied sum: complex numbers have no order |
    /// | eight-bit floats | none |
    ///
    /// # Errors
    ///
    /// [`Unsupported`].
    pub fn check(self, dtype: Dtype) -> Result<(), Unsupported> {
        let has = match (dtype.class(), self) {
            (Class::Integer, Self::PreMulSum(scale)) => {
                let fits = is_integer_of(dtype, scale.get());
                return fits.then_some(()).ok_or(Unsupported::Factor { factor: scale, dtype });
            }
            (Class::Integer, _) => true,
            (Class::Truth, op) => !matches!(op, Self::Average | Self::PreMulSum(_)),
            (Class::Real, op) => !matches!(op, Self::BitAnd | Self::BitOr | Self::BitXor),
            (Class::Complex, op) => {
                matches!(op, Self::Sum | Self::Product | Self::Average | Self::PreMulSum(_))
            }
            (Class::Opaque, _) => false,
        };
        if has { Ok(()) } else { Err(Unsupported::Operation { op: self, dtype }) }
    }

    /// Its number in the digest by which ranks compare their calls.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Sum => 0,
            Self::Product => 1,
            Self::Min => 2,
            Self::Max => 3,
            Self::Average => 4,
            Self::BitAnd => 5,
            Self::BitOr => 6,
            Self::BitXor => 7,
            Self::PreMulSum(_) => 8,
        }
    }

    /// NCCL's name; of what NCCL does not have, PyTorch's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "prod",
            Self::Min => "min",
            Self::Max => "max",
            Self::Average => "avg",
            Self::BitAnd => "band",
            Self::BitOr => "bor",
            Self::BitXor => "bxor",
            Self::PreMulSum(_) => "premulsum",
        }
    }
}

/// Whether a number is one that an integer type has.
fn is_integer_of(dtype: Dtype, number: f64) -> bool {
    // Limits are exact in f64, or, of 64 bits, rounded up to a power of two that is not of the type.
    let bits = 8 * dtype.size() as i32;
    let signed = matches!(dtype, Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64);
    let (low, beyond) = if signed {
        (-2_f64.powi(bits - 1), 2_f64.powi(bits - 1))
    } else {
        (0.0, 2_f64.powi(bits))
    };
    number.trunc() == number && (low..beyond).contains(&number)
}

impl fmt::Display for ReduceOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ReduceOp {
    type Err = ParseError;

    /// Reads a name; `premulsum` with its factor behind a colon, `premulsum:0.25`.
    fn from_str(name: &str) -> Result<Self, ParseError> {
        let lower = name.to_ascii_lowercase();
        let factor = lower.strip_prefix("premulsum:").and_then(|factor| factor.parse().ok());
        if let Some(factor) = factor {
            return Ok(Self::pre_mul_sum(factor));
        }
        Ok(match lower.as_str() {
            "sum" => Self::Sum,
            "prod" | "product" => Self::Product,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" | "average" => Self::Average,
            "band" | "bitand" => Self::BitAnd,
            "bor" | "bitor" => Self::BitOr,
            "bxor" | "bitxor" => Self::BitXor,
            _ => {
                let known = "sum prod min max avg band bor bxor premulsum:FACTOR";
                return Err(ParseError { what: "reduction", name: name.to_owned(), known });
            }
        })
    }
}

#[cfg(test)]
mod tests;
