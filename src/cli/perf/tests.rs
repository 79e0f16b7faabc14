#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clap::Parser;
use sealane::{Bool, Complex};

use super::options::{Choice, Perf};
use super::pipeline::Flow;
use super::size::{self, Step, range};
use super::table::{Measured, Row, Summary, heading, line};
use super::values::{Dtype, Op, Pattern, Sample};
use crate::cli::Failure;

/// Types with the reductions that they have: eight of integers with nine each, four of floats with six, truth
/// values with seven, two of complex numbers with four.
const KINDS: usize = 8 * 9 + 4 * 6 + 7 + 2 * 4;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    perf: Perf,
}

fn perf(arguments: &str) -> Result<Perf, clap::Error> {
    Line::try_parse_from(std::iter::once("perf").chain(arguments.split(' '))).map(|line| line.perf)
}

#[test]
fn sizes_are_read_and_refused() {
    for (text, size) in [("8", 8), ("64K", 65_536), ("128M", 128 << 20), ("1g", 1 << 30), ("0", 0)]
    {
        assert_eq!(size::parse(text), Ok(size), "{text}");
    }
    for wrong in ["", "K", "-1", "1.5M", "8 K", "8KB", "x", "1025G", "99999999999999999999", "+8"] {
        assert!(size::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_grow_by_factor_or_step_and_end() {
    assert_eq!(range(8, 64, Step::Factor(2)), [8, 16, 32, 64]);
    assert_eq!(range(10, 35, Step::Bytes(10)), [10, 20, 30]);
    assert_eq!(range(0, 4, Step::Factor(2)), [0, 1, 2, 4]);
    assert_eq!(range(u64::MAX, u64::MAX, Step::Factor(2)), [u64::MAX]);
    assert_eq!(range(9, 8, Step::Factor(2)), [] as [u64; 0]);
}

#[test]
fn options_are_checked_against_each_other() {
    let plan = perf("all_reduce -b 8 -e 32 -f 2 -d all -o all").unwrap().plans().unwrap().remove(0);
    assert_eq!((plan.sizes.len(), plan.kinds.len()), (3, KINDS));
    assert_eq!(plan.step, "2(factor)");
    let plan = perf("broadcast -b 8 -o max").unwrap().plans().unwrap().remove(0);
    assert_eq!((plan.sizes, plan.kinds), (vec![8], vec![(Dtype::F32, Op::Sum)]));
    assert_eq!(perf("barrier").unwrap().plans().unwrap().remove(0).sizes, [0]);

    let rules = |text| perf(text).unwrap().plans().map(|mut plans| plans.remove(0).algorithms);
    assert_eq!(rules("all_gather --algo bruck").unwrap(), "allgather:-:bruck".parse().ok());
    assert_eq!(rules("barrier --algo reduce:8-:chain").unwrap(), "reduce:8-:chain".parse().ok());
    assert_eq!(rules("barrier").unwrap(), None);

    assert!(rules("all_reduce --algo chain").is_err() && rules("gather --algo a:b").is_err());
    assert!(perf("all_reduce -b 64 -e 8").unwrap().plans().is_err());
    assert!(perf("all_reduce -b 1 -e 1G -i 1").unwrap().plans().is_err());
    let several = perf("all_reduce,broadcast,barrier -n 2 --async 4 --group 2").unwrap();
    let names: Vec<&str> =
        several.plans().unwrap().iter().map(|plan| plan.collective.name()).collect();
    assert_eq!(names, ["all_reduce", "broadcast", "barrier"]);
    assert_eq!(several.flow(), Some(Flow { depth: 4, group: 2 }));
    assert_eq!(perf("all_reduce").unwrap().flow(), None);
    assert!(perf("all_reduce,sendrecv --async 2").unwrap().plans().is_ok());
    assert!(perf("write,read").unwrap().plans().is_err());
    assert!(perf("all_reduce -n 65 --threads").unwrap().plans().is_err());
    assert_eq!(rules("all_reduce --algo deterministic").unwrap(), "deterministic".parse().ok());
    for wrong in [
        "all_reduce --threads",
        "all_reduce --async 0",
        "all_reduce -f 1",
        "all_reduce -f 2 -i 8",
        "all_reduce -n 0",
        "all_reduce --loss 1.5",
        "all_reduce --loss NaN",
        "all_reduce --corrupt -0.1",
        "all_reduce -d quaternion",
        "all_reduce -o xor",
        "all_reduce --suite rot13",
        "all_reduce --paths 0",
        "all_reduce --device carrier-pigeon",
        "all_together",
    ] {
        assert!(perf(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn bus_bandwidth_counts_as_in_nccl_tests() {
    let factor =
        |name: &str| perf(name).unwrap().plans().unwrap().remove(0).collective.bus_factor(4);
    for (names, expected) in [
        (&["all_reduce"][..], 1.5),
        (&["reduce_scatter", "all_gather", "gather", "scatter", "alltoall"], 0.75),
        (&["broadcast", "reduce", "sendrecv"], 1.0),
    ] {
        for name in names {
            assert!((factor(name) - expected).abs() < 1e-12, "{name}");
            assert_eq!(perf(name).unwrap().plans().unwrap().remove(0).collective.name(), *name);
        }
    }
}

#[test]
fn percentages_and_fractions_are_probabilities() {
    let (faults, seed) =
        perf("all_reduce --loss 1% --corrupt 0.005 --seed 7").unwrap().injection(2).unwrap();
    assert!((faults.loss - 0.01).abs() < 1e-12 && (faults.corrupt - 0.005).abs() < 1e-12);
    assert_eq!(seed, 9);
    assert_eq!(perf("all_reduce").unwrap().injection(0), None);
}

#[test]
fn names_are_those_of_nccl_and_of_rust() {
    assert_eq!(Dtype::parse("half"), Ok(Choice::One(Dtype::F16)));
    assert_eq!(Dtype::parse("f16"), Ok(Choice::One(Dtype::F16)));
    assert_eq!(Op::parse("all"), Ok(Choice::All));
    assert_eq!(Op::parse("premulsum"), Ok(Choice::One(Op::MulSum)));
    assert_eq!((Dtype::ALL.len(), Op::ALL.len()), (17, 9));
    for dtype in Dtype::ALL {
        assert_eq!(dtype.name(), dtype.element().name());
        assert_eq!(dtype.element().name().parse(), Ok(dtype.element()));
    }
}

/// Of all, what makes sense; of one, a refusal that names both.
#[test]
fn reductions_that_a_type_does_not_have_are_left_out_or_refused() {
    let kinds = |text| perf(text).unwrap().plans().map(|mut plans| plans.remove(0).kinds);
    assert_eq!(kinds("reduce -d bool -o all").unwrap().len(), 7);
    assert_eq!(kinds("reduce -d all -o avg").unwrap().len(), 14);
    assert_eq!(kinds("all_gather -d all -o band").unwrap().len(), 17);
    assert_eq!(kinds("alltoall -d float8e5m2").unwrap(), [(Dtype::F8E5m2, Op::Sum)]);
    for (text, says) in [
        ("all_reduce -d bool -o avg", "bool has no reduction by avg"),
        ("reduce -d complex64 -o max", "complex64 has no reduction by max"),
        ("reduce_scatter -d half -o bxor", "half has no reduction by bxor"),
        ("all_reduce -d float8e4m3 -o all", "float8e4m3 has no reduction by"),
    ] {
        let Err(Failure::Usage(refusal)) = kinds(text) else { panic!("{text}") };
        assert!(refusal.contains(says), "{text}: {refusal}");
    }
}

#[test]
fn the_table_is_that_of_nccl_tests() {
    let measured = |time_us, wrong| Measured { time_us, algbw_gbps: 1.5, busbw_gbps: 2.25, wrong };
    let row = Row {
        collective: "all_reduce",
        size: 1_048_576,
        count: 262_144,
        dtype: "float",
        redop: "sum",
        root: -1,
        out_of_place: measured(698.24, Some(0)),
        in_place: measured(12_345.6, None),
    };
    assert_eq!(
        line(&row),
        "     1048576        262144     float     sum      -1    698.2    1.50    2.25      0    12346    1.50    2.25    N/A\n"
    );
    let lines: Vec<_> = heading().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "#");
    assert_eq!(
        lines[2],
        "#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong"
    );
    assert_eq!(
        lines[3],
        "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)       "
    );
    let footer = Summary::of(&[row]).footer();
    assert_eq!(footer, "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 2.25 \n#\n");
}

#[test]
fn wrong_values_are_summed_up_and_fail() {
    let measured = Measured { time_us: 5.0, algbw_gbps: 0.0, busbw_gbps: 0.0, wrong: Some(3) };
    let row = Row {
        collective: "all_reduce",
        size: 4,
        count: 1,
        dtype: "float",
        redop: "sum",
        root: -1,
        out_of_place: measured,
        in_place: measured,
    };
    let summary = Summary::of(&[row]);
    assert_eq!(summary.out_of_bounds, 6);
    assert!(summary.footer().starts_with("# Out of bounds values : 6 FAILED\n"));
}

/// Reduces in the type itself, in rank order: what any correct implementation must equal.
fn reduce_and_check<T: Sample>(ops: &[Op], reduce: fn(Op, T, T) -> T, world: u32) {
    for op in ops.iter().copied() {
        let pattern = Pattern { op, world, round: 3 };
        let mut result = vec![T::default(); 100];
        let mut term = result.clone();
        pattern.fill(0, &mut result);
        for rank in 1..world {
            pattern.fill(rank, &mut term);
            for (sum, value) in result.iter_mut().zip(&term) {
                let value = if op == Op::MulSum && rank % 2 == 1 {
                    reduce(Op::MulSum, *value, *value)
                } else {
                    *value
                };
                *sum = reduce(op, *sum, value);
            }
        }
        assert_eq!(pattern.wrong_reduction(0, &result), 0, "{op:?}");
        let other = if result[42] == T::exactly(99) { T::exactly(0) } else { T::exactly(99) };
        result[42] = other;
        assert_eq!(pattern.wrong_reduction(0, &result), 1, "{op:?}");
    }
}

#[test]
fn the_expectation_agrees_with_arithmetic_in_the_type() {
    let ordered = [Op::Sum, Op::MulSum, Op::Prod, Op::Min, Op::Max];
    for world in [1, 2, 7, 12, 33] {
        let integer: fn(Op, i8, i8) -> i8 = |op, a, b| match op {
            Op::Sum | Op::Avg | Op::MulSum => a.wrapping_add(b),
            Op::Prod => a.wrapping_mul(b),
            Op::Min => a.min(b),
            Op::Max => a.max(b),
            Op::BitAnd => a & b,
            Op::BitOr => a | b,
            Op::BitXor => a ^ b,
        };
        reduce_and_check::<i8>(&ordered, integer, world);
        reduce_and_check::<i8>(&[Op::BitAnd, Op::BitOr, Op::BitXor], integer, world);
        let float: fn(Op, f32, f32) -> f32 = |op, a, b| match op {
            Op::Prod => a * b,
            Op::Min => a.min(b),
            Op::Max => a.max(b),
            _ => a + b,
        };
        reduce_and_check::<f32>(&ordered, float, world);
        let narrow: fn(Op, half::bf16, half::bf16) -> half::bf16 = |op, a, b| match op {
            Op::Prod => a * b,
            Op::Min => a.min(b),
            Op::Max => a.max(b),
            _ => a + b,
        };
        reduce_and_check::<half::bf16>(&ordered, narrow, world);
        let complex: fn(Op, Complex<f32>, Complex<f32>) -> Complex<f32> =
            |op, a, b| if op == Op::Prod { a * b } else { a + b };
        reduce_and_check::<Complex<f32>>(&[Op::Sum, Op::MulSum, Op::Prod], complex, world);
        let truth: fn(Op, Bool, Bool) -> Bool = |op, a, b| match op {
            Op::Prod | Op::Min | Op::BitAnd => (a.get() && b.get()).into(),
            Op::BitXor => (a.get() != b.get()).into(),
            _ => (a.get() || b.get()).into(),
        };
        let ops = [Op::Sum, Op::Prod, Op::Min, Op::Max, Op::BitAnd, Op::BitOr, Op::BitXor];
        reduce_and_check::<Bool>(&ops, truth, world);
    }
}

#[test]
fn copies_and_averages_are_checked() {
    let pattern = Pattern { op: Op::Avg, world: 3, round: 0 };
    let mut sums = vec![0_f32; 50];
    let mut term = sums.clone();
    for rank in 0..3 {
        pattern.fill(rank, &mut term);
        sums.iter_mut().zip(&term).for_each(|(sum, value)| *sum += value);
    }
    let by_division: Vec<f32> = sums.iter().map(|sum| sum / 3.0).collect();
    let by_reciprocal: Vec<f32> = sums.iter().map(|sum| sum * (1.0 / 3.0)).collect();
    assert_eq!(pattern.wrong_reduction(0, &by_division), 0);
    assert_eq!(pattern.wrong_reduction(0, &by_reciprocal), 0);
    assert_ne!(pattern.wrong_reduction(0, &sums), 0);
    assert_eq!(pattern.wrong_copy(2, 0, &term), 0);
    assert_ne!(pattern.wrong_copy(1, 0, &term), 0);
}
