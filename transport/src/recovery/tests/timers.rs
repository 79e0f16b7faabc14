//! Probe timeouts, suspect paths, and timers that fire late.

use std::time::Duration;

use super::*;
use crate::path::Health;

#[test]
fn a_lost_tail_is_asked_after_and_recovered() {
    let mut rig = Rig::new(2);
    let tail = rig.send(0);
    let start = rig.now;
    rig.fire_until_visible();
    assert_eq!(rig.now.since(start), rig.pto(0));
    assert_eq!(rig.outcome.ping[0], PathId(0), "the silent path is asked first");
    assert!(rig.outcome.lost.is_empty());
    let ping = rig.send_kind(0, 100, SentKind::Ping);
    rig.pass(RTT);
    rig.ack([ping]);
    assert_eq!(rig.outcome.lost, [tail], "the answer overtook it");
    assert_eq!(rig.health(0), Health::Skip, "lossy, but alive");
}

#[test]
fn a_silent_path_carries_nothing_new_after_one_timeout() {
    let mut rig = Rig::new(4);
    rig.send(0);
    rig.fire_until_visible();
    assert!((0..64).all(|_| rig.recovery.choose_path(rig.now) != Some(PathId(0))));
    assert_eq!(rig.health(0), Health::Good, "only asked yet");
}

#[test]
fn a_dead_path_is_left_at_the_second_timeout() {
    let mut rig = Rig::new(4);
    let dead: Vec<_> = (0..8).map(|_| rig.send(0)).collect();
    let start = rig.now;
    rig.fire_until_visible();
    let pings = std::mem::take(&mut rig.outcome.ping);
    assert_eq!(pings.len(), 2, "the path and a witness");
    let numbers: Vec<_> =
        pings.iter().map(|path| rig.send_kind(path.0, 100, SentKind::Ping)).collect();
    rig.pass(RTT);
    rig.ack([numbers[1]]);
    rig.fire_until_visible();
    assert_eq!(rig.outcome.lost, dead);
    assert_eq!(rig.now.since(start), rig.pto(0) * 2 + RTT);
    assert_eq!(rig.health(0), Health::Suspect);
    assert_eq!(rig.recovery.stats().timeouts, 2);
    assert_eq!(rig.recovery.in_flight(), 0);
    assert!((0..64).all(|_| rig.recovery.choose_path(rig.now) != Some(PathId(0))));
}

/// A path that swallows everything fed its own timer while trains still took it.
#[test]
fn regression_a_dead_path_does_not_live_by_being_fed() {
    let mut rig = Rig::new(2);
    let start = rig.now;
    let mut dead = 0;
    while rig.health(0) == Health::Good {
        assert!(rig.now.since(start) < rig.pto(0) * 3, "left after {:?}", rig.now.since(start));
        if rig.recovery.choose_path(rig.now) == Some(PathId(0)) {
            rig.send(0);
            dead += 1;
        }
        let alive = rig.send(1);
        rig.pass(RTT);
        rig.ack([alive]);
        rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    }
    assert!(dead > 0);
    assert_eq!(rig.outcome.lost.len(), dead);
}

#[test]
fn a_path_that_dies_alone_does_not_shrink_the_window() {
    let mut rig = Rig::new(4);
    let before = rig.recovery.window_available();
    for _ in 0..200 {
        rig.send(0);
    }
    rig.fire_until_visible();
    let witness = rig.outcome.ping[1];
    rig.outcome.clear();
    let number = rig.send_kind(witness.0, 100, SentKind::Ping);
    rig.pass(RTT);
    rig.ack([number]);
    rig.fire_until_visible();
    assert_eq!(rig.outcome.lost.len(), 200);
    assert_eq!(rig.recovery.window_available(), before);
}

/// A receiver that got no processor for 20 ms made its sender give up, and send again, everything.
#[test]
fn regression_a_peer_that_is_silent_everywhere_loses_nothing() {
    let mut rig = Rig::new(64);
    let numbers: Vec<_> = (0..256).map(|i| rig.send(i % 64)).collect();
    let start = rig.now;
    let mut pings = 0;
    while rig.now.since(start) < Duration::from_millis(20) {
        rig.fire();
        for path in std::mem::take(&mut rig.outcome.ping) {
            rig.send_kind(path.0, 100, SentKind::Ping);
            pings += 1;
        }
    }
    assert!((2..=12).contains(&pings), "{pings}");
    assert_eq!(rig.recovery.stats().silences, 1);
    // It wakes, and takes its sockets in turn.
    for some in numbers.chunks(64) {
        rig.ack(numbers[0]..=some[63]);
        rig.pass(Duration::from_micros(150));
        rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    }
    assert!(rig.outcome.lost.is_empty());
    assert_eq!(rig.outcome.acked.len(), 256);
}

#[test]
fn after_a_silence_that_was_a_loss_every_path_recovers_soon() {
    let mut rig = Rig::new(16);
    let numbers: BTreeSet<_> = (0..64).map(|i| rig.send(i % 16)).collect();
    let healed = rig.now + Duration::from_millis(5);
    while rig.outcome.lost.len() < numbers.len() {
        rig.fire();
        let pings: Vec<_> = std::mem::take(&mut rig.outcome.ping);
        let pings: Vec<_> =
            pings.iter().map(|path| rig.send_kind(path.0, 100, SentKind::Ping)).collect();
        if rig.now > healed {
            rig.pass(RTT);
            rig.ack(pings);
        }
        assert!(rig.now.since(healed) < Duration::from_millis(12), "{:?}", rig.outcome.lost.len());
    }
    assert_eq!(rig.outcome.lost.iter().copied().collect::<BTreeSet<_>>(), numbers);
    assert_eq!(rig.recovery.stats().spurious, 0);
}

#[test]
fn timers_that_fire_late_lose_nothing() {
    let mut rig = Rig::new(4);
    let numbers: Vec<_> = (0..64).map(|i| rig.send(i % 4)).collect();
    rig.pass(Duration::from_millis(50));
    rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    assert!(rig.outcome.lost.is_empty());
    assert!(rig.outcome.ping.len() <= 2);
    rig.pass(Duration::from_micros(10));
    rig.ack(numbers);
    assert_eq!(rig.outcome.acked.len(), 64);
    assert_eq!(rig.recovery.next_deadline(), None);
}

#[test]
fn suspects_are_probed_ever_more_rarely_and_readmitted() {
    let mut rig = Rig::new(2);
    let route = rig.recovery.route(PathId(0));
    rig.recovery.on_unreachable(rig.now, route);
    let mut gaps = Vec::new();
    for _ in 0..10 {
        let start = rig.now;
        rig.outcome.clear();
        rig.fire_until_visible();
        assert_eq!(rig.outcome.ping, [PathId(0)]);
        gaps.push(rig.now.since(start));
    }
    assert_eq!(gaps[0], Duration::from_millis(20));
    assert!(gaps.windows(2).all(|gap| gap[0] <= gap[1]));
    assert_eq!(gaps[9], Duration::from_secs(2));
    let ping = rig.send_kind(0, 100, SentKind::Ping);
    rig.pass(RTT);
    rig.ack([ping]);
    assert_eq!(rig.health(0), Health::Good);
    while rig.recovery.next_deadline().is_some() {
        rig.outcome.clear();
        rig.fire();
        assert!(rig.outcome.ping.is_empty(), "no more probes");
    }
}

#[test]
fn an_unanswered_probe_of_a_suspect_is_not_asked_after() {
    let mut rig = Rig::new(2);
    let route = rig.recovery.route(PathId(0));
    rig.recovery.on_unreachable(rig.now, route);
    rig.fire_until_visible();
    rig.outcome.clear();
    rig.send_kind(0, 100, SentKind::Ping);
    rig.pass(rig.pto(0));
    rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    assert!(rig.outcome.ping.is_empty());
    assert_eq!(rig.recovery.floor(rig.next), rig.next, "and no longer waited for");
}

#[test]
fn questions_to_a_silent_peer_back_off_to_a_cap() {
    let mut rig = Rig::new(1);
    rig.send(0);
    let pto = rig.pto(0);
    let mut gaps = Vec::new();
    for _ in 0..12 {
        let start = rig.now;
        rig.outcome.clear();
        rig.fire_until_visible();
        gaps.push(rig.now.since(start));
        rig.send_kind(0, 100, SentKind::Ping);
    }
    assert_eq!(gaps[..4], [pto, pto * 2, pto * 4, pto * 8]);
    assert_eq!(gaps[11], pto * 64);
}

/// With all numbers outstanding nothing can be asked under; a silence then never ended.
#[test]
fn regression_a_long_silence_frees_numbers() {
    let mut rig = Rig::new(4);
    while rig.recovery.has_room(rig.next) {
        rig.send((rig.next % 4) as u16);
    }
    let (start, pto) = (rig.now, rig.pto(0));
    while !rig.recovery.has_room(rig.next) {
        assert!(rig.now.since(start) < pto * 200, "no room for ever");
        rig.fire();
    }
    assert!(rig.now.since(start) > pto * 100, "{:?}", rig.now.since(start));
}

#[test]
fn a_lost_mtu_probe_costs_no_window_and_loses_no_content() {
    let mut rig = Rig::with(1, RecoverySettings { mtu_max: 9000, ..settings() });
    let before = rig.recovery.window_available();
    let (path, size) = rig.recovery.poll_mtu_probe(rig.now).unwrap();
    assert_eq!(rig.recovery.poll_mtu_probe(rig.now), Some((path, size)), "until it is sent");
    rig.send_kind(path.0, u32::from(size), SentKind::MtuProbe(size));
    assert_eq!(rig.recovery.poll_mtu_probe(rig.now), None);
    rig.pass(GRANULARITY);
    let later = rig.send(0);
    rig.pass(RTT);
    rig.ack([later]);
    assert_eq!(rig.recovery.stats().lost, 1);
    assert!(rig.outcome.lost.is_empty());
    assert!(rig.recovery.window_available() >= before);
    assert!(rig.recovery.poll_mtu_probe(rig.now).is_some(), "tried again");
}
