//! What the flight recorder and the counters say.

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::{LossCause, Rank};

use super::net::World;
use crate::call::{Call, Collective};
use crate::executor::State;

fn sum(count: u64) -> Call {
    Call { collective: Collective::AllReduce(ReduceOp::Sum), dtype: Dtype::F32, count }
}

fn submit(net: &mut World, rank: usize, call: Call) {
    net.submit(rank, call, &vec![0; call.bytes() as usize], true);
}

/// Rank 2 never calls: whoever asks the others learns, from neighbour to neighbour, that it is missing.
#[test]
fn a_stuck_operation_says_who_waits_for_whom() {
    let mut net = World::new(4, "allreduce:-:ring", 1);
    for rank in [0, 1, 3] {
        submit(&mut net, rank, sum(100));
    }
    while net.step() {}
    let waits = |rank: usize| {
        let record = net.nodes[rank].executor.record();
        assert_eq!((record.len(), &record[0].state), (1, &State::Running), "rank {rank}");
        record[0].clone()
    };
    assert!(waits(3).waits_for.contains(&Rank(2)), "the ring goes upwards");
    assert!(waits(1).unacknowledged.contains(&Rank(2)));
    assert!(waits(0).waits_for.contains(&Rank(3)));
    let text = waits(3).to_string();
    assert!(
        text.contains("#0 allreduce of 100 float by sum by ring") && text.contains("waits for"),
        "{text}"
    );
}

#[test]
fn the_record_keeps_the_last_operations_and_how_they_ended() {
    let mut net = World::new(2, "", 1);
    for _ in 0..300 {
        (0..2).for_each(|rank| submit(&mut net, rank, sum(3)));
        while net.step() {}
    }
    submit(&mut net, 0, sum(9000));
    net.lose(0, Rank(1), false);
    let executor = &net.nodes[0].executor;
    let record = executor.record();
    assert_eq!(record.len(), 256, "a ring: the oldest are gone");
    assert_eq!(record.last().unwrap().sequence, 300);
    assert!(record.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
    assert!(record[..255].iter().all(|one| one.state == State::Done && one.waits_for.is_empty()));
    let State::Failed(error) = &record[255].state else { panic!("{:?}", record[255]) };
    assert!(error.to_string().contains(&LossCause::Unreachable.to_string()));
    assert!(record[255].waits_for.contains(&Rank(1)), "as it was when it failed");
    let counters = executor.counters();
    let all = counters.collectives["allreduce"];
    assert_eq!((all.completed, all.failed, all.bytes), (300, 1, 300 * 12));
    let peer = counters.peers[&Rank(1)];
    assert_eq!((peer.messages_received, peer.bytes_received), (300, 300 * 12));
    assert!(peer.messages_sent >= 299 && counters.peers.len() == 1);
}
