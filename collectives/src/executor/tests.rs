#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod net;
mod order;

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp, reduce};
use sealane_transport::Rank;

use super::Operands;
use crate::call::{Call, Collective};
use crate::error::CollectiveError;
use net::{NetPort, World};

fn input(call: &Call, rank: u32) -> Vec<u8> {
    let small = |i: u64| (i * 7 + u64::from(rank) * 13) % 5 + 1;
    (0..call.count)
        .flat_map(|i| match call.dtype {
            Dtype::F32 => (small(i) as f32).to_ne_bytes().to_vec(),
            Dtype::F64 => (small(i) as f64).to_ne_bytes().to_vec(),
            Dtype::F16 => half::f16::from_f32(small(i) as f32).to_ne_bytes().to_vec(),
            Dtype::Bf16 => half::bf16::from_f32(small(i) as f32).to_ne_bytes().to_vec(),
            other => small(i).to_le_bytes()[..other.size()].to_vec(),
        })
        .collect()
}

/// What every rank must hold afterwards. Small integers, so that order does not matter to floats.
fn expected(call: &Call, world: u32) -> Vec<u8> {
    match call.collective {
        Collective::Broadcast(root) => input(call, root.0),
        Collective::Barrier => Vec::new(),
        Collective::AllReduce(op) => {
            let mut sum = input(call, 0);
            for rank in 1..world {
                let (a, b) = (sum.clone(), input(call, rank));
                reduce::combine_scalar(call.dtype, op, &mut sum, &a, &b);
            }
            if op == ReduceOp::Average {
                reduce::finish_average(call.dtype, &mut sum, world);
            }
            sum
        }
    }
}

fn check(call: Call, world: u32, overrides: &str, in_place: bool, seed: u64) {
    let mut net = World::new(world, overrides, seed);
    for rank in 0..world {
        net.submit(rank as usize, call, &input(&call, rank), in_place);
    }
    while net.step() {}
    let expected = expected(&call, world);
    for (rank, node) in net.nodes.iter().enumerate() {
        assert_eq!(node.results, [Ok(())], "rank {rank} of {world}: {call}");
        let out = node.buffers.0.bytes(node.regions[0].1, 0, call.bytes()).unwrap();
        assert!(out == expected, "rank {rank} of {world}: {call}");
        assert!(node.executor.is_idle());
        assert_eq!(node.buffers.0.regions(), if in_place { 1 } else { 2 });
    }
}

fn arbitrary_call() -> impl Strategy<Value = Call> {
    let collective = prop_oneof![
        4 => prop::sample::select(ReduceOp::ALL.to_vec()).prop_map(Collective::AllReduce),
        1 => (0..9_u32).prop_map(|root| Collective::Broadcast(Rank(root))),
        1 => Just(Collective::Barrier),
    ];
    let dtype = prop::sample::select(Dtype::ALL.to_vec());
    let count = prop_oneof![Just(0), 1..40_u64, 40..3000_u64];
    (collective, dtype, count).prop_map(|(collective, dtype, count)| Call {
        collective,
        dtype,
        count: if collective == Collective::Barrier { 0 } else { count },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_algorithm_gives_every_rank_the_reference_result(
        call in arbitrary_call(),
        world in 1..=9_u32,
        rules in prop::sample::select(vec![
            "",
            "allreduce:-:ring,broadcast:-:chain",
            "allreduce:-:recursive_doubling,broadcast:-:binomial",
        ]),
        in_place: bool,
        seed: u64,
    ) {
        let call = match call.collective {
            Collective::Broadcast(root) => {
                Call { collective: Collective::Broadcast(Rank(root.0 % world)), ..call }
            }
            _ => call,
        };
        check(call, world, rules, in_place, seed);
    }
}

#[test]
fn large_worlds_work_too() {
    for world in [16, 33] {
        for rules in ["allreduce:-:ring", "allreduce:-:recursive_doubling"] {
            let collective = Collective::AllReduce(ReduceOp::Sum);
            check(Call { collective, dtype: Dtype::F32, count: 700 }, world, rules, true, 5);
        }
    }
}

#[test]
fn operations_under_way_at_once_do_not_mix() {
    for seed in 0..20 {
        let mut net = World::new(4, "", seed);
        let calls: Vec<Call> = [0, 3, 9000, 64, 5000]
            .into_iter()
            .zip([ReduceOp::Sum, ReduceOp::Min, ReduceOp::Max, ReduceOp::Average, ReduceOp::Sum])
            .map(|(count, op)| Call {
                collective: Collective::AllReduce(op),
                dtype: Dtype::F32,
                count,
            })
            .chain([2_u32, 0].map(|root| Call {
                collective: Collective::Broadcast(Rank(root)),
                dtype: Dtype::U8,
                count: 20_000,
            }))
            .collect();
        for call in &calls {
            for rank in 0..4 {
                net.submit(rank, *call, &input(call, rank as u32), seed % 2 == 0);
                let steps = net.random(9);
                for _ in 0..steps {
                    net.step();
                }
            }
        }
        while net.step() {}
        for node in &net.nodes {
            assert_eq!(node.results, vec![Ok(()); calls.len()]);
            for (call, (_, output)) in calls.iter().zip(&node.regions) {
                let out = node.buffers.0.bytes(*output, 0, call.bytes()).unwrap();
                assert!(out == expected(call, 4), "{call}");
            }
        }
    }
}

#[test]
fn nonsense_is_refused_before_anything_is_sent() {
    let mut net = World::new(2, "", 1);
    let node = &mut net.nodes[0];
    let region = node.buffers.0.own(8);
    let operands = Operands { input: region, output: region };
    let mut port = NetPort { net: &mut net.net, rank: 0 };
    let sum = Collective::AllReduce(ReduceOp::Sum);
    for (collective, count) in [(sum, 3), (sum, u64::MAX), (Collective::Broadcast(Rank(2)), 1)] {
        let call = Call { collective, dtype: Dtype::F32, count };
        let refused = node.executor.submit(call, operands, &mut port, &mut node.buffers);
        assert!(matches!(refused, Err(CollectiveError::InvalidArgument(_))), "{call}");
    }
    assert!(net.net.sends.is_empty());
}
