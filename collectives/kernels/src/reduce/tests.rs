#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{combine, combine_scalar, finish_average, reduce};
use crate::dtype::{Dtype, ReduceOp};

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

/// Equal bit for bit, but that any NaN equals any other: which payload survives an addition of two is
/// the processor's choice.
fn assert_same(dtype: Dtype, ours: &[u8], reference: &[u8]) {
    for (index, (a, b)) in ours.chunks(dtype.size()).zip(reference.chunks(dtype.size())).enumerate()
    {
        let nan = |bytes: &[u8]| match dtype {
            Dtype::F32 => f32::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
            Dtype::F64 => f64::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
            Dtype::F16 => half::f16::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
            Dtype::Bf16 => half::bf16::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
            _ => false,
        };
        let whole = a.len() == dtype.size();
        assert!(a == b || whole && nan(a) && nan(b), "{dtype} element {index}: {a:?} {b:?}");
    }
}

#[test]
fn vectors_compute_what_the_scalar_does_at_every_alignment_and_tail() {
    for dtype in Dtype::ALL {
        for op in ReduceOp::ALL {
            for (shift, length) in [(0, 0), (0, 1024), (1, 1000), (3, 777), (7, 65), (2, 8)] {
                let (a, b) = (bytes(length + shift, 3), bytes(length + shift, 8));
                let (a, b) = (&a[shift..], &b[shift..]);
                let (mut ours, mut reference) = (vec![0; length], vec![0; length]);
                combine(dtype, op, &mut ours, a, b);
                combine_scalar(dtype, op, &mut reference, a, b);
                assert_same(dtype, &ours, &reference);
                let mut in_place = a.to_vec();
                reduce(dtype, op, &mut in_place, b);
                let whole = length / dtype.size() * dtype.size();
                assert_same(dtype, &in_place[..whole], &reference[..whole]);
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
        combine(Dtype::F32, ReduceOp::Min, &mut low, &f32s(&[a]), &f32s(&[b]));
        combine(Dtype::F32, ReduceOp::Max, &mut high, &f32s(&[a]), &f32s(&[b]));
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
    reduce(Dtype::U8, ReduceOp::Sum, &mut out, &[10, 1]);
    assert_eq!(out, [4, 8]);
    let mut negative = (-7_i32).to_ne_bytes();
    finish_average(Dtype::I32, &mut negative, 2);
    assert_eq!(i32::from_ne_bytes(negative), -3);
    let mut narrow = [100_u8];
    finish_average(Dtype::U8, &mut narrow, 300);
    assert_eq!(narrow, [0]);
}

#[test]
fn narrow_floats_round_once_to_nearest_even() {
    let bf = |value: f32| half::bf16::from_f32(value).to_ne_bytes();
    let mut out = bf(1.0);
    reduce(Dtype::Bf16, ReduceOp::Sum, &mut out, &bf(1.0 / 256.0));
    // 1 + 2^-8 lies half-way between 1 and 1 + 2^-7: to even, which is 1.
    assert_eq!(half::bf16::from_ne_bytes(out).to_f32(), 1.0);
}
