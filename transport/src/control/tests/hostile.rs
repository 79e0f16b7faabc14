//! Garbage, floods and broken streams.

use rand::{Rng, RngCore};

use super::harness::*;
use crate::control::*;
use crate::ids::Rank;

const SECOND: Duration = Duration::from_secs(1);

fn from(remote: SocketAddr) -> Route {
    Route { local: 0, remote }
}

#[test]
fn random_datagrams_neither_panic_nor_linger() {
    let mut net = Net::of(1, FAIR, 1);
    let mut rng = StdRng::seed_from_u64(1);
    let mut bytes = vec![0; 1500];
    let mut buffer = Vec::new();
    for round in 0..20_000 {
        let length = rng.random_range(0..bytes.len());
        rng.fill_bytes(&mut bytes[..length]);
        if let [first, version @ ..] = &mut bytes[..length]
            && round % 2 == 0
            && version.len() >= 4
        {
            // A long header of QUIC version 1, so that parsing goes further.
            *first = 0xc0 | (*first & 0x3f);
            version[..4].copy_from_slice(&[0, 0, 0, 1]);
        }
        let now = net.now;
        net.node(0).handle(now, from(address(round % 300)), Ecn::Ce, &bytes[..length]);
        while net.node(0).poll_transmit(now, &mut buffer).is_some() {}
    }
    net.run(5 * TIMEOUT);
    assert!(net.node(0).links.is_empty());
    assert_eq!(net.node(0).half_open(), 0);
}

#[test]
fn damaged_and_replayed_handshakes_neither_panic_nor_connect_twice() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut net = Net::of(2, FAIR, seed);
        net.connect(0, 1);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let mut buffer = Vec::new();
        for _ in 0..12 {
            let now = net.now;
            while net.node(0).poll_transmit(now, &mut buffer).is_some() {
                seen.push(buffer.clone());
                let mut damaged = buffer.clone();
                let at = rng.random_range(0..damaged.len());
                damaged[at] ^= 1 << rng.random_range(0..8);
                net.node(1).handle(now, from(address(0)), Ecn::NotEct, &damaged);
                damaged.truncate(at);
                net.node(1).handle(now, from(address(0)), Ecn::NotEct, &damaged);
                let datagram = buffer.clone();
                net.node(1).handle(now, from(address(0)), Ecn::NotEct, &datagram);
            }
            net.run(Duration::from_millis(3));
        }
        assert!(net.until(TIMEOUT, |net| net.connected(0, 1)), "seed {seed}");
        for datagram in &seen {
            let now = net.now;
            net.node(1).handle(now, from(address(9)), Ecn::NotEct, datagram);
        }
        net.run(3 * TIMEOUT);
        assert!(net.connected(0, 1), "seed {seed}");
        assert_eq!(established(&net.take(1)).len(), 1, "seed {seed}");
    }
}

/// The first datagrams of `count` clients, from as many spoofed addresses.
fn flood(count: u32) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut client = ControlPlane::new(settings(identity(5), 5)).unwrap();
    let mut datagrams = Vec::new();
    let mut buffer = Vec::new();
    for index in 0..count {
        client.connect(Time::ZERO, Rank(1000 + index), &[address(1)]);
        while client.poll_transmit(Time::ZERO, &mut buffer).is_some() {
            datagrams.push((address(1000 + index), buffer.clone()));
        }
    }
    datagrams
}

#[test]
fn a_flood_of_strangers_is_bounded_and_the_honest_get_through() {
    let mut net = Net::of(1, FAIR, 3);
    let mut crowded = settings(identity(1), 3);
    crowded.half_open_max = 8;
    net.add(1, crowded);
    let mut buffer = Vec::new();
    let (mut received, mut sent) = (0, 0);
    for (remote, datagram) in flood(200) {
        let now = net.now;
        received += datagram.len();
        net.node(1).handle(now, from(remote), Ecn::NotEct, &datagram);
        while let Some(transmit) = net.node(1).poll_transmit(now, &mut buffer) {
            sent += transmit.length;
        }
        assert!(net.node(1).half_open() <= 2, "addresses that prove nothing get a quarter");
    }
    assert!(sent < 3 * received, "{sent} for {received}");
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)), "an address that proves itself gets in");
    net.run(3 * TIMEOUT);
    assert_eq!(net.node(1).half_open(), 0);
    assert_eq!(net.node(1).links.len(), 1);
}

#[test]
fn half_open_handshakes_are_capped_and_expire() {
    let mut net = Net::new(FAIR, 4);
    let mut none = settings(identity(1), 4);
    none.half_open_max = 0;
    net.add(1, none);
    for (remote, datagram) in flood(20) {
        let now = net.now;
        net.node(1).handle(now, from(remote), Ecn::NotEct, &datagram);
        assert!(net.node(1).poll_transmit(now, &mut Vec::new()).is_none());
        assert_eq!(net.node(1).half_open(), 0);
    }
}

#[test]
fn refusals_by_strangers_do_not_pile_up() {
    let mut plane = ControlPlane::new(settings(identity(0), 6)).unwrap();
    for _ in 0..1000 {
        plane.refused(None, HandshakeError::UnknownAuthority);
    }
    let polled = std::iter::from_fn(|| plane.poll_event()).count();
    assert_eq!((polled, plane.refusals_dropped()), (64, 936));
    plane.refused(None, HandshakeError::UnknownAuthority);
    assert!(plane.poll_event().is_some());
}

/// Rank 0 writes `bytes` onto an established control stream; what both sides say then.
fn broken(bytes: &'static [u8]) -> (Vec<ControlEvent>, Vec<ControlEvent>) {
    let mut net = Net::of(2, FAIR, 5);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.events.clear();
    let node = net.node(0);
    let id = *node.links.keys().next().unwrap();
    node.links.get_mut(&id).unwrap().send([Bytes::from_static(bytes)]);
    node.mark_ready(id);
    net.run(SECOND);
    (net.take(0), net.take(1))
}

#[test]
fn broken_streams_end_the_session_on_both_sides() {
    for (bytes, words) in [
        (&[2, 0xff, 0xff, 0xff, 0xff][..], "control frame too long"),
        (&[2, 0, 0, 0, 1, 9], "APPLICATION frame without a kind"),
        (&[1, 0, 0, 0, 0], "PARAMETERS twice"),
    ] {
        let (zero, one) = broken(bytes);
        for events in [zero, one] {
            let [ControlEvent::Closed { reason, .. }] = &events[..] else { panic!("{events:?}") };
            assert_eq!(reason, words);
        }
    }
}

#[test]
fn unknown_frame_types_are_ignored() {
    let (zero, one) = broken(&[77, 0, 0, 0, 2, 1, 2, 2, 0, 0, 0, 3, 0, 6, b'x']);
    assert!(zero.is_empty(), "{zero:?}");
    assert!(matches!(&one[..], [ControlEvent::Frame { kind: 6, body, .. }] if &body[..] == b"x"));
}
