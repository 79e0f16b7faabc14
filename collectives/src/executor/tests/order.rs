//! Results against the documented order of reduction, bit for bit.

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp, reduce};

use super::net::{Memory, Node, World};
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::schedule::double_tree::links;
use crate::schedule::{Slot, ring};

const RULES: [&str; 4] = [
    "allreduce:-:ring",
    "allreduce:-:recursive_doubling",
    "allreduce:-:halving_doubling",
    "allreduce:-:double_tree",
];

/// Numbers whose sums depend on the order: signs and magnitudes mixed.
fn rough(call: &Call, rank: u32) -> Vec<u8> {
    (0..call.count)
        .flat_map(|index| {
            let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(rank * 7 + 11);
            let value = (mixed % 20_001) as f32 / 10_000.0 - 1.0;
            let value = value * [1.0, 1.0 / 64.0, 37.0][(mixed >> 40) as usize % 3];
            match call.dtype {
                Dtype::F64 => f64::from(value).to_ne_bytes().to_vec(),
                Dtype::F16 => half::f16::from_f32(value).to_ne_bytes().to_vec(),
                Dtype::Bf16 => half::bf16::from_f32(value).to_ne_bytes().to_vec(),
                _ => value.to_ne_bytes().to_vec(),
            }
        })
        .collect()
}

fn combined(call: &Call, op: ReduceOp, a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![0; a.len()];
    reduce::combine_scalar(call.dtype, op, &mut out, a, b).unwrap();
    out
}

/// Chunk c starts at rank c and meets the ranks after it, one by one.
fn by_ring(call: &Call, op: ReduceOp, world: u32) -> Vec<u8> {
    let inputs: Vec<Vec<u8>> = (0..world).map(|rank| rough(call, rank)).collect();
    let mut result = vec![0; call.bytes() as usize];
    for first in 0..world {
        let span = ring::chunk(call.bytes(), first.into(), world.into(), Slot::Output);
        let range = span.offset as usize..(span.offset + span.length) as usize;
        let of = |step: u32| &inputs[((first + step) % world) as usize][range.clone()];
        let fold = |sum: Vec<u8>, step| combined(call, op, of(step), &sum);
        result[range.clone()].copy_from_slice(&(1..world).fold(of(0).to_vec(), fold));
    }
    result
}

/// Ranks beyond the largest power of two are folded in; then pairs, pairs of pairs, and so on.
fn by_doubling(call: &Call, op: ReduceOp, world: u32) -> Vec<u8> {
    let power = 1 << world.ilog2();
    let mut values: Vec<Vec<u8>> = (0..power)
        .map(|rank| match rank + power {
            extra if extra < world => combined(call, op, &rough(call, rank), &rough(call, extra)),
            _ => rough(call, rank),
        })
        .collect();
    while values.len() > 1 {
        values = values.chunks(2).map(|pair| combined(call, op, &pair[0], &pair[1])).collect();
    }
    values.remove(0)
}

/// A rank and its children's sums, the lower child's first.
fn subtree(call: &Call, op: ReduceOp, (rank, world): (u32, u32), second: bool) -> Vec<u8> {
    let add =
        |sum: Vec<u8>, child| combined(call, op, &sum, &subtree(call, op, (child, world), second));
    links(rank, world, second).children.into_iter().fold(rough(call, rank), add)
}

fn by_trees(call: &Call, op: ReduceOp, world: u32) -> Vec<u8> {
    let root = |second| (0..world).find(|rank| links(*rank, world, second).parent.is_none());
    let [mut first, second] =
        [false, true].map(|which| subtree(call, op, (root(which).unwrap(), world), which));
    let half = (first.len() / 2).next_multiple_of(64).min(first.len());
    first[half..].copy_from_slice(&second[half..]);
    first
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sums_of_floats_are_those_of_the_documented_order_on_every_rank(
        op in prop::sample::select(vec![ReduceOp::Sum, ReduceOp::Product, ReduceOp::Average]),
        dtype in prop::sample::select(vec![Dtype::F32, Dtype::F64, Dtype::F16, Dtype::Bf16]),
        count in 1..700_u64,
        world in 2..=9_u32,
        which in 0..4_usize,
        in_place: bool,
        seed: u64,
    ) {
        let call = Call { collective: Collective::AllReduce(op), dtype, count };
        let mut net = World::new(world, RULES[which], seed);
        for rank in 0..world {
            net.submit(rank as usize, call, &rough(&call, rank), in_place);
        }
        while net.step() {}
        let mut expected = [by_ring, by_doubling, by_doubling, by_trees][which](&call, op, world);
        if op == ReduceOp::Average {
            reduce::finish_average(dtype, &mut expected, world).unwrap();
        }
        for node in &net.nodes {
            prop_assert_eq!(&node.results, &[Ok(())]);
            let out = node.buffers.0.bytes(node.regions[0].1, 0, call.bytes()).unwrap();
            prop_assert!(out == expected, "{} in a world of {}", call, world);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the size, the place in the vector, the hosts and the algorithm that somebody asks for: an
    /// element is the sum by recursive doubling.
    #[test]
    fn deterministic_sums_depend_on_the_world_alone(
        dtype in prop::sample::select(vec![Dtype::F32, Dtype::F16, Dtype::Bf16]),
        count in prop_oneof![1..100_u64, 100..6000_u64],
        world in 2..=9_u32,
        kind in prop::sample::select(vec![1_usize, 3, 4]),
        asked in prop::sample::select(vec!["", "ring", "double_tree", "chain", "hierarchical"]),
        hosts in 1..4_u32,
        in_place: bool,
        seed: u64,
    ) {
        let rules = match (kind, asked) {
            (_, "") => "deterministic".to_owned(),
            (1, "ring" | "double_tree" | "hierarchical") => format!("deterministic,allreduce:-:{asked}"),
            (3, "chain" | "hierarchical") => format!("reduce:-:{asked},deterministic"),
            (4, "ring") => "deterministic,reduce_scatter:-:ring".to_owned(),
            _ => "deterministic".to_owned(),
        };
        let root = seed as u32 % world;
        let op = ReduceOp::Sum;
        let whole = Call { collective: Collective::AllReduce(op), dtype, count };
        let expected = by_doubling(&whole, op, world);
        let size = dtype.size();
        let counts: Vec<u64> = (0..u64::from(world))
            .map(|rank| (count * (rank + 1) / u64::from(world)) - count * rank / u64::from(world))
            .collect();
        let collective = super::case::collective(kind, op, sealane_transport::Rank(root));
        let mut net = World::on_hosts(world, &rules, seed, |rank| rank / 2 % hosts);
        let mut at = 0;
        for rank in 0..world {
            let own = counts[rank as usize] as usize * size;
            let output = match kind {
                1 => count as usize * size,
                3 if rank == root => count as usize * size,
                3 => 0,
                _ => own,
            };
            let in_place = in_place.then_some((0, if kind == 4 { at } else { 0 }));
            at += own;
            let memory = Memory { input: rough(&whole, rank), output, in_place };
            let counts = if kind == 4 { Counts::Uneven(counts.clone().into()) } else { Counts::Even };
            net.submit_counts(rank as usize, Call { collective, ..whole }, &counts, &memory);
        }
        while net.step() {}
        let mut at = 0;
        for (rank, node) in (0..).zip(&net.nodes) {
            prop_assert_eq!(&node.results, &[Ok(())]);
            let own = counts[rank as usize] as usize * size;
            let (from, held) = match kind {
                4 => (at..at + own, if in_place { at } else { 0 }),
                3 if rank != root => (0..0, 0),
                _ => (0..expected.len(), 0),
            };
            at += own;
            let length = from.len() as u64;
            let out = node.buffers.0.bytes(node.regions[0].1, held as u64, length).unwrap();
            prop_assert!(out == &expected[from], "{} of rank {rank} in a world of {world}", collective.name());
        }
    }
}

/// Which of the two is taken depends on the size; the bits must not.
#[test]
fn both_ways_of_a_reduce_scatter_give_the_same_bits() {
    for world in 2..=9 {
        let call = Call {
            collective: Collective::ReduceScatter(ReduceOp::Sum),
            dtype: Dtype::F32,
            count: 37,
        };
        let whole = Call { count: 37 * u64::from(world), ..call };
        let results = ["ring", "direct"].map(|algorithm| {
            let mut net = World::new(world, &format!("reduce_scatter:-:{algorithm}"), 3);
            for rank in 0..world {
                let input = rough(&whole, rank);
                let memory = Memory { input, output: 37 * 4, in_place: None };
                net.submit_counts(rank as usize, call, &Counts::Even, &memory);
            }
            while net.step() {}
            let held = |node: &Node| {
                assert_eq!(node.results, [Ok(())]);
                node.buffers.0.bytes(node.regions[0].1, 0, 37 * 4).unwrap().to_vec()
            };
            net.nodes.iter().map(held).collect::<Vec<_>>()
        });
        assert!(results[0] == results[1], "in a world of {world}");
    }
}
