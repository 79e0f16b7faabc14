//! Instructions of the hot paths, counted by callgrind: the same on every machine and at every load, so
//! they gate. A count may exceed its committed value by [`TOLERANCE`] percent; whoever lowers one commits
//! the new value.
//!
//! `benches/cost/instructions.sh` installs what it needs and runs it, in the test profile.
#![allow(missing_docs, reason = "a bench has no users")]
#![allow(unused_qualifications, reason = "the macros' own")]

use std::hint::black_box;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use sealane_cost::{AllReduce, Shape, Star};

/// How much more than committed is allowed, in percent: compilers differ that much.
const TOLERANCE: u64 = 10;

/// Bytes of a packet: the least that paths carry, so that the cipher does not hide the protocol.
const PACKET: u16 = 1200;
/// Bytes of the message under way: more than the turns send.
const MESSAGE: usize = 16 << 20;
/// Bytes of the messages before it.
const WARM: usize = 1 << 20;

/// Packets of the turn that is counted.
const PACKETS: usize = 512;

/// Fails above `instructions` and the tolerance.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions * (100 + TOLERANCE) / 100)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

/// A large message is under way from the middle to a peer, and more may be sent now.
fn under_way() -> Star {
    let mut star = Star::new(Shape { peers: 1, ports: 4, packet: PACKET });
    let buffers = (star.buffer(0, MESSAGE), star.buffer(1, MESSAGE));
    for tag in 0..2 {
        star.exchange((0, 1), tag, buffers, WARM);
    }
    star.recv((0, 1), 2, buffers.1, MESSAGE);
    star.send((0, 1), 2, buffers.0, MESSAGE);
    star.turn();
    star.turn();
    star
}

/// The turn's packets are posted.
fn posted() -> Star {
    let mut star = under_way();
    star.transmit(0);
    assert_eq!(star.nodes[0].device.packets(), PACKETS);
    star
}

/// They have arrived, and their acknowledgement is posted.
fn acknowledged() -> Star {
    let mut star = posted();
    star.deliver(0);
    star.transmit(1);
    star
}

/// All-reduces have gone before.
fn reducing() -> AllReduce {
    let mut ranks = AllReduce::new(2, PACKET);
    // Beyond what the flight recorder keeps: its rings no longer grow.
    for _ in 0..300 {
        ranks.run();
    }
    ranks
}

// Frames, nonce, seal, ledger and post of each packet of a turn.
#[library_benchmark]
#[bench::turn(setup = under_way, args = (), config = at_most(3_064_203))]
fn seal_and_post(mut star: Star) -> Star {
    black_box(star.transmit(0));
    star
}

// Header, window, open, bitmap and copy into user memory of each.
#[library_benchmark]
#[bench::turn(setup = posted, args = (), config = at_most(3_389_235))]
fn receive_open_place(mut star: Star) -> Star {
    star.deliver(0);
    star
}

// All acknowledgements of them, by the side that sent them.
#[library_benchmark]
#[bench::turn(setup = acknowledged, args = (), config = at_most(365_876))]
fn acknowledgement(mut star: Star) -> Star {
    star.deliver(1);
    star
}

// Both ranks, from the call to the end.
#[library_benchmark]
#[bench::bytes_8(setup = reducing, args = (), config = at_most(58_282))]
fn all_reduce(mut ranks: AllReduce) -> AllReduce {
    ranks.run();
    ranks
}

library_benchmark_group!(
    name = hot_paths,
    benchmarks = [seal_and_post, receive_open_place, acknowledgement, all_reduce]
);
main!(library_benchmark_groups = hot_paths);
