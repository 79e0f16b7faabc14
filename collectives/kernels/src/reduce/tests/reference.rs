//! Every type and operation against arithmetic that shares nothing with the kernels: integers in i128,
//! floats in f64 with a rounding of its own.

use super::{CASES, Job, Kernel, SPARSE, bytes, ops, special};
use crate::dtype::Dtype;
use crate::op::ReduceOp;

/// How a float type rounds.
#[derive(Clone, Copy)]
struct Format {
    /// Binary digits of a significand, the hidden one included.
    digits: i32,
    /// The exponent of the smallest normal number.
    lowest: i32,
    /// The largest finite number.
    largest: f64,
}

const BINARY32: Format = Format { digits: 24, lowest: -126, largest: f32::MAX as f64 };
const BINARY16: Format = Format { digits: 11, lowest: -14, largest: 65504.0 };
const BFLOAT16: Format = Format { digits: 8, lowest: -126, largest: 3.389_531_389_251_535_5e38 };

impl Format {
    /// To the nearest number of the format, ties to even, beyond the largest to infinity.
    fn round(self, value: f64) -> f64 {
        if value == 0.0 || !value.is_finite() {
            return value;
        }
        let exponent = ((value.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(self.lowest);
        // A power of two, so that the division and the product are exact.
        let unit = f64::from_bits(((exponent - self.digits + 1 + 1023) as u64) << 52);
        let rounded = (value / unit).round_ties_even() * unit;
        if rounded.abs() > self.largest { f64::INFINITY.copysign(value) } else { rounded }
    }

    /// As the documentation says: compute in f32, then round once to the type.
    fn of(self, exact: f64) -> f64 {
        self.round(BINARY32.round(exact))
    }
}

fn float(op: ReduceOp, a: f64, b: f64) -> f64 {
    let first = |below: bool| if below { a } else { b };
    match op {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => a + b,
        ReduceOp::Product => a * b,
        _ if a.is_nan() || b.is_nan() => f64::NAN,
        // Zeros are ordered by their signs.
        ReduceOp::Min => first(a < b || a == b && a.is_sign_negative()),
        ReduceOp::Max => first(a > b || a == b && a.is_sign_positive()),
        bitwise => panic!("{bitwise} of floats"),
    }
}

fn integer(op: ReduceOp, a: i128, b: i128) -> i128 {
    match op {
        ReduceOp::Sum | ReduceOp::Average | ReduceOp::PreMulSum(_) => a + b,
        ReduceOp::BitAnd => a & b,
        ReduceOp::BitOr => a | b,
        ReduceOp::BitXor => a ^ b,
        // Of two 64-bit numbers without sign, it may leave i128, and wraps there as it does below.
        ReduceOp::Product => a.wrapping_mul(b),
        ReduceOp::Min => a.min(b),
        ReduceOp::Max => a.max(b),
    }
}

/// What an element is to be: by an operation with another, divided by a world, or multiplied.
#[derive(Clone, Copy)]
enum Step<'a> {
    With(ReduceOp, &'a [u8]),
    By(u32),
    Times(f64),
}

macro_rules! whole {
    ($type:ty, $bytes:expr, $step:expr) => {{
        let value = |bytes: &[u8]| i128::from(<$type>::from_ne_bytes(bytes.try_into().unwrap()));
        let result = match $step {
            Step::With(op, other) => integer(op, value($bytes), value(other)),
            Step::By(world) => value($bytes) / i128::from(world),
            Step::Times(factor) => value($bytes) * factor as i128,
        };
        // Wraps, as documented.
        (result as $type).to_ne_bytes().to_vec()
    }};
}

macro_rules! real {
    ($type:ty, $bytes:expr, $step:expr, $round:expr, $nan:expr, $from:expr) => {{
        let value = |bytes: &[u8]| -> f64 {
            let value = <$type>::from_ne_bytes(bytes.try_into().unwrap());
            value.into()
        };
        let result = match $step {
            Step::With(op, other) => float(op, value($bytes), value(other)),
            Step::By(world) => value($bytes) / f64::from(world),
            Step::Times(factor) => value($bytes) * factor,
        };
        let rounded: f64 = $round(result);
        if rounded.is_nan() {
            $nan.to_ne_bytes().to_vec()
        } else {
            $from(rounded).to_ne_bytes().to_vec()
        }
    }};
}

/// A truth table, and whether the result is as Rust writes it.
fn truth(op: ReduceOp, a: bool, b: bool) -> bool {
    match op {
        ReduceOp::Sum | ReduceOp::Max | ReduceOp::BitOr => a || b,
        ReduceOp::Product | ReduceOp::Min | ReduceOp::BitAnd => a && b,
        ReduceOp::BitXor => a != b,
        other => panic!("{other} of truth values"),
    }
}

/// The parts of a complex number, by the reference of their own type.
fn complex(part: Dtype, bytes: &[u8], step: Step<'_>) -> Vec<u8> {
    let (re, im) = bytes.split_at(part.size());
    let with = |op, a: &[u8], b: &[u8]| expected(part, a, Step::With(op, b));
    let times = |a: &[u8], b: &[u8]| with(ReduceOp::Product, a, b);
    let plus = |a: &[u8], b: &[u8]| with(ReduceOp::Sum, a, b);
    let parts = match step {
        Step::With(ReduceOp::Product, other) => {
            let (re_2, im_2) = other.split_at(part.size());
            let negative = expected(part, &times(im, im_2), Step::Times(-1.0));
            [plus(&times(re, re_2), &negative), plus(&times(re, im_2), &times(im, re_2))]
        }
        Step::With(op, other) => {
            let (re_2, im_2) = other.split_at(part.size());
            [with(op, re, re_2), with(op, im, im_2)]
        }
        single => [expected(part, re, single), expected(part, im, single)],
    };
    parts.concat()
}

fn expected(dtype: Dtype, bytes: &[u8], step: Step<'_>) -> Vec<u8> {
    match dtype {
        Dtype::Bool => match step {
            Step::With(op, other) => vec![u8::from(truth(op, bytes[0] != 0, other[0] != 0))],
            _ => panic!("truth values are not multiplied"),
        },
        Dtype::F8E4m3 | Dtype::F8E5m2 => panic!("{dtype} is not reduced"),
        Dtype::Complex64 => complex(Dtype::F32, bytes, step),
        Dtype::Complex128 => complex(Dtype::F64, bytes, step),
        Dtype::I16 => whole!(i16, bytes, step),
        Dtype::U16 => whole!(u16, bytes, step),
        Dtype::I8 => whole!(i8, bytes, step),
        Dtype::U8 => whole!(u8, bytes, step),
        Dtype::I32 => whole!(i32, bytes, step),
        Dtype::U32 => whole!(u32, bytes, step),
        Dtype::I64 => whole!(i64, bytes, step),
        Dtype::U64 => whole!(u64, bytes, step),
        // One rounding, by the processor: there is nothing wider to compare with.
        Dtype::F64 => real!(f64, bytes, step, |exact| exact, 0x7ff8_u64 << 48, |value| value),
        Dtype::F32 => {
            let round = |exact| BINARY32.round(exact);
            real!(f32, bytes, step, round, 0x7fc0_0000_u32, |value| value as f32)
        }
        Dtype::F16 => {
            let round = |exact| BINARY16.of(exact);
            real!(half::f16, bytes, step, round, 0x7e00_u16, half::f16::from_f64)
        }
        Dtype::Bf16 => {
            let round = |exact| BFLOAT16.of(exact);
            real!(half::bf16, bytes, step, round, 0x7fc0_u16, half::bf16::from_f64)
        }
    }
}

/// Operands: all pairs of special values, and random bits.
fn operands(dtype: Dtype) -> (Vec<u8>, Vec<u8>) {
    let values = special(dtype);
    let pairs = || values.iter().flat_map(|a| values.iter().map(move |b| (a, b))).step_by(SPARSE);
    let random = CASES * dtype.size();
    let a = pairs().flat_map(|(a, _)| a.clone()).chain(bytes(random, 101)).collect();
    let b = pairs().flat_map(|(_, b)| b.clone()).chain(bytes(random, 202)).collect();
    (a, b)
}

#[test]
fn every_type_and_operation_equals_the_naive_reference() {
    for dtype in Dtype::ALL {
        let (a, b) = operands(dtype);
        let pairs = || a.chunks_exact(dtype.size()).zip(b.chunks_exact(dtype.size()));
        for op in ops(dtype) {
            let expected: Vec<u8> =
                pairs().flat_map(|(a, b)| expected(dtype, a, Step::With(op, b))).collect();
            for kernel in Kernel::available() {
                let mut out = vec![0; a.len()];
                kernel.run(dtype, Job::Combine { op, out: &mut out, a: &a, b: &b });
                assert_same(dtype, &out, &expected, &format!("{op} by {kernel:?}"));
            }
        }
    }
}

#[test]
fn averages_equal_the_naive_reference() {
    for dtype in averaged() {
        let (a, _) = operands(dtype);
        for world in [2, 3, 7, 127, 128, 300, 32_768] {
            let elements = a.chunks_exact(dtype.size());
            let expected: Vec<u8> =
                elements.flat_map(|a| expected(dtype, a, Step::By(world))).collect();
            for kernel in Kernel::available() {
                let mut out = a.clone();
                kernel.run(dtype, Job::Divide { target: &mut out, world });
                assert_same(dtype, &out, &expected, &format!("/ {world} by {kernel:?}"));
            }
        }
    }
}

/// The types that have averages.
fn averaged() -> impl Iterator<Item = Dtype> {
    Dtype::ALL.into_iter().filter(|dtype| ReduceOp::Average.check(*dtype).is_ok())
}

#[test]
fn multiples_equal_the_naive_reference() {
    for dtype in averaged() {
        let (a, _) = operands(dtype);
        // Halves are floats only; every factor is a number of `f32`, as the narrow floats need.
        for factor in [0.0, 1.0, 3.0, 100.0, 0.5, -2.0, 0.333_251_953_125, 65_535.0] {
            if ReduceOp::pre_mul_sum(factor).check(dtype).is_err() {
                continue;
            }
            let elements = a.chunks_exact(dtype.size());
            let expected: Vec<u8> =
                elements.flat_map(|a| expected(dtype, a, Step::Times(factor))).collect();
            for kernel in Kernel::available() {
                let mut out = a.clone();
                kernel.run(dtype, Job::Scale { target: &mut out, factor });
                assert_same(dtype, &out, &expected, &format!("times {factor} by {kernel:?}"));
            }
        }
    }
}

fn assert_same(dtype: Dtype, out: &[u8], expected: &[u8], what: &str) {
    let size = dtype.size();
    let differ = out.chunks_exact(size).zip(expected.chunks_exact(size)).position(|(a, b)| a != b);
    if let Some(index) = differ {
        let at = index * size..(index + 1) * size;
        panic!(
            "{dtype} {what}: element {index} is {:02x?}, not {:02x?}",
            &out[at.clone()],
            &expected[at]
        );
    }
}
