//! Reductions of byte slices, element by element.
//!
//! There is one definition of each operation, in `lane.rs`; it is compiled several times, for wider
//! and wider vectors, and the widest that the machine has is called. So the result is the same bit for
//! bit on every machine, whatever its vectors: each lane computes what the scalar would.

mod lane;

use half::{bf16, f16};

use crate::dtype::{Dtype, ReduceOp};
use lane::Lane;

/// `target = target op source`, element by element; the two are equally long. Trailing bytes that make
/// no element are left alone. [`ReduceOp::Average`] adds; see [`finish_average`].
pub fn reduce(dtype: Dtype, op: ReduceOp, target: &mut [u8], source: &[u8]) {
    dispatch(dtype, op, Operands::InPlace { target, source });
}

/// `out = a op b`, element by element; all three are equally long.
pub fn combine(dtype: Dtype, op: ReduceOp, out: &mut [u8], a: &[u8], b: &[u8]) {
    dispatch(dtype, op, Operands::OutOfPlace { out, a, b });
}

/// Divides sums by the number of ranks: once, at the end. Integers truncate towards zero; f16 and bf16
/// divide in f32 and round once.
pub fn finish_average(dtype: Dtype, target: &mut [u8], world: u32) {
    if world <= 1 {
        return;
    }
    fn divide<L: Lane>(target: &mut [u8], world: u32) {
        for bytes in target.chunks_exact_mut(L::SIZE) {
            L::load(bytes).divide(world).store(bytes);
        }
    }
    match dtype {
        Dtype::F32 => divide::<f32>(target, world),
        Dtype::F64 => divide::<f64>(target, world),
        Dtype::F16 => divide::<f16>(target, world),
        Dtype::Bf16 => divide::<bf16>(target, world),
        Dtype::I8 => divide::<i8>(target, world),
        Dtype::U8 => divide::<u8>(target, world),
        Dtype::I32 => divide::<i32>(target, world),
        Dtype::U32 => divide::<u32>(target, world),
        Dtype::I64 => divide::<i64>(target, world),
        Dtype::U64 => divide::<u64>(target, world),
    }
}

/// The scalar reference: what every vectorised form must equal.
pub fn combine_scalar(dtype: Dtype, op: ReduceOp, out: &mut [u8], a: &[u8], b: &[u8]) {
    by_dtype(dtype, op, Operands::OutOfPlace { out, a, b });
}

enum Operands<'a> {
    InPlace { target: &'a mut [u8], source: &'a [u8] },
    OutOfPlace { out: &'a mut [u8], a: &'a [u8], b: &'a [u8] },
}

fn dispatch(dtype: Dtype, op: ReduceOp, operands: Operands<'_>) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("f16c")
        {
            // SAFETY: the machine has every feature that the function is compiled for.
            unsafe { wide512(dtype, op, operands) };
            return;
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("f16c") {
            // SAFETY: the machine has every feature that the function is compiled for.
            unsafe { wide256(dtype, op, operands) };
            return;
        }
    }
    by_dtype(dtype, op, operands);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,f16c")]
fn wide512(dtype: Dtype, op: ReduceOp, operands: Operands<'_>) {
    by_dtype(dtype, op, operands);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn wide256(dtype: Dtype, op: ReduceOp, operands: Operands<'_>) {
    by_dtype(dtype, op, operands);
}

#[inline(always)]
fn by_dtype(dtype: Dtype, op: ReduceOp, operands: Operands<'_>) {
    match dtype {
        Dtype::F32 => by_op::<f32>(op, operands),
        Dtype::F64 => by_op::<f64>(op, operands),
        Dtype::F16 => by_op::<f16>(op, operands),
        Dtype::Bf16 => by_op::<bf16>(op, operands),
        Dtype::I8 => by_op::<i8>(op, operands),
        Dtype::U8 => by_op::<u8>(op, operands),
        Dtype::I32 => by_op::<i32>(op, operands),
        Dtype::U32 => by_op::<u32>(op, operands),
        Dtype::I64 => by_op::<i64>(op, operands),
        Dtype::U64 => by_op::<u64>(op, operands),
    }
}

#[inline(always)]
fn by_op<L: Lane>(op: ReduceOp, operands: Operands<'_>) {
    match op {
        ReduceOp::Sum | ReduceOp::Average => apply(operands, L::sum),
        ReduceOp::Product => apply(operands, L::product),
        ReduceOp::Min => apply(operands, L::minimum),
        ReduceOp::Max => apply(operands, L::maximum),
    }
}

#[inline(always)]
fn apply<L: Lane>(operands: Operands<'_>, op: impl Fn(L, L) -> L) {
    match operands {
        Operands::InPlace { target, source } => {
            for (to, from) in target.chunks_exact_mut(L::SIZE).zip(source.chunks_exact(L::SIZE)) {
                op(L::load(to), L::load(from)).store(to);
            }
        }
        Operands::OutOfPlace { out, a, b } => {
            let operands = a.chunks_exact(L::SIZE).zip(b.chunks_exact(L::SIZE));
            for (to, (a, b)) in out.chunks_exact_mut(L::SIZE).zip(operands) {
                op(L::load(a), L::load(b)).store(to);
            }
        }
    }
}

#[cfg(test)]
mod tests;
