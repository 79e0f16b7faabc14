//! Bytes that an idle peer takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use allocation_counter::measure;
use sealane_cost::{Shape, Star};

/// The most that one may take: control connection, 16 paths, windows, keys and all. Measured: 36.2 KiB where ring
/// seals, whose keys are 2 KiB of it; 34.2 KiB where AWS-LC does, which allocates its keys by itself, uncounted.
const IDLE_PEER_MAX: i64 = 37 << 10;
const PEERS: usize = 8;

/// Bytes that stay allocated of what `act` allocates.
fn kept(total: &mut i64, act: impl FnOnce()) {
    *total += measure(act).bytes_current;
}

#[test]
fn an_idle_peer_takes_little_memory() {
    let mut star = Star::strangers(Shape { peers: PEERS, ports: 4, packet: 8192 });
    let mut bytes = 0;
    for peer in 1..=PEERS {
        let (from, to) = (star.buffer(0, 8), star.buffer(peer, 8));
        star.recv((0, peer), 1, to, 8);
        kept(&mut bytes, || star.send((0, peer), 1, from, 8));
    }
    let mut turns = 0;
    // On after the last acknowledgement, so that handshakes are confirmed and buffers let go.
    while star.nodes[0].done.0 < PEERS || turns < 2000 {
        star.now += Duration::from_micros(500);
        kept(&mut bytes, || star.time_out(0));
        kept(&mut bytes, || {
            star.transmit(0);
        });
        star.deliver(0);
        kept(&mut bytes, || star.collect(0));
        for peer in 1..=PEERS {
            star.time_out(peer);
            star.transmit(peer);
            kept(&mut bytes, || star.deliver(peer));
            star.collect(peer);
        }
        turns += 1;
        assert!(turns < 20_000, "{} of {PEERS} peers answered", star.nodes[0].done.0);
    }
    let each = bytes / PEERS as i64;
    assert!(each > 1000, "{each} bytes cannot be all");
    assert!(each <= IDLE_PEER_MAX, "an idle peer takes {each} bytes");
}
