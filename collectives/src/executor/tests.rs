#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod case;
mod faults;
mod net;
mod order;
mod rounding;
mod seen;

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

use super::Operands;
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::error::CollectiveError;
use crate::plan::Algorithm;
use case::{Case, cases, collective};
use net::{Memory, NetPort, World};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_algorithm_gives_every_rank_the_reference_result(case in cases(9)) {
        case.run();
    }

    #[test]
    fn operations_under_way_at_once_do_not_mix(
        mut cases in prop::collection::vec(cases(5), 2..6),
        world in 1..=5_u32,
        pauses in prop::collection::vec(0..60_usize, 30),
        seed: u64,
    ) {
        for case in &mut cases {
            case.move_to(world);
            case.count = case.count.min(500);
        }
        let mut net = World::new(world, "", seed);
        for (case, pauses) in cases.iter().zip(pauses.chunks(5)) {
            for rank in 0..world {
                let counts = case.counts(rank);
                net.submit_counts(rank as usize, case.call(), &counts, &case.memory(rank));
                for _ in 0..pauses[rank as usize] {
                    net.step();
                }
            }
        }
        while net.step() {}
        for (index, case) in cases.iter().enumerate() {
            case.check(&net, index);
        }
        prop_assert!(net.nodes.iter().all(|node| node.executor.is_idle()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_algorithm_gives_the_reference_result_in_worlds_of_up_to_33(
        world in 1..=33_u32,
        mut case in cases(33),
    ) {
        case.move_to(world);
        case.count = case.count.min(1200);
        case.run();
    }
}

/// A factor of each rank's own: the sum is that of the products, in place and out of it.
#[test]
fn a_pre_multiplied_sum_weighs_each_rank_by_its_own_factor() {
    for (world, in_place) in [(1, false), (2, true), (3, false), (5, true)] {
        for kind in [1, 3, 4] {
            let mut net = World::new(world, "", 9);
            for rank in 0..world {
                let op = ReduceOp::pre_mul_sum(f64::from(rank + 1));
                let collective = collective(kind, op, Rank(0));
                let call = Call { collective, dtype: Dtype::F32, count: 2 };
                let count = if kind == 4 { 2 * world as usize } else { 2 };
                let input: Vec<u8> = (0..count).flat_map(|_| 3.0_f32.to_ne_bytes()).collect();
                let output = if kind == 3 && rank > 0 { 0 } else { 8 };
                let own = if kind == 4 { 8 * rank as usize } else { 0 };
                let in_place = in_place.then_some((0, own));
                let memory = Memory { input, output, in_place };
                net.submit_counts(rank as usize, call, &Counts::Even, &memory);
            }
            while net.step() {}
            let expected = (3 * world * (world + 1) / 2) as f32;
            for (rank, node) in net.nodes.iter().enumerate() {
                assert_eq!(node.results, [Ok(())]);
                if kind == 3 && rank > 0 {
                    continue;
                }
                let own = if kind == 4 && in_place { 8 * rank as u64 } else { 0 };
                let result = node.buffers.0.bytes(node.regions[0].1, own, 8).unwrap();
                assert_eq!(result, [expected.to_ne_bytes(), expected.to_ne_bytes()].concat());
            }
        }
    }
}

#[test]
fn a_reduction_that_a_type_does_not_have_is_refused_by_name() {
    let mut net = World::new(2, "", 1);
    let node = &mut net.nodes[0];
    let region = node.buffers.0.own(64);
    let operands = Operands { input: region, output: region };
    let mut port = NetPort { net: &mut net.net, rank: 0 };
    for (op, dtype) in [
        (ReduceOp::Min, Dtype::Complex64),
        (ReduceOp::Sum, Dtype::F8E4m3),
        (ReduceOp::Average, Dtype::Bool),
        (ReduceOp::BitXor, Dtype::F32),
        (ReduceOp::pre_mul_sum(0.5), Dtype::I32),
    ] {
        let call = Call { collective: Collective::AllReduce(op), dtype, count: 1 };
        let refused = node.executor.submit(call, operands, &mut port, &mut node.buffers);
        assert_eq!(refused, Err(op.check(dtype).unwrap_err().into()));
    }
    assert!(net.net.sends.is_empty());
    assert_eq!(node.buffers.0.regions(), 1);
}

/// Every collective, algorithm and place at the sizes at which something begins or ends: nothing, one
/// element, an odd number of them, a granule more or less, many segments.
#[test]
fn sizes_at_the_edges_work_in_all_worlds() {
    for kind in 0..9 {
        for world in 1..=9 {
            let root = Rank(world / 2);
            let collective = collective(kind, ReduceOp::Sum, root);
            for algorithm in Algorithm::of(collective) {
                for (count, dtype) in [
                    (0, Dtype::F32),
                    (1, Dtype::U8),
                    (15, Dtype::Bf16),
                    (16, Dtype::F32),
                    (17, Dtype::F32),
                    (1001, Dtype::I64),
                ] {
                    let count = if kind == 0 { 0 } else { count };
                    for (in_place, uneven) in [(false, false), (true, false), (false, true)] {
                        Case {
                            collective,
                            dtype,
                            count,
                            uneven: uneven && kind >= 4,
                            algorithm: *algorithm,
                            in_place,
                            world,
                            seed: u64::from(world) * 31 + count,
                        }
                        .run();
                    }
                }
            }
        }
    }
}

#[test]
fn large_worlds_work_too() {
    for world in [16, 33] {
        for kind in 0..9 {
            let collective = collective(kind, ReduceOp::Sum, Rank(3));
            for algorithm in Algorithm::of(collective) {
                let count = [0, 700, 700, 700, 40, 40, 40, 40, 20][kind];
                let (dtype, algorithm) = (Dtype::F32, *algorithm);
                let (in_place, uneven) = (world == 16, world == 33 && kind >= 4);
                let seed = 5;
                Case { collective, dtype, count, uneven, algorithm, in_place, world, seed }.run();
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

/// An empty block leaves its slot of scratch untouched; the block after it took that for a sign that
/// what had been there before was acknowledged.
#[test]
fn empty_blocks_do_not_free_the_scratch_that_others_are_still_sent_from() {
    for seed in 0..4 {
        for world in [15, 18, 21] {
            Case {
                collective: Collective::ReduceScatter(ReduceOp::Sum),
                dtype: Dtype::F32,
                count: 40,
                uneven: true,
                algorithm: Algorithm::Ring,
                in_place: false,
                world,
                seed,
            }
            .run();
        }
    }
}
