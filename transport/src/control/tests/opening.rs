//! Sessions between honest ranks.

use super::harness::*;
use crate::control::*;
use crate::ids::Rank;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn either_side_may_begin() {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut net = Net::of(2, FAIR, 1);
        net.connect(from, to);
        assert!(net.until(SECOND, |net| net.connected(0, 1)));
        net.run(SECOND);
        let (zero, one) = (net.take(0), net.take(1));
        assert_eq!((zero.len(), one.len()), (1, 1), "{zero:?} {one:?}");
        let (zero, one) = (established(&zero)[0], established(&one)[0]);
        assert_eq!((zero.peer, one.peer), (Rank(1), Rank(0)));
        assert_eq!(zero.path_secret, one.path_secret);
        assert_eq!(zero.local_session, one.parameters.session);
        assert_eq!(one.local_session, zero.parameters.session);
        assert_ne!(zero.local_session, one.local_session);
        assert_eq!(zero.parameters.incarnation, 1001);
        assert_eq!(zero.parameters.addresses, [address(1)]);
        assert_eq!(zero.remote, address(1));
    }
}

#[test]
fn key_exchange_is_post_quantum() {
    let mut net = Net::of(2, FAIR, 2);
    net.connect(1, 0);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    let expected = TlsInfo { group: "X25519MLKEM768", cipher: "TLS13_AES_256_GCM_SHA384" };
    assert_eq!(net.node(0).tls_info(Rank(1)), Some(expected));
    assert_eq!(net.node(1).tls_info(Rank(0)), Some(expected));
    assert_eq!(established(&net.take(0))[0].group, "X25519MLKEM768");
}

/// The first burst of a session, lost as a whole, was missed only after 60 ms: the handshake had measured
/// the round trip, and it was forgotten. Found by simulated collectives over crowded uplinks.
#[test]
fn regression_a_session_begins_with_the_round_trip_of_its_handshake() {
    let mut net = Net::of(2, FAIR, 3);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    for rank in 0..2 {
        let rtt = established(&net.take(rank))[0].rtt;
        assert!(rtt >= FAIR.delay * 2 && rtt < FAIR.delay * 4, "{rtt:?}");
    }
}

#[test]
fn every_pair_has_its_own_secret() {
    let mut net = Net::of(3, FAIR, 3);
    for (from, to) in [(0, 1), (2, 0), (1, 2)] {
        net.connect(from, to);
    }
    assert!(net.until(SECOND, |net| {
        net.connected(0, 1) && net.connected(0, 2) && net.connected(1, 2)
    }));
    let mut secrets = BTreeMap::new();
    for rank in 0..3 {
        for event in established(&net.take(rank)) {
            let pair = (Rank(rank).min(event.peer), Rank(rank).max(event.peer));
            secrets.entry(pair).or_insert_with(Vec::new).push(event.path_secret.to_vec());
        }
    }
    assert_eq!(secrets.len(), 3);
    let distinct: std::collections::BTreeSet<_> = secrets.values().flatten().cloned().collect();
    assert_eq!(distinct.len(), 3);
    assert!(secrets.values().all(|pair| pair.len() == 2 && pair[0] == pair[1]));
}

#[test]
fn simultaneous_attempts_make_one_session() {
    // The offsets put the second attempt before, amid and after the first one's flights.
    for micros in [0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 6000] {
        for first in [0, 1] {
            let mut net = Net::of(2, FAIR, 4 + micros);
            net.connect(first, 1 - first);
            net.run(Duration::from_micros(micros));
            net.connect(1 - first, first);
            assert!(net.until(SECOND, |net| net.connected(0, 1)), "{micros} {first}");
            net.run(3 * SECOND);
            assert!(net.connected(0, 1));
            one_session(&mut net, &format!("{micros} µs after {first}"));
        }
    }
}

/// Both sides have exactly one event, of the same session.
fn one_session(net: &mut Net, context: &str) {
    let (zero, one) = (net.take(0), net.take(1));
    assert_eq!((zero.len(), one.len()), (1, 1), "{context}: {zero:?} {one:?}");
    let (zero, one) = (established(&zero)[0], established(&one)[0]);
    assert_eq!(zero.path_secret, one.path_secret, "{context}");
    assert_eq!(zero.local_session, one.parameters.session, "{context}");
    assert_eq!(one.local_session, zero.parameters.session, "{context}");
}

#[test]
fn simultaneous_attempts_in_a_storm_agree() {
    let reordering = Weather { loss: 0, jitter: Duration::from_millis(30), ..STORM };
    for seed in 0..300 {
        let weather = if seed % 3 == 0 { STORM } else { reordering };
        let mut net = Net::of(2, weather, 100 + seed);
        let first = (seed % 2) as u32;
        net.connect(first, 1 - first);
        net.run(Duration::from_millis(seed % 40));
        net.connect(1 - first, first);
        assert!(net.until(TIMEOUT, |net| net.connected(0, 1)), "seed {seed}");
        net.run(2 * TIMEOUT);
        assert!(net.connected(0, 1), "seed {seed}");
        one_session(&mut net, &format!("seed {seed}"));
    }
}

#[test]
fn a_storm_only_delays() {
    for seed in 0..12 {
        let mut net = Net::of(2, STORM, seed);
        let from = (seed % 2) as u32;
        net.connect(from, 1 - from);
        assert!(net.until(TIMEOUT, |net| net.connected(0, 1)), "seed {seed}");
        one_session(&mut net, &format!("seed {seed}"));
    }
}

#[test]
fn frames_of_all_sizes_cross_both_ways() {
    for weather in [FAIR, Weather { loss: 5, ..STORM }] {
        let mut net = Net::of(2, weather, 9);
        net.connect(0, 1);
        assert!(net.until(TIMEOUT, |net| net.connected(0, 1)));
        net.events.clear();
        let bodies: Vec<Bytes> = [0, 1, 1199, 70_000, 1 << 20]
            .iter()
            .map(|length| (0..*length).map(|i: u32| (i * 7 + 3) as u8).collect())
            .collect();
        for (kind, body) in bodies.iter().enumerate() {
            net.node(0).send(Rank(1), kind as u16, body.clone()).unwrap();
            net.node(1).send(Rank(0), 100 + kind as u16, body.clone()).unwrap();
        }
        let count = |net: &Net, rank| net.events.get(&address(rank)).map_or(0, Vec::len);
        assert!(net.until(60 * SECOND, |net| count(net, 0) == 5 && count(net, 1) == 5));
        for (rank, base) in [(0, 100), (1, 0)] {
            for (index, event) in net.take(rank).into_iter().enumerate() {
                let ControlEvent::Frame { peer, kind, body } = event else { panic!("{event:?}") };
                assert_eq!((peer, kind), (Rank(1 - rank), base + index as u16));
                assert_eq!(body, bodies[index]);
            }
        }
    }
}

#[test]
fn oversized_and_unaddressed_frames_are_refused_at_once() {
    let mut net = Net::of(2, FAIR, 10);
    let body = Bytes::from_static(b"x");
    assert_eq!(net.node(0).send(Rank(1), 1, body.clone()), Err(Error::UnknownPeer(Rank(1))));
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    let long = Bytes::from(vec![0; (1 << 20) + 1]);
    assert!(matches!(net.node(0).send(Rank(1), 1, long), Err(Error::Limit(_))));
    let mib = Bytes::from(vec![0; 1 << 20]);
    let mut taken = 0;
    while net.node(0).send(Rank(1), 1, mib.clone()).is_ok() {
        taken += 1;
        assert!(taken < 64, "the queue must be bounded");
    }
    assert!(taken >= 16);
}

#[test]
fn closing_reaches_the_peer_with_its_words_and_what_was_sent() {
    let mut net = Net::of(2, FAIR, 11);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.events.clear();
    let now = net.now;
    net.node(0).send(Rank(1), 5, Bytes::from_static(b"last words")).unwrap();
    net.node(0).close(now, Rank(1), 7, "done\u{7}here");
    assert!(!net.node(0).is_connected(Rank(1)));
    net.run(SECOND);
    let events = net.take(1);
    assert!(
        matches!(&events[0], ControlEvent::Frame { kind: 5, body, .. } if &body[..] == b"last words")
    );
    let ControlEvent::Closed { peer: Rank(0), code: 7, reason } = &events[1] else {
        panic!("{events:?}")
    };
    assert_eq!(reason, "done here");
    assert!(net.take(0).is_empty());
    net.run(60 * SECOND);
    assert!(net.nodes.values().all(|node| node.links.is_empty()), "drained");
    assert!(net.nodes.values().all(|node| node.next_deadline().is_none()));
    net.connect(1, 0);
    assert!(net.until(SECOND, |net| net.connected(0, 1)), "and may meet again");
}

#[test]
fn a_forgotten_peer_is_told() {
    let mut net = Net::of(2, FAIR, 12);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.events.clear();
    net.node(0).forget(Rank(1));
    net.run(SECOND);
    assert!(matches!(net.take(1)[..], [ControlEvent::Closed { peer: Rank(0), .. }]));
    assert!(net.take(0).is_empty());
}

#[test]
fn silence_fails_within_the_deadline() {
    let mut net = Net::of(1, FAIR, 13);
    net.connect(0, 1);
    let begun = net.now;
    assert!(net.until(2 * TIMEOUT, |net| net.events.contains_key(&address(0))));
    assert_eq!(net.now.since(begun), TIMEOUT);
    let events = net.take(0);
    let [ControlEvent::Failed { peer: Rank(1), error }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*error, HandshakeError::Timeout(TIMEOUT));
    net.run(60 * SECOND);
    assert!(net.node(0).links.is_empty());
}

#[test]
fn dead_addresses_are_passed_over() {
    let mut net = Net::of(2, FAIR, 14);
    let now = net.now;
    net.node(0).connect(now, Rank(1), &[address(77), address(78), address(1)]);
    assert!(net.until(5 * SECOND, |net| net.connected(0, 1)));
    assert_eq!(established(&net.take(0))[0].remote, address(1));
}

#[test]
fn an_unreachable_hint_speeds_that_up_and_cannot_stop_it() {
    let mut net = Net::of(2, FAIR, 15);
    let now = net.now;
    net.node(0).connect(now, Rank(1), &[address(77), address(1)]);
    let hint = |remote| Route { local: 0, remote };
    net.run(Duration::from_millis(3));
    let now = net.now;
    net.node(0).on_unreachable(now, hint(address(77)));
    let now = net.now;
    net.node(0).on_unreachable(now, hint(address(1)));
    assert!(net.until(3 * SECOND, |net| net.connected(0, 1)));
}

#[test]
fn a_peer_that_starts_late_is_found() {
    let mut net = Net::of(1, FAIR, 16);
    net.connect(0, 1);
    net.run(4 * SECOND);
    net.add(1, settings(identity(1), 1));
    assert!(net.until(3 * SECOND, |net| net.connected(0, 1)));
}

#[test]
fn a_restarted_peer_is_told_apart() {
    let mut net = Net::of(2, FAIR, 17);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    let first = established(&net.take(0))[0].path_secret.clone();
    let mut again = settings(identity(1), 99);
    again.parameters.incarnation = 5;
    net.add(1, again);
    net.take(1);
    net.connect(1, 0);
    net.run(SECOND);
    let events = net.take(0);
    let [ControlEvent::Restarted { peer: Rank(1) }, ControlEvent::Established(second)] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(second.parameters.incarnation, 5);
    assert_ne!(second.path_secret, first);
}

#[test]
fn a_restarted_peer_voids_the_old_connection_when_spoken_to() {
    let mut net = Net::of(2, FAIR, 18);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.take(0);
    net.add(1, settings(identity(1), 99));
    net.node(0).send(Rank(1), 1, Bytes::from_static(b"are you there?")).unwrap();
    net.run(SECOND);
    let events = net.take(0);
    assert!(matches!(events[..], [ControlEvent::Restarted { peer: Rank(1) }]), "{events:?}");
}

#[test]
fn a_peer_that_lost_the_session_alone_may_come_back() {
    let mut net = Net::of(2, FAIR, 19);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.events.clear();
    net.dead = vec![address(0)];
    let now = net.now;
    net.node(1).close(now, Rank(0), 1, "idle");
    net.run(10 * SECOND);
    net.dead.clear();
    net.connect(1, 0);
    net.run(SECOND);
    let events = net.take(0);
    let [ControlEvent::Closed { .. }, ControlEvent::Established(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(net.connected(0, 1));
}

#[test]
fn idle_sessions_stay_and_cost_nothing() {
    let mut net = Net::of(2, FAIR, 20);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    net.run(5 * SECOND);
    let before = net.delivered;
    net.run(Duration::from_secs(24 * 3600));
    assert!(net.connected(0, 1));
    assert_eq!(net.delivered, before);
}
