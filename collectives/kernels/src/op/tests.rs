#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{ReduceOp, Unsupported};
use crate::dtype::Dtype;
use crate::reduce::{combine, finish_average, reduce, scale};
use crate::{Bool, Element};

/// What the table in the documentation says, type by type.
fn has(dtype: Dtype, op: ReduceOp) -> bool {
    use ReduceOp::{Average, BitAnd, BitOr, BitXor, Max, Min, PreMulSum};
    match dtype {
        Dtype::F8E4m3 | Dtype::F8E5m2 => false,
        Dtype::Bool => !matches!(op, Average | PreMulSum(_)),
        Dtype::Complex64 | Dtype::Complex128 => !matches!(op, Min | Max | BitAnd | BitOr | BitXor),
        Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::Bf16 => {
            !matches!(op, BitAnd | BitOr | BitXor)
        }
        _ => true,
    }
}

#[test]
fn what_makes_no_sense_is_a_typed_error_and_changes_nothing() {
    for dtype in Dtype::ALL {
        for op in ReduceOp::ALL {
            let before = vec![0x5a; 64];
            let mut bytes = before.clone();
            let done = reduce(dtype, op, &mut bytes, &[0x33; 64]);
            if has(dtype, op) {
                assert_eq!(done, Ok(()), "{dtype} {op}");
                continue;
            }
            let refused = Err(Unsupported::Operation { op, dtype });
            assert_eq!(done, refused);
            assert_eq!(combine(dtype, op, &mut bytes, &[1; 64], &[2; 64]), refused);
            match op {
                ReduceOp::Average => assert_eq!(finish_average(dtype, &mut bytes, 3), refused),
                ReduceOp::PreMulSum(factor) => {
                    assert_eq!(scale(dtype, &mut bytes, factor), refused);
                }
                _ => {}
            }
            assert_eq!(bytes, before, "{dtype} {op}");
        }
    }
}

#[test]
fn integers_are_multiplied_by_integers_that_they_have() {
    let ok = |factor, dtype| ReduceOp::pre_mul_sum(factor).check(dtype).is_ok();
    for (dtype, low, high) in [
        (Dtype::I8, -128.0, 127.0),
        (Dtype::U8, 0.0, 255.0),
        (Dtype::I16, -32_768.0, 32_767.0),
        (Dtype::U16, 0.0, 65_535.0),
        (Dtype::I32, -2_147_483_648.0, 2_147_483_647.0),
        (Dtype::U32, 0.0, 4_294_967_295.0),
        (Dtype::I64, -(2_f64.powi(63)), 2_f64.powi(62)),
        (Dtype::U64, 0.0, 2_f64.powi(63)),
    ] {
        assert!(ok(low, dtype) && ok(high, dtype), "{dtype}");
        assert!(!ok(0.5, dtype) && !ok(f64::NAN, dtype) && !ok(f64::INFINITY, dtype), "{dtype}");
    }
    assert!(!ok(-1.0, Dtype::U64) && !ok(2_f64.powi(64), Dtype::U64));
    assert!(!ok(-129.0, Dtype::I8) && !ok(128.0, Dtype::I8) && !ok(2_f64.powi(63), Dtype::I64));
    let refused = ReduceOp::pre_mul_sum(0.5).check(Dtype::I8).unwrap_err();
    assert_eq!(refused.to_string(), "0.5 is not a factor that int8 can have");
}

#[test]
fn names_are_read_as_they_are_written() {
    for dtype in Dtype::ALL {
        assert_eq!(dtype.name().parse(), Ok(dtype));
    }
    for op in ReduceOp::ALL {
        let name = match op {
            ReduceOp::PreMulSum(factor) => format!("premulsum:{factor}"),
            other => other.to_string(),
        };
        assert_eq!(name.parse(), Ok(op));
    }
    assert!("premulsum".parse::<ReduceOp>().is_err() && "premulsum:x".parse::<ReduceOp>().is_err());
    let codes: std::collections::BTreeSet<u8> = ReduceOp::ALL.map(ReduceOp::code).into();
    assert_eq!(codes.len(), ReduceOp::ALL.len());
}

#[test]
fn any_byte_but_zero_is_true() {
    assert_eq!(Bool::DTYPE, Dtype::Bool);
    assert_eq!(Bool::from_bits(0x80), Bool::from(true));
    assert!(bool::from(Bool::from_bits(2)) && !Bool::default().get());
}
