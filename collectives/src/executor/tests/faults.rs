//! What goes wrong: lost peers, aborts, calls that differ.

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::{Event, LossCause, Rank};

use super::input;
use super::net::{NetPort, World};
use crate::call::{Call, Collective};
use crate::error::CollectiveError;
use crate::executor::Operands;

fn sum(count: u64) -> Call {
    Call { collective: Collective::AllReduce(ReduceOp::Sum), dtype: Dtype::F32, count }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn when_a_rank_dies_every_operation_of_every_survivor_ends_and_nothing_is_left(
        world in 2..=6_u32,
        counts in prop::collection::vec(prop_oneof![0..50_u64, 2000..9000_u64], 1..5),
        victim in 0..6_u32,
        before in 0..400_usize,
        between in 0..40_usize,
        seed: u64,
    ) {
        let victim = victim % world;
        let mut net = World::new(world, "", seed);
        for count in &counts {
            for rank in 0..world {
                net.submit(rank as usize, sum(*count), &input(&sum(*count), rank), true);
            }
        }
        for _ in 0..before {
 net.step();
 }
        net.nodes[victim as usize].dead = true;
        for rank in (0..world).filter(|rank| *rank != victim) {
            let done = net.nodes[rank as usize].results.len();
            let cause = LossCause::Unreachable;
            net.event(rank as usize, &Event::PeerLost { peer: Rank(victim), cause });
            let node = &net.nodes[rank as usize];
            prop_assert_eq!(node.results.len(), counts.len());
            prop_assert!(node.results[..done].iter().all(Result::is_ok));
            for result in &node.results[done..] {
                let lost = matches!(result,
                    Err(CollectiveError::PeerLost { rank, .. }) if *rank == Rank(victim));
                prop_assert!(lost, "{:?}", result);
            }
            prop_assert!(node.executor.is_idle());
            prop_assert_eq!(node.buffers.0.regions(), counts.len(), "only the caller's are left");
            let theirs = |id: &u32| *id == rank;
            prop_assert!(!net.net.recvs.values().any(|(at, _)| theirs(at)));
            for _ in 0..between {
 net.step();
 }
        }
    }
}

#[test]
fn a_broken_communicator_refuses_further_calls() {
    let call = sum(5000);
    let mut net = World::new(3, "", 3);
    net.submit(0, call, &input(&call, 0), true);
    net.event(0, &Event::PeerLost { peer: Rank(2), cause: LossCause::Unreachable });
    let node = &mut net.nodes[0];
    let operands = Operands { input: node.regions[0].0, output: node.regions[0].1 };
    let mut port = NetPort { net: &mut net.net, rank: 0 };
    let again = node.executor.submit(call, operands, &mut port, &mut node.buffers);
    assert!(matches!(again, Err(CollectiveError::PeerLost { rank: Rank(2), .. })));
}

#[test]
fn abort_ends_everything_once_and_the_first_cause_stands() {
    let mut net = World::new(3, "", 3);
    for count in [10, 5000] {
        net.submit(0, sum(count), &input(&sum(count), 0), false);
    }
    let node = &mut net.nodes[0];
    let mut port = NetPort { net: &mut net.net, rank: 0 };
    for reason in ["enough", "again"] {
        node.executor.abort(reason, &mut port, &mut node.buffers);
    }
    for sequence in 0..2 {
        let result = node.executor.poll_completion().unwrap().result;
        let collective = "allreduce";
        let reason = "enough".to_owned();
        assert_eq!(result, Err(CollectiveError::Aborted { collective, sequence, reason }));
    }
    assert_eq!(node.executor.poll_completion(), None);
    assert!(net.net.sends.is_empty() && net.net.recvs.is_empty());
}

#[test]
fn different_calls_are_a_mismatch_for_whoever_hears_of_it() {
    let all_reduce =
        |op, dtype, count| Call { collective: Collective::AllReduce(op), dtype, count };
    let ours = all_reduce(ReduceOp::Sum, Dtype::F32, 8);
    let others = [
        all_reduce(ReduceOp::Max, Dtype::F32, 8),
        all_reduce(ReduceOp::Sum, Dtype::I32, 8),
        all_reduce(ReduceOp::Sum, Dtype::F32, 9),
        all_reduce(ReduceOp::Sum, Dtype::F32, 50_000),
        Call { collective: Collective::Barrier, dtype: Dtype::U8, count: 0 },
    ];
    for other in others {
        for world in [2, 4] {
            let mut net = World::new(world, "", 1);
            for rank in 0..world {
                let call = if rank == 1 { other } else { ours };
                net.submit(rank as usize, call, &vec![0; call.bytes() as usize], true);
            }
            while net.step() {}
            // Who hears first withdraws its own messages; the others are told by the layer above.
            let results = net.nodes.iter().flat_map(|node| &node.results);
            let named = results.filter_map(|result| match result {
                Err(CollectiveError::Mismatch { rank, .. }) => Some(*rank),
                _ => None,
            });
            assert!(named.count() > 0, "{other} in a world of {world}");
        }
    }
}
