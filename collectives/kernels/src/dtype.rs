//! What elements are.

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
    /// Two's complement; sums and products wrap.
    I16,
    /// Unsigned; sums and products wrap.
    U16,
    /// One byte: 0 is false, all else is true; reductions yield 0 or 1.
    Bool,
    /// Eight bits with four of exponent (OCP OFP8 E4M3): moved, not reduced.
    F8E4m3,
    /// Eight bits with five of exponent (OCP OFP8 E5M2): moved, not reduced.
    F8E5m2,
    /// Real and imaginary part in binary32.
    Complex64,
    /// Real and imaginary part in binary64.
    Complex128,
}

/// What an element type is to arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Real,
    Integer,
    Truth,
    Complex,
    /// It is only moved.
    Opaque,
}

/// A name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}; known are {known}")]
pub struct ParseError {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) known: &'static str,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Self; 17] = [
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
        Self::I16,
        Self::U16,
        Self::Bool,
        Self::F8E4m3,
        Self::F8E5m2,
        Self::Complex64,
        Self::Complex128,
    ];

    /// Bytes of an element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool | Self::F8E4m3 | Self::F8E5m2 => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    pub(crate) const fn class(self) -> Class {
        match self {
            Self::F32 | Self::F64 | Self::F16 | Self::Bf16 => Class::Real,
            Self::I8
            | Self::U8
            | Self::I16
            | Self::U16
            | Self::I32
            | Self::U32
            | Self::I64
            | Self::U64 => Class::Integer,
            Self::Bool => Class::Truth,
            Self::Complex64 | Self::Complex128 => Class::Complex,
            Self::F8E4m3 | Self::F8E5m2 => Class::Opaque,
        }
    }

    /// Its number in the digest by which ranks compare their calls.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// NCCL's name; of what NCCL does not have, PyTorch's.
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
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::Bool => "bool",
            Self::F8E4m3 => "float8e4m3",
            Self::F8E5m2 => "float8e5m2",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
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
            "i16" | "int16" => Self::I16,
            "u16" | "uint16" => Self::U16,
            "bool" => Self::Bool,
            "f8e4m3" | "float8e4m3" => Self::F8E4m3,
            "f8e5m2" | "float8e5m2" => Self::F8E5m2,
            "c64" | "complex64" => Self::Complex64,
            "c128" | "complex128" => Self::Complex128,
            _ => {
                let known = "float double half bfloat16 int8 uint8 int32 uint32 int64 uint64 int16 \
                             uint16 bool float8e4m3 float8e5m2 complex64 complex128";
                return Err(ParseError { what: "data type", name: name.to_owned(), known });
            }
        })
    }
}
