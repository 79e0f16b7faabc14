#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod reference;

use super::{Job, Kernel, combine, combine_scalar, finish_average, reduce};
use crate::dtype::Dtype;
use crate::op::ReduceOp;

/// Random elements of a test: few where an interpreter runs it.
const CASES: usize = if cfg!(miri) { 20 } else { 5000 };

/// Of so many pairs of special values one is tried.
const SPARSE: usize = if cfg!(miri) { 11 } else { 1 };

/// Bytes that make every kind of float and integer: random ones, and runs of special values.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out: Vec<u8> = (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    let special: [f32; 8] =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, f32::MAX, -1.5];
    for (chunk, value) in out.chunks_exact_mut(4).skip(seed as usize % 3).step_by(5).zip(special) {
        chunk.copy_from_slice(&value.to_ne_bytes());
    }
    out
}

/// Every kind of value of a float type: zeros, subnormals, limits, infinities, quiet and signalling NaNs.
fn special(dtype: Dtype) -> Vec<Vec<u8>> {
    let f32s = [
        0,
        1,
        0x007f_ffff,
        0x0080_0000,
        0x3f80_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7fc0_1234,
        0x7f80_0001,
    ];
    let f64s = [
        0,
        1,
        0x000f_ffff_ffff_ffff,
        0x3ff0 << 48,
        0x7fef_ffff_ffff_ffff,
        0x7ff0 << 48,
        0x7ff8_0000_0000_1234,
        (0x7ff0 << 48) | 1,
    ];
    let f16s = [0, 1, 0x03ff, 0x0400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7e12, 0x7c01];
    let bf16s = [0, 1, 0x007f, 0x0080, 0x3f80, 0x3f81, 0x7f7f, 0x7f80, 0x7fd2, 0x7f81];
    let signs = |bits: u64, width: usize| {
        [bits, bits | 1 << (width * 8 - 1)].map(|bits| bits.to_le_bytes()[..width].to_vec())
    };
    match dtype {
        Dtype::F32 => f32s.iter().flat_map(|bits| signs(*bits, 4)).collect(),
        Dtype::F64 => f64s.iter().flat_map(|bits| signs(*bits, 8)).collect(),
        Dtype::F16 => f16s.iter().flat_map(|bits| signs(*bits, 2)).collect(),
        Dtype::Bf16 => bf16s.iter().flat_map(|bits| signs(*bits, 2)).collect(),
        Dtype::Complex64 => pairs(&special(Dtype::F32)),
        Dtype::Complex128 => pairs(&special(Dtype::F64)),
        // As another process may have them, too: true in many ways.
        Dtype::Bool => [0, 1, 2, 0x7f, 0x80, 0xff].map(|byte| vec![byte]).to_vec(),
        // The limits of integers: 0, 1, the largest and the smallest.
        other => {
            let width = other.size();
            let mut limits = [0, 1, u64::MAX >> 1 >> (64 - 8 * width), u64::MAX].to_vec();
            limits.push(limits[2] + 1);
            limits.iter().map(|bits| bits.to_le_bytes()[..width].to_vec()).collect()
        }
    }
}

/// Complex numbers of which both parts are special.
fn pairs(parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let turned = parts.iter().cycle().skip(5);
    parts.iter().zip(turned).map(|(re, im)| [re.clone(), im.clone()].concat()).collect()
}

/// The operations that a type has.
fn ops(dtype: Dtype) -> impl Iterator<Item = ReduceOp> {
    ReduceOp::ALL.into_iter().filter(move |op| op.check(dtype).is_ok())
}

/// Runs every kernel that the machine has against the scalar, in all forms, bit for bit.
fn assert_kernels_agree(dtype: Dtype, a: &[u8], b: &[u8]) {
    let length = a.len();
    let whole = length / dtype.size() * dtype.size();
    for op in ops(dtype) {
        let mut reference = vec![0; length];
        combine_scalar(dtype, op, &mut reference, a, b).unwrap();
        for kernel in Kernel::available() {
            let mut out = vec![0; length];
            kernel.run(dtype, Job::Combine { op, out: &mut out, a, b });
            assert!(out == reference, "{dtype} {op} {kernel:?} {length}");
            let mut target = a.to_vec();
            kernel.run(dtype, Job::Reduce { op, target: &mut target, source: b });
            assert!(target[..whole] == reference[..whole], "{dtype} {op} {kernel:?} {length}");
            assert_eq!(target[whole..], a[whole..], "a tail that makes no element changed");
        }
    }
    if ReduceOp::Average.check(dtype).is_err() {
        return;
    }
    for divide in [true, false] {
        let run = |kernel: Kernel| {
            let mut target = a.to_vec();
            let job = if divide {
                Job::Divide { target: &mut target, world: 7 }
            } else {
                Job::Scale { target: &mut target, factor: 3.0 }
            };
            kernel.run(dtype, job);
            target
        };
        let reference = run(Kernel::Portable);
        for kernel in Kernel::available() {
            assert!(run(kernel) == reference, "{dtype} by one number, {kernel:?} {length}");
        }
    }
}

#[test]
fn vectors_compute_what_the_scalar_does_at_every_alignment_and_tail() {
    for dtype in Dtype::ALL {
        for (shift, length) in [(0, 0), (0, 512), (1, 300), (3, 177), (7, 65), (2, 8), (5, 129)] {
            let (a, b) = (bytes(length + shift, 3), bytes(length + shift, 8));
            assert_kernels_agree(dtype, &a[shift..], &b[shift..]);
        }
        for length in (0..140).step_by(if cfg!(miri) { 23 } else { 1 }) {
            let (a, b) = (bytes(length + 1, 21), bytes(length, 34));
            assert_kernels_agree(dtype, &a[1..], &b);
        }
    }
}

#[test]
fn vectors_compute_what_the_scalar_does_on_every_pair_of_special_values() {
    for dtype in Dtype::ALL {
        let values = special(dtype);
        let pairs =
            || values.iter().flat_map(|a| values.iter().map(move |b| (a, b))).step_by(SPARSE);
        let a: Vec<u8> = pairs().flat_map(|(a, _)| a.clone()).collect();
        let b: Vec<u8> = pairs().flat_map(|(_, b)| b.clone()).collect();
        assert_kernels_agree(dtype, &a, &b);
    }
}

#[test]
fn every_sixteen_bit_value_is_added_and_halved_alike_by_all_kernels() {
    let step = if cfg!(miri) { 1999 } else { 1 };
    let values = || (0..=u16::MAX).step_by(step);
    let all: Vec<u8> = values().flat_map(u16::to_ne_bytes).collect();
    for dtype in [Dtype::F16, Dtype::Bf16] {
        for other in [0x0001_u16, 0x3555, 0x8400, 0xbf81, 0x7bff] {
            let others: Vec<u8> = values().flat_map(|_| other.to_ne_bytes()).collect();
            assert_kernels_agree(dtype, &all, &others);
        }
    }
}

#[test]
fn a_nan_is_always_the_same_bits() {
    let nans = [0x7fc0_0001_u32, 0xffc0_0002, 0x7f80_0003, 0xff80_0004].map(f32::from_bits);
    for op in ops(Dtype::F32) {
        for a in nans {
            for b in nans.into_iter().chain([1.0, f32::INFINITY]) {
                for (a, b) in [(a, b), (b, a)] {
                    let mut out = a.to_ne_bytes();
                    reduce(Dtype::F32, op, &mut out, &b.to_ne_bytes()).unwrap();
                    assert_eq!(u32::from_ne_bytes(out), 0x7fc0_0000, "{op}");
                }
            }
        }
    }
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

#[test]
fn minimum_and_maximum_follow_ieee_754_2019() {
    let cases = [(0.0, -0.0), (-0.0, 0.0), (1.0, 2.0), (f32::NAN, 1.0), (1.0, f32::NAN)];
    for (a, b) in cases {
        let (mut low, mut high) = ([0; 4], [0; 4]);
        combine(Dtype::F32, ReduceOp::Min, &mut low, &f32s(&[a]), &f32s(&[b])).unwrap();
        combine(Dtype::F32, ReduceOp::Max, &mut high, &f32s(&[a]), &f32s(&[b])).unwrap();
        let (low, high) = (f32::from_ne_bytes(low), f32::from_ne_bytes(high));
        if a.is_nan() || b.is_nan() {
            assert!(low.is_nan() && high.is_nan());
        } else if a == 0.0 {
            assert!(low.is_sign_negative() && high.is_sign_positive());
        } else {
            assert_eq!((low, high), (1.0, 2.0));
        }
    }
}

#[test]
fn integers_wrap_and_their_averages_truncate() {
    let mut out = [250, 7];
    reduce(Dtype::U8, ReduceOp::Sum, &mut out, &[10, 1]).unwrap();
    assert_eq!(out, [4, 8]);
    let mut negative = (-7_i32).to_ne_bytes();
    finish_average(Dtype::I32, &mut negative, 2).unwrap();
    assert_eq!(i32::from_ne_bytes(negative), -3);
    let mut narrow = [100_u8];
    finish_average(Dtype::U8, &mut narrow, 300).unwrap();
    assert_eq!(narrow, [0]);
}

/// The divisor 128 is no `i8`; it was taken for one that makes every quotient 0.
#[test]
fn a_world_just_beyond_a_signed_type_divides_its_lowest_value_to_minus_one() {
    let mut lowest = i8::MIN.to_ne_bytes();
    finish_average(Dtype::I8, &mut lowest, 128).unwrap();
    assert_eq!(i8::from_ne_bytes(lowest), -1);
}

#[test]
fn narrow_floats_round_once_to_nearest_even() {
    let bf = |value: f32| half::bf16::from_f32(value).to_ne_bytes();
    let mut out = bf(1.0);
    reduce(Dtype::Bf16, ReduceOp::Sum, &mut out, &bf(1.0 / 256.0)).unwrap();
    // 1 + 2^-8 lies half-way between 1 and 1 + 2^-7: to even, which is 1.
    assert_eq!(half::bf16::from_ne_bytes(out).to_f32(), 1.0);
}
