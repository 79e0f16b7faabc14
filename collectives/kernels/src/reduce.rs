//! Reductions of byte slices, element by element.
//!
//! There is one definition of each operation, in `scalar.rs` and `narrow.rs`; it is compiled several
//! times, for wider and wider vectors, and the widest that the machine has is called. Sums, products
//! and quotients of f16 are written for F16C by hand. The result is the same bit for bit on every
//! machine, whatever its vectors, NaNs included: any operation that yields NaN yields the positive
//! quiet NaN without payload.

#[cfg(target_arch = "x86_64")]
mod f16c;
mod narrow;
mod scalar;

use half::{bf16, f16};

use crate::dtype::{Dtype, ReduceOp};
use scalar::Lane;

/// `target = target op source`, element by element; the two are equally long. Trailing bytes that make
/// no element are left alone. [`ReduceOp::Average`] adds; see [`finish_average`].
pub fn reduce(dtype: Dtype, op: ReduceOp, target: &mut [u8], source: &[u8]) {
    Kernel::best().run(dtype, Job::Reduce { op, target, source });
}

/// `out = a op b`, element by element; all three are equally long.
pub fn combine(dtype: Dtype, op: ReduceOp, out: &mut [u8], a: &[u8], b: &[u8]) {
    Kernel::best().run(dtype, Job::Combine { op, out, a, b });
}

/// Divides sums by the number of ranks: once, at the end. Integers truncate towards zero; f16 and bf16
/// divide in f32 and round once.
pub fn finish_average(dtype: Dtype, target: &mut [u8], world: u32) {
    if world > 1 {
        Kernel::best().run(dtype, Job::Divide { target, world });
    }
}

/// The scalar reference: what every vectorised form must equal.
pub fn combine_scalar(dtype: Dtype, op: ReduceOp, out: &mut [u8], a: &[u8], b: &[u8]) {
    by_dtype(dtype, Job::Combine { op, out, a, b });
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
        Dtype::F32 => run::<f32>(job),
        Dtype::F64 => run::<f64>(job),
        Dtype::F16 => run::<f16>(job),
        Dtype::Bf16 => run::<bf16>(job),
        Dtype::I8 => run::<i8>(job),
        Dtype::U8 => run::<u8>(job),
        Dtype::I32 => run::<i32>(job),
        Dtype::U32 => run::<u32>(job),
        Dtype::I64 => run::<i64>(job),
        Dtype::U64 => run::<u64>(job),
    }
}

#[inline(always)]
fn run<L: Lane>(job: Job<'_>) {
    match job {
        Job::Reduce { op, target, source } => match op {
            ReduceOp::Sum | ReduceOp::Average => in_place(target, source, L::sum),
            ReduceOp::Product => in_place(target, source, L::product),
            ReduceOp::Min => in_place(target, source, L::minimum),
            ReduceOp::Max => in_place(target, source, L::maximum),
        },
        Job::Combine { op, out, a, b } => match op {
            ReduceOp::Sum | ReduceOp::Average => out_of_place(out, a, b, L::sum),
            ReduceOp::Product => out_of_place(out, a, b, L::product),
            ReduceOp::Min => out_of_place(out, a, b, L::minimum),
            ReduceOp::Max => out_of_place(out, a, b, L::maximum),
        },
        Job::Divide { target, world } => {
            for bytes in target.chunks_exact_mut(L::SIZE) {
                L::load(bytes).divide(world).store(bytes);
            }
        }
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
