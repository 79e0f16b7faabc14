//! How far sums of rounded numbers are from the exact ones: within the bound that the crate documents.

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp};

use super::net::World;
use crate::call::{Call, Collective};

/// Half a unit of the last place, relative.
fn unit(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => 2_f64.powi(-11),
        Dtype::Bf16 => 2_f64.powi(-8),
        Dtype::F32 => 2_f64.powi(-24),
        other => panic!("{other}"),
    }
}

/// Additions on the longest way of an element, at most.
fn additions(algorithm: &str, world: u32) -> i32 {
    let rounds = world.next_power_of_two().ilog2() as i32;
    match algorithm {
        "ring" => world as i32 - 1,
        "recursive_doubling" | "halving_doubling" => rounds,
        // Two additions at each rank on the way to the root.
        _ => 2 * (2 * rounds + 2),
    }
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    let narrow = |chunk: &[u8]| [chunk[0], chunk[1]];
    match dtype {
        Dtype::F16 => {
            bytes.chunks(2).map(|c| half::f16::from_ne_bytes(narrow(c)).to_f64()).collect()
        }
        Dtype::Bf16 => {
            bytes.chunks(2).map(|c| half::bf16::from_ne_bytes(narrow(c)).to_f64()).collect()
        }
        _ => bytes.chunks(4).map(|c| f32::from_ne_bytes(c.try_into().unwrap()).into()).collect(),
    }
}

/// Numbers of both signs over four orders of magnitude, that cancel.
fn input(dtype: Dtype, count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let fraction = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
        fraction * [1.0, 100.0, 0.01][state as usize % 3]
    };
    (0..count)
        .flat_map(|_| match dtype {
            Dtype::F16 => half::f16::from_f32(draw()).to_ne_bytes().to_vec(),
            Dtype::Bf16 => half::bf16::from_f32(draw()).to_ne_bytes().to_vec(),
            _ => draw().to_ne_bytes().to_vec(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn sums_and_averages_are_within_the_documented_bound_of_the_exact_ones(
        dtype in prop::sample::select(vec![Dtype::F32, Dtype::F16, Dtype::Bf16]),
        op in prop::sample::select(vec![ReduceOp::Sum, ReduceOp::Average, ReduceOp::pre_mul_sum(0.3)]),
        algorithm in prop::sample::select(
            vec!["ring", "recursive_doubling", "halving_doubling", "double_tree"]
        ),
        world in 2..=33_u32,
        count in 1..200_usize,
        seed: u64,
    ) {
        let call = Call { collective: Collective::AllReduce(op), dtype, count: count as u64 };
        let mut net = World::new(world, &format!("allreduce:-:{algorithm}"), seed);
        let inputs: Vec<Vec<u8>> =
            (0..world).map(|rank| input(dtype, count, seed ^ u64::from(rank) << 32)).collect();
        for (rank, input) in inputs.iter().enumerate() {
            net.submit(rank, call, input, true);
        }
        while net.step() {}
        let result = net.nodes[0].buffers.0.bytes(net.nodes[0].regions[0].1, 0, call.bytes());
        let result = decode(dtype, result.unwrap());
        let inputs: Vec<Vec<f64>> = inputs.iter().map(|input| decode(dtype, input)).collect();
        let factor = match op {
            ReduceOp::Average => 1.0 / f64::from(world),
            ReduceOp::PreMulSum(factor) => factor.get(),
            _ => 1.0,
        };
        // One more rounding for a product or a quotient; and the factor itself is rounded to f32.
        let more = i32::from(op != ReduceOp::Sum);
        let bound = (1.0 + unit(dtype)).powi(additions(algorithm, world) + more) - 1.0 + 2_f64.powi(-24);
        // Below the normal range a rounding is off by half the smallest number.
        let smallest = if dtype == Dtype::F16 { 2_f64.powi(-25) } else { 0.0 };
        for (index, value) in result.iter().enumerate() {
            let exact: f64 = inputs.iter().map(|input| input[index] * factor).sum();
            let size: f64 = inputs.iter().map(|input| (input[index] * factor).abs()).sum();
            let limit = bound * size + smallest * f64::from(world);
            prop_assert!((value - exact).abs() <= limit, "{} not within {} of {}", value, limit, exact);
        }
    }
}
