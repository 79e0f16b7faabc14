//! What a data packet allocates in steady state: nothing, in the core and above it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use allocation_counter::measure;
use sealane_cost::{Shape, Star};

const MESSAGE: usize = 32 << 20;

#[test]
fn data_packets_allocate_nothing_in_the_core() {
    let mut star = Star::new(Shape { peers: 1, ports: 4, packet: 8192 });
    let buffers = (star.buffer(0, MESSAGE), star.buffer(1, MESSAGE));
    for tag in 0..2 {
        star.exchange((0, 1), tag, buffers, MESSAGE);
    }
    star.recv((0, 1), 2, buffers.1, MESSAGE);
    star.send((0, 1), 2, buffers.0, MESSAGE);
    star.turn();
    star.turn();
    let before = star.nodes[0].endpoint.stats().packets_sent;
    let counted = measure(|| {
        for _ in 0..4 {
            star.turn();
        }
    });
    let packets = star.nodes[0].endpoint.stats().packets_sent - before;
    assert!(packets > 500, "only {packets} packets");
    assert_eq!(star.nodes[1].done.1, 2, "the message is still under way");
    assert_eq!(counted.count_total, 0, "allocations of {packets} packets sent and received");
}

/// Allocations of one rank's thread for an all-reduce of so many bytes.
fn all_reduce_allocations(bytes: usize) -> u64 {
    let counts = sealane::local::run(2, |communicator| {
        let mut values = vec![1.0_f32; bytes / 4];
        for _ in 0..3 {
            communicator.all_reduce(&mut values, sealane::ReduceOp::Max)?;
        }
        let mut least = u64::MAX;
        // Whoever waits drives; now and then that is the background thread, or a timer falls due.
        for _ in 0..5 {
            let counted = measure(|| {
                communicator.all_reduce(&mut values, sealane::ReduceOp::Max).unwrap();
            });
            least = least.min(counted.count_total);
        }
        Ok(least)
    });
    counts.unwrap().into_iter().max().unwrap()
}

#[test]
fn an_all_reduce_of_many_packets_allocates_as_often_as_one_of_few() {
    let (few, many) = (all_reduce_allocations(2 << 20), all_reduce_allocations(32 << 20));
    // Thirty mebibytes more are 460 packets more at loopback's size.
    assert!(many <= few + 40, "{few} allocations for 2 MiB, {many} for 32 MiB");
}
