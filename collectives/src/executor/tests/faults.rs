//! What goes wrong: lost peers, aborts, calls that differ.

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::{Event, LossCause, Rank};

use super::case::{Case, cases};
use super::net::{Memory, NetPort, World};
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::error::CollectiveError;
use crate::executor::{Executor, Operands};

fn sum(count: u64) -> Call {
    Call { collective: Collective::AllReduce(ReduceOp::Sum), dtype: Dtype::F32, count }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn when_a_rank_dies_every_operation_of_every_survivor_ends_and_nothing_is_left(
        mut cases in prop::collection::vec(cases(6), 1..5),
        world in 2..=6_u32,
        victim in 0..6_u32,
        before in 0..400_usize,
        between in 0..40_usize,
        by_notice: bool,
        seed: u64,
    ) {
        let victim = victim % world;
        let rules: Vec<String> = cases.iter().map(Case::rules).collect();
        let mut net = World::new(world, &rules.join(","), seed);
        for case in &mut cases {
            case.move_to(world);
            case.submit(&mut net);
        }
        for _ in 0..before {
            net.step();
        }
        net.nodes[victim as usize].dead = true;
        for rank in (0..world).filter(|rank| *rank != victim) {
            let done = net.nodes[rank as usize].results.len();
            net.lose(rank as usize, Rank(victim), by_notice);
            let node = &net.nodes[rank as usize];
            prop_assert_eq!(node.results.len(), cases.len());
            prop_assert!(node.results[..done].iter().all(Result::is_ok));
            for result in &node.results[done..] {
                let lost = matches!(result,
                    Err(CollectiveError::PeerLost { rank, .. }) if *rank == Rank(victim));
                prop_assert!(lost, "{:?}", result);
            }
            prop_assert!(node.executor.is_idle());
            let lent: usize = cases.iter().map(|case| if case.in_place { 1 } else { 2 }).sum();
            prop_assert_eq!(node.buffers.0.regions(), lent, "only the caller's are left");
            prop_assert!(!net.net.recvs.values().any(|(at, _)| *at == rank));
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
    net.submit(0, call, &vec![0; call.bytes() as usize], true);
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
        net.submit(0, sum(count), &vec![0; 4 * count as usize], false);
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
    let float = |collective, count| Call { collective, dtype: Dtype::F32, count };
    let all_reduce = |op, count| float(Collective::AllReduce(op), count);
    let ours = all_reduce(ReduceOp::Sum, 8);
    let others = [
        all_reduce(ReduceOp::Max, 8),
        Call { dtype: Dtype::I32, ..ours },
        all_reduce(ReduceOp::Sum, 9),
        all_reduce(ReduceOp::Sum, 50_000),
        float(Collective::AllToAll, 8),
        float(Collective::AllGather, 8),
        float(Collective::ReduceScatter(ReduceOp::Sum), 8),
        Call { collective: Collective::Barrier, dtype: Dtype::U8, count: 0 },
    ];
    for other in others {
        for world in [2, 4] {
            let mut net = World::new(world, "", 1);
            for rank in 0..world {
                let call = if rank == 1 { other } else { ours };
                let bytes = vec![0; call.bytes() as usize * world as usize];
                net.submit(rank as usize, call, &bytes, true);
            }
            while net.step() {}
            assert!(net.mismatches() > 0, "{other} in a world of {world}");
        }
    }
}

/// What one rank sends another is what the other expects: even where one of them expects nothing.
#[test]
fn lists_of_an_all_to_all_that_disagree_are_a_mismatch() {
    for (sent, expected) in [(5, 4), (5, 0), (0, 5)] {
        let mut net = World::new(2, "", 1);
        let counts = |to: [u64; 2], from: [u64; 2]| Counts::Pairs {
            to: to.to_vec().into(),
            from: from.to_vec().into(),
        };
        let call = Call { collective: Collective::AllToAll, dtype: Dtype::U8, count: 0 };
        let memory = Memory { input: vec![1; 16], output: 16, in_place: None };
        net.submit_counts(0, call, &counts([1, sent], [1, 1]), &memory);
        net.submit_counts(1, call, &counts([1, 1], [expected, 1]), &memory);
        while net.step() {}
        assert!(net.mismatches() > 0, "{sent} sent, {expected} expected");
    }
}

#[test]
fn who_is_told_of_a_mismatch_learns_who_called_what() {
    let told = |by, differs, theirs: &str| {
        let mut net = World::new(4, "", 1);
        net.submit(2, sum(1000), &vec![0; 4000], true);
        let node = &mut net.nodes[2];
        let mut port = NetPort { net: &mut net.net, rank: 2 };
        let notice = (0, theirs.to_owned());
        node.executor.on_mismatch_notice(
            (Rank(by), Rank(differs)),
            notice,
            &mut port,
            &mut node.buffers,
        );
        assert_eq!(node.executor.mismatch().unwrap().ours, Some((0, sum(1000).to_string())));
        match node.executor.poll_completion().unwrap().result {
            Err(CollectiveError::Mismatch { rank, theirs, .. }) => (rank.0, theirs),
            other => panic!("{other:?}"),
        }
    };
    let (same, other) = (sum(1000).to_string(), "barrier");
    assert_eq!(told(0, 1, &same), (1, None), "we side with the one that tells us");
    assert_eq!(told(0, 1, other), (0, Some(other.to_owned())));
    assert_eq!(told(0, 2, &same), (0, Some(same.clone())), "it is we who differ");
    assert_eq!(told(0, 1, ""), (1, None), "whoever tells us has not come to the call itself");
}

/// A rank that had done its part in a call and gone on took the one that told it of a difference for the
/// one that differed, and compared its next call with it.
#[test]
fn a_mismatch_in_a_call_that_has_ended_here_is_told_of_that_call() {
    let first = Call { collective: Collective::Broadcast(Rank(0)), dtype: Dtype::F32, count: 60 };
    let mut net = World::new(3, "", 1);
    for rank in 0..3 {
        net.submit(rank, first, &vec![0; 240], true);
    }
    while net.step() {}
    let told = |net: &mut World, rank: usize, sequence| {
        net.submit(rank, sum(1000), &vec![0; 4000], true);
        let node = &mut net.nodes[rank];
        while node.executor.poll_completion().is_some_and(|one| one.result.is_ok()) {}
        let mut port = NetPort { net: &mut net.net, rank: rank as u32 };
        let notice = (sequence, first.to_string());
        let ranks = (Rank(0), Rank(2));
        node.executor.on_mismatch_notice(ranks, notice, &mut port, &mut node.buffers);
        match node.executor.poll_completion().unwrap().result {
            Err(CollectiveError::Mismatch { rank, ours, sequence, .. }) => (rank, ours, sequence),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(&mut net, 1, 0), (Rank(2), first.to_string(), 0), "we side with rank 0");
    assert_eq!(told(&mut net, 2, 7), (Rank(0), "nothing yet".to_owned(), 7), "still to come");
}

#[test]
fn ranks_that_plan_differently_notice_it() {
    let call = sum(1000);
    let mut net = World::new(2, "", 1);
    let ring = "allreduce:-:ring".parse().unwrap();
    net.nodes[1].executor = Executor::new(Rank(1), 2, 7, ring);
    for rank in 0..2 {
        net.submit(rank, call, &vec![0; 4000], true);
    }
    while net.step() {}
    assert!(net.mismatches() > 0);
}
