//! The Rust types that elements have.

use half::{bf16, f16};
use num_complex::Complex;

use crate::dtype::Dtype;
use crate::small::{Bool, F8E4m3, F8E5m2};

mod sealed {
    pub trait Sealed {}
}

/// A type that collectives take slices of. Every bit pattern of it is a value, and it has no padding,
/// so a slice of it may be seen as bytes, both ways. Sealed: the element types are those of [`Dtype`].
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static
{
    /// Its name at run time.
    const DTYPE: Dtype;
}

macro_rules! element {
    ($($type:ty => $dtype:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
        }
        const _: () = assert!(size_of::<$type>() == Dtype::$dtype.size());
    )*};
}

element!(
    f32 => F32, f64 => F64, f16 => F16, bf16 => Bf16, i8 => I8, u8 => U8, i32 => I32, u32 => U32,
    i64 => I64, u64 => U64, i16 => I16, u16 => U16, Bool => Bool, F8E4m3 => F8E4m3, F8E5m2 => F8E5m2,
    Complex<f32> => Complex64, Complex<f64> => Complex128
);
