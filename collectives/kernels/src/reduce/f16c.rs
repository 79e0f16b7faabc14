//! binary16 by the conversions of F16C, eight elements at a time. Compilers do not find these from the
//! scalar definition; everything else vectorises by itself.

use std::arch::x86_64::{
    __m128i, _MM_FROUND_TO_NEAREST_INT, _mm_and_si128, _mm_blendv_epi8, _mm_cmpgt_epi16,
    _mm_loadu_si128, _mm_set1_epi16, _mm_storeu_si128, _mm256_add_ps, _mm256_cvtph_ps,
    _mm256_cvtps_ph, _mm256_div_ps, _mm256_mul_ps, _mm256_set1_ps,
};

use half::f16;

use super::{Job, real};
use crate::op::ReduceOp;

/// Bytes of a vector of eight.
const BLOCK: usize = 16;

/// Arithmetic in f32. Minimum and maximum need none.
#[derive(Clone, Copy)]
enum Arithmetic {
    Sum,
    Product,
    /// The second operand is this value throughout.
    Divide(f32),
    Scale(f32),
}

/// Runs a job on f16.
#[target_feature(enable = "avx2,f16c")]
pub(super) fn run_f16(job: Job<'_>) {
    match job {
        Job::Reduce { op, target, source } => {
            let Some(arithmetic) = of(op) else {
                return real::<f16>(Job::Reduce { op, target, source });
            };
            let whole = target.len().min(source.len()) / BLOCK * BLOCK;
            let (target, target_tail) = target.split_at_mut(whole);
            let (source, source_tail) = source.split_at(whole);
            for (to, from) in blocks_mut(target).zip(blocks(source)) {
                store(to, compute(arithmetic, load(to), load(from)));
            }
            real::<f16>(Job::Reduce { op, target: target_tail, source: source_tail });
        }
        Job::Combine { op, out, a, b } => {
            let Some(arithmetic) = of(op) else {
                return real::<f16>(Job::Combine { op, out, a, b });
            };
            let whole = out.len().min(a.len()).min(b.len()) / BLOCK * BLOCK;
            let (out, out_tail) = out.split_at_mut(whole);
            let ((a, a_tail), (b, b_tail)) = (a.split_at(whole), b.split_at(whole));
            for (to, (a, b)) in blocks_mut(out).zip(blocks(a).zip(blocks(b))) {
                store(to, compute(arithmetic, load(a), load(b)));
            }
            real::<f16>(Job::Combine { op, out: out_tail, a: a_tail, b: b_tail });
        }
        Job::Divide { target, world } => {
            let tail = single(target, Arithmetic::Divide(world as f32));
            real::<f16>(Job::Divide { target: tail, world });
        }
        Job::Scale { target, factor } => {
            let tail = single(target, Arithmetic::Scale(factor as f32));
            real::<f16>(Job::Scale { target: tail, factor });
        }
    }
}

/// Does it to all whole vectors, and returns what is left.
#[target_feature(enable = "avx2,f16c")]
fn single(target: &mut [u8], arithmetic: Arithmetic) -> &mut [u8] {
    let (whole, tail) = target.split_at_mut(target.len() / BLOCK * BLOCK);
    for to in blocks_mut(whole) {
        store(to, compute(arithmetic, load(to), load(to)));
    }
    tail
}

const fn of(op: ReduceOp) -> Option<Arithmetic> {
    match op {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => Some(Arithmetic::Sum),
        ReduceOp::Product => Some(Arithmetic::Product),
        _ => None,
    }
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8; BLOCK]> {
    bytes.as_chunks().0.iter()
}

fn blocks_mut(bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8; BLOCK]> {
    bytes.as_chunks_mut().0.iter_mut()
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load(bytes: &[u8; BLOCK]) -> __m128i {
    // SAFETY: the array has the sixteen bytes that are read, and any alignment will do.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn store(bytes: &mut [u8; BLOCK], value: __m128i) {
    // SAFETY: the array has the sixteen bytes that are written, and any alignment will do.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn compute(arithmetic: Arithmetic, a: __m128i, b: __m128i) -> __m128i {
    let wide = _mm256_cvtph_ps(a);
    let wide = match arithmetic {
        Arithmetic::Sum => _mm256_add_ps(wide, _mm256_cvtph_ps(b)),
        Arithmetic::Product => _mm256_mul_ps(wide, _mm256_cvtph_ps(b)),
        Arithmetic::Scale(factor) => _mm256_mul_ps(wide, _mm256_set1_ps(factor)),
        Arithmetic::Divide(world) => _mm256_div_ps(wide, _mm256_set1_ps(world)),
    };
    let rounded = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(wide);
    let magnitude = _mm_and_si128(rounded, _mm_set1_epi16(0x7fff));
    let nan = _mm_cmpgt_epi16(magnitude, _mm_set1_epi16(0x7c00));
    _mm_blendv_epi8(rounded, _mm_set1_epi16(0x7e00), nan)
}
