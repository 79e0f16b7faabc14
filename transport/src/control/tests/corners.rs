//! Corners of opening: one-sided reachability, slow strangers, ports, repeatability.

use super::harness::*;
use crate::control::*;
use crate::ids::Rank;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lower_rank_that_cannot_reach_its_peer_lets_the_peer_reach_it() {
    for candidates in [vec![], vec![address(77)]] {
        let mut net = Net::of(2, FAIR, 1);
        let now = net.now;
        net.node(0).connect(now, Rank(1), &candidates);
        net.run(Duration::from_millis(50));
        net.connect(1, 0);
        assert!(net.until(SECOND, |net| net.connected(0, 1)));
        net.run(2 * TIMEOUT);
        assert!(net.connected(0, 1));
        assert_eq!((net.take(0).len(), net.take(1).len()), (1, 1));
    }
}

#[test]
fn an_attempt_may_be_given_better_addresses() {
    let mut net = Net::of(2, FAIR, 2);
    let now = net.now;
    net.node(0).connect(now, Rank(1), &[address(77)]);
    net.run(SECOND);
    net.connect(0, 1);
    assert!(net.until(2 * SECOND, |net| net.connected(0, 1)));
}

/// QUIC multiplies its probe timeout by two for each probe that a blackout swallows, and keeps the factor
/// when the handshake's keys are discarded: PARAMETERS that were lost first were repeated after 13 s.
#[test]
fn regression_parameters_lost_in_a_blackout_are_repeated_when_it_ends() {
    for seed in 0..4 {
        let mut net = Net::of(2, FAIR, seed);
        net.connect(0, 1);
        // The server has answered; what the client says next is lost.
        net.run(Duration::from_micros(1500));
        net.weather.loss = 100;
        net.run(Duration::from_millis(700));
        net.weather.loss = 0;
        assert!(net.until(2 * SECOND, |net| net.connected(0, 1)), "seed {seed}");
    }
}

#[test]
fn a_stranger_that_says_nothing_is_given_up_in_time() {
    let mut net = Net::of(2, FAIR, 3);
    net.connect(0, 1);
    // Without an entry for its peer, rank 0 completes TLS and then has no PARAMETERS to send.
    net.node(0).peers.clear();
    net.run(SECOND);
    assert_eq!(net.node(1).half_open(), 1);
    net.run(TIMEOUT + 5 * SECOND);
    assert_eq!(net.node(1).half_open(), 0);
    assert!(net.node(1).links.is_empty());
    assert!(net.take(1).is_empty());
}

#[test]
fn replies_leave_by_the_port_that_was_spoken_to() {
    let mut client = ControlPlane::new(settings(identity(0), 4)).unwrap();
    let mut server = ControlPlane::new(settings(identity(1), 5)).unwrap();
    client.connect(Time::ZERO, Rank(1), &[address(1)]);
    let mut buffer = Vec::new();
    let mut replies = 0;
    for round in 0..20 {
        let now = Time::from_nanos(round * 1_000_000);
        while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
            assert_eq!(transmit.route, Route { local: 0, remote: address(1) });
            let route = Route { local: 3, remote: address(0) };
            server.handle(now, route, Ecn::Ect0, &buffer);
        }
        while let Some(transmit) = server.poll_transmit(now, &mut buffer) {
            replies += 1;
            assert_eq!(transmit.route, Route { local: 3, remote: address(0) });
            client.handle(now, Route { local: 0, remote: address(1) }, Ecn::NotEct, &buffer);
        }
    }
    assert!(replies > 0 && server.is_connected(Rank(0)) && client.is_connected(Rank(1)));
}

/// When the session stood on both sides, how many datagrams that took, and the session ids.
fn history(seed: u64) -> (Time, u64, Vec<SessionId>) {
    let mut net = Net::of(2, STORM, seed);
    net.connect(0, 1);
    net.connect(1, 0);
    assert!(net.until(TIMEOUT, |net| net.connected(0, 1)));
    let mut sessions = Vec::new();
    for rank in [0, 1] {
        sessions.extend(established(&net.take(rank)).iter().map(|event| event.local_session));
    }
    (net.now, net.delivered, sessions)
}

#[test]
fn runs_repeat() {
    // TLS draws its own randomness; times, events and our own choices must not depend on it.
    for seed in 0..10 {
        assert_eq!(history(seed), history(seed), "seed {seed}");
    }
}

#[test]
fn a_pair_costs_few_datagrams() {
    let mut net = Net::of(2, FAIR, 6);
    net.connect(0, 1);
    assert!(net.until(SECOND, |net| net.connected(0, 1)));
    let stood = net.now;
    net.run(SECOND);
    assert!(stood.since(Time::ZERO + SECOND) <= Duration::from_millis(4), "two round trips");
    assert!(net.delivered <= 16, "{}", net.delivered);
}
