//! What elements are, and how two become one.

use std::fmt;
use std::str::FromStr;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary16; added and multiplied in f32, rounded once.
    F16,
    /// bfloat16; added and multiplied in f32, rounded once.
    Bf16,
    /// Two's complement; sums and products wrap.
    I8,
    /// Unsigned; sums and products wrap.
    U8,
    /// Two's complement; sums and products wrap.
    I32,
    /// Unsigned; sums and products wrap.
    U32,
    /// Two's complement; sums and products wrap.
    I64,
    /// Unsigned; sums and products wrap.
    U64,
}

/// A reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// a + b.
    Sum,
    /// a × b.
    Product,
    /// IEEE 754-2019 minimum: NaN if either is, and −0 below +0.
    Min,
    /// IEEE 754-2019 maximum: NaN if either is, and −0 below +0.
    Max,
    /// The sum, divided once at the end by the number of ranks. Integers truncate towards zero.
    Average,
}

/// A name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}; known are {known}")]
pub struct ParseError {
    what: &'static str,
    name: String,
    known: &'static str,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::F32,
        Self::F64,
        Self::F16,
        Self::Bf16,
        Self::I8,
        Self::U8,
        Self::I32,
        Self::U32,
        Self::I64,
        Self::U64,
    ];

    /// Bytes of an element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Its number in the digest by which ranks compare their calls.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// NCCL's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "float",
            Self::F64 => "double",
            Self::F16 => "half",
            Self::Bf16 => "bfloat16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dtype {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "f32" | "float" | "float32" => Self::F32,
            "f64" | "double" | "float64" => Self::F64,
            "f16" | "half" | "float16" => Self::F16,
            "bf16" | "bfloat16" => Self::Bf16,
            "i8" | "int8" => Self::I8,
            "u8" | "uint8" => Self::U8,
            "i32" | "int32" => Self::I32,
            "u32" | "uint32" => Self::U32,
            "i64" | "int64" => Self::I64,
            "u64" | "uint64" => Self::U64,
            _ => {
                let known = "float double half bfloat16 int8 uint8 int32 uint32 int64 uint64";
                return Err(ParseError { what: "data type", name: name.to_owned(), known });
            }
        })
    }
}

impl ReduceOp {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sum, Self::Product, Self::Min, Self::Max, Self::Average];

    /// Its number in the digest by which ranks compare their calls.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// NCCL's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Product => "prod",
            Self::Min => "min",
            Self::Max => "max",
            Self::Average => "avg",
        }
    }
}

impl fmt::Display for ReduceOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ReduceOp {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "sum" => Self::Sum,
            "prod" | "product" => Self::Product,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" | "average" => Self::Average,
            _ => {
                let known = "sum prod min max avg";
                return Err(ParseError { what: "reduction", name: name.to_owned(), known });
            }
        })
    }
}
