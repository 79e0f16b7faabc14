//! Reductions of byte slices, element by element.
//!
//! There is one definition of each operation, in `scalar.rs` and `narrow.rs`; it is compiled several
//! times, for wider and wider vectors, and the widest that the machine has is called. Sums, products
//! and quotients of f16 are written for F16C by hand. The result is the same bit for bit on every
//! machine, whatever its vectors, NaNs included: any operation that yields NaN yields the positive
//! quiet NaN without payload.

mod composite;
#[cfg(target_arch = "x86_64")]
mod f16c;
mod narrow;
mod scalar;

use half::{bf16, f16};
use num_complex::Complex;

use crate::dtype::Dtype;
use crate::op::{ReduceOp, Scale, Unsupported};
use composite::Truth;
use scalar::{Arithmetic, Bits, Lane, Order};

/// `target = target op source`, element by element; the two are equally long. Trailing bytes that make
/// no element are left alone. [`ReduceOp::Average`] adds; see [`finish_average`]. So does
/// [`ReduceOp::PreMulSum`]; see [`scale`].
///
/// # Errors
///
/// [`Unsupported`]: the type has no such operation. Nothing was written.
pub fn reduce(
    dtype: Dtype,
    op: ReduceOp,
    target: &mut [u8],
    source: &[u8],
) -> Result<(), Unsupported> {
    op.check(dtype)?;
    Kernel::best().run(dtype, Job::Reduce { op, target, source });
    Ok(())
}

/// `out = a op b`, element by element; all three are equally long.
///
/// # Errors
///
/// As [`reduce`].
pub fn combine(
    dtype: Dtype,
    op: ReduceOp,
    out: &mut [u8],
    a: &[u8],
    b: &[u8],
) -> Result<(), Unsupported> {
    op.check(dtype)?;
    Kernel::best().run(dtype, Job::Combine { op, out, a, b });
    Ok(())
}

/// Divides sums by the number of ranks: once, at the end. Integers truncate towards zero; f16 and bf16
/// divide in f32 and round once.
///
/// # Errors
///
/// [`Unsupported`]: the type has no averages. Nothing was written.
pub fn finish_average(dtype: Dtype, target: &mut [u8], world: u32) -> Result<(), Unsupported> {
    ReduceOp::Average.check(dtype)?;
    if world > 1 {
        Kernel::best().run(dtype, Job::Divide { target, world });
    }
    Ok(())
}

/// Multiplies every element: the first part of a pre-multiplied sum. One rounding to the type, f16 and
/// bf16 by a factor in f32; integers wrap.
///
/// # Errors
///
/// [`Unsupported`]: the type has no such product. Nothing was written.
pub fn scale(dtype: Dtype, target: &mut [u8], factor: Scale) -> Result<(), Unsupported> {
    ReduceOp::PreMulSum(factor).check(dtype)?;
    Kernel::best().run(dtype, Job::Scale { target, factor: factor.get() });
    Ok(())
}

/// The scalar reference: what every vectorised form must equal.
///
/// # Errors
///
/// As [`reduce`].
pub fn combine_scalar(
    dtype: Dtype,
    op: ReduceOp,
    out: &mut [u8],
    a: &[u8],
    b: &[u8],
) -> Result<(), Unsupported> {
    op.check(dtype)?;
    by_dtype(dtype, Job::Combine { op, out, a, b });
    Ok(())
}

/// The vectors that reductions use on this machine, for logs and benches.
#[must_use]
pub fn kernel_name() -> &'static str {
    match Kernel::best() {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => "AVX2",
        Kernel::Portable => "portable",
    }
}

/// What is to be done.
enum Job<'a> {
    Reduce { op: ReduceOp, target: &'a mut [u8], source: &'a [u8] },
    Combine { op: ReduceOp, out: &'a mut [u8], a: &'a [u8], b: &'a [u8] },
    Divide { target: &'a mut [u8], world: u32 },
    Scale { target: &'a mut [u8], factor: f64 },
}

/// A set of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Kernel {
    /// All that this machine has, the widest first. The standard library remembers what it detected.
    fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let wide = {
            let avx2 =
                std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl");
            [avx512.then_some(Self::Avx512), avx2.then_some(Self::Avx2)]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None; 0];
        wide.into_iter().flatten().chain([Self::Portable])
    }

    fn best() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    fn run(self, dtype: Dtype, job: Job<'_>) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                // SAFETY: `available` yields this only where every feature it needs was detected.
                unsafe { avx512(dtype, job) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `available` yields this only where every feature it needs was detected.
                unsafe { avx2(dtype, job) }
            }
            Self::Portable => by_dtype(dtype, job),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,f16c")]
fn avx512(dtype: Dtype, job: Job<'_>) {
    match dtype {
        Dtype::F16 => f16c::run_f16(job),
        other => by_dtype(other, job),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn avx2(dtype: Dtype, job: Job<'_>) {
    match dtype {
        Dtype::F16 => f16c::run_f16(job),
        other => by_dtype(other, job),
    }
}

#[inline(always)]
fn by_dtype(dtype: Dtype, job: Job<'_>) {
    match dtype {
        Dtype::F32 => real::<f32>(job),
        Dtype::F64 => real::<f64>(job),
        Dtype::F16 => real::<f16>(job),
        Dtype::Bf16 => real::<bf16>(job),
        Dtype::I8 => integer::<i8>(job),
        Dtype::U8 => integer::<u8>(job),
        Dtype::I16 => integer::<i16>(job),
        Dtype::U16 => integer::<u16>(job),
        Dtype::I32 => integer::<i32>(job),
        Dtype::U32 => integer::<u32>(job),
        Dtype::I64 => integer::<i64>(job),
        Dtype::U64 => integer::<u64>(job),
        Dtype::Bool => truth(job),
        Dtype::Complex64 => complex::<Complex<f32>>(job),
        Dtype::Complex128 => complex::<Complex<f64>>(job),
        Dtype::F8E4m3 | Dtype::F8E5m2 => {}
    }
}

/// Does a job by the operations that a class of types has; [`ReduceOp::check`] has refused the others.
macro_rules! by_op {
    ($job:expr, $single:expr, { $($op:pat => $function:expr),* $(,)? }) => {
        match $job {
            Job::Reduce { op, target, source } => match op {
                $($op => in_place(target, source, $function),)*
                #[allow(unreachable_patterns, reason = "integers have all of them")]
                _ => {}
            },
            Job::Combine { op, out, a, b } => match op {
                $($op => out_of_place(out, a, b, $function),)*
                #[allow(unreachable_patterns, reason = "integers have all of them")]
                _ => {}
            },
            single => $single(single),
        }
    };
}

#[inline(always)]
fn real<L: Arithmetic + Order>(job: Job<'_>) {
    by_op!(job, single::<L>, {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => L::sum,
        ReduceOp::Product => L::product,
        ReduceOp::Min => L::minimum,
        ReduceOp::Max => L::maximum,
    });
}

#[inline(always)]
fn integer<L: Arithmetic + Order + Bits>(job: Job<'_>) {
    by_op!(job, single::<L>, {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => L::sum,
        ReduceOp::Product => L::product,
        ReduceOp::Min => L::minimum,
        ReduceOp::Max => L::maximum,
        ReduceOp::BitAnd => L::and,
        ReduceOp::BitOr => L::or,
        ReduceOp::BitXor => L::xor,
    });
}

#[inline(always)]
fn complex<L: Arithmetic>(job: Job<'_>) {
    by_op!(job, single::<L>, {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => L::sum,
        ReduceOp::Product => L::product,
    });
}

#[inline(always)]
fn truth(job: Job<'_>) {
    by_op!(job, |_| (), {
        ReduceOp::Sum | ReduceOp::Max | ReduceOp::BitOr => Truth::or,
        ReduceOp::Product | ReduceOp::Min | ReduceOp::BitAnd => Truth::and,
        ReduceOp::BitXor => Truth::xor,
    });
}

/// What concerns one operand.
#[inline(always)]
fn single<L: Arithmetic>(job: Job<'_>) {
    match job {
        Job::Divide { target, world } => each(target, |one: L| one.divide(world)),
        Job::Scale { target, factor } => each(target, |one: L| one.scale(factor)),
        Job::Reduce { .. } | Job::Combine { .. } => {}
    }
}

#[inline(always)]
fn each<L: Lane>(target: &mut [u8], f: impl Fn(L) -> L) {
    for bytes in target.chunks_exact_mut(L::SIZE) {
        f(L::load(bytes)).store(bytes);
    }
}

#[inline(always)]
fn in_place<L: Lane>(target: &mut [u8], source: &[u8], op: impl Fn(L, L) -> L) {
    for (to, from) in target.chunks_exact_mut(L::SIZE).zip(source.chunks_exact(L::SIZE)) {
        op(L::load(to), L::load(from)).store(to);
    }
}

#[inline(always)]
fn out_of_place<L: Lane>(out: &mut [u8], a: &[u8], b: &[u8], op: impl Fn(L, L) -> L) {
    let operands = a.chunks_exact(L::SIZE).zip(b.chunks_exact(L::SIZE));
    for (to, (a, b)) in out.chunks_exact_mut(L::SIZE).zip(operands) {
        op(L::load(a), L::load(b)).store(to);
    }
}

#[cfg(test)]
mod tests;
