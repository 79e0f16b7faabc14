//! Acknowledgements and RACK.

use std::time::Duration;

use super::*;
use crate::path::Health;

#[test]
fn order_between_paths_means_nothing() {
    let mut rig = Rig::new(4);
    let early = rig.send(0);
    let late: Vec<_> = (0..200).map(|i| rig.send(1 + i % 3)).collect();
    rig.pass(Duration::from_micros(300));
    rig.ack(late);
    rig.pass(Duration::from_micros(200));
    rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    assert!(rig.outcome.lost.is_empty());
    rig.ack([early]);
    assert_eq!(rig.outcome.acked.len(), 201);
    assert_eq!(rig.recovery.stats(), RecoveryStats::default());
}

#[test]
fn within_a_path_what_was_overtaken_for_long_is_lost() {
    let mut rig = Rig::new(2);
    let lost = rig.send(0);
    rig.pass(GRANULARITY);
    let later = rig.send(0);
    rig.pass(RTT);
    rig.ack([later]);
    assert_eq!(rig.outcome.lost, [lost], "sent a reordering window before what was received");
}

#[test]
fn within_a_path_reordering_is_waited_for() {
    let mut rig = Rig::new(2);
    let slow = rig.send(0);
    let fast = rig.send(0);
    rig.pass(RTT);
    rig.ack([fast]);
    assert!(rig.outcome.lost.is_empty());
    assert_eq!(rig.recovery.next_deadline(), Some(rig.now + GRANULARITY));
    rig.pass(GRANULARITY / 2);
    rig.ack([slow]);
    assert_eq!(rig.outcome.acked, [fast, slow]);
    rig.pass(GRANULARITY);
    rig.recovery.on_timeout(rig.now, &mut rig.outcome);
    assert!(rig.outcome.lost.is_empty());
}

#[test]
fn a_slow_path_is_judged_by_its_own_time() {
    let mut rig = Rig::new(2);
    // Path 0 takes 10 ms, path 1 0.1 ms: no number of path 0 is ever the highest of an ACK.
    let mut slow = std::collections::VecDeque::new();
    for step in 0..2000_u32 {
        if step % 10 == 0 {
            slow.push_back((rig.now + Duration::from_millis(10), rig.send(0)));
        }
        let quick = rig.send(1);
        rig.pass(RTT);
        let mut numbers = vec![quick];
        while slow.front().is_some_and(|(at, _)| *at <= rig.now) {
            numbers.push(slow.pop_front().unwrap().1);
        }
        rig.ack(numbers);
        if rig.recovery.next_deadline().is_some_and(|at| at <= rig.now) {
            rig.recovery.on_timeout(rig.now, &mut rig.outcome);
        }
        if step == 500 {
            rig.outcome.clear();
        }
    }
    assert_eq!(rig.outcome.lost, [0_u64; 0], "once its time is known, nothing is lost");
    assert!(rig.recovery.path(PathId(0)).unwrap().rtt.smoothed > Duration::from_millis(8));
    assert!(rig.recovery.rtt().smoothed < Duration::from_millis(1), "the session's is not spoiled");
}

#[test]
fn a_late_arrival_is_regretted_and_readmits() {
    let mut rig = Rig::new(2);
    let late = rig.send(0);
    rig.pass(GRANULARITY);
    let later = rig.send(0);
    rig.pass(RTT);
    rig.ack([later]);
    assert_eq!(rig.outcome.lost, [late]);
    let route = rig.recovery.route(PathId(0));
    rig.recovery.on_unreachable(rig.now, route);
    rig.pass(RTT);
    rig.ack([late, later]);
    rig.ack([late, later]);
    assert_eq!(rig.recovery.stats().spurious, 1);
    assert_eq!(rig.outcome.acked, [later], "what was reported lost is not reported again");
    assert_eq!(rig.health(0), Health::Good);
    // From now on the path is given twice the time.
    let late = rig.send(0);
    rig.pass(GRANULARITY);
    let later = rig.send(0);
    rig.pass(RTT);
    rig.outcome.clear();
    rig.ack([later]);
    assert!(rig.outcome.lost.is_empty());
    rig.ack([late]);
    assert_eq!(rig.outcome.acked, [later, late]);
}

#[test]
fn what_the_receiver_was_told_to_forget_is_not_spurious() {
    let mut rig = Rig::new(2);
    let lost = rig.send(0);
    rig.pass(GRANULARITY);
    let later = rig.send(0);
    rig.pass(RTT);
    rig.ack([later]);
    assert_eq!(rig.outcome.lost, [lost]);
    let told = rig.send(1);
    rig.pass(RTT);
    let heard = Heard { floor: told, ..Heard::of([later, told]) };
    rig.recovery.on_ack(rig.now, &heard, &mut rig.outcome);
    assert_eq!(rig.recovery.stats().spurious, 0);
}

#[test]
fn a_peer_cannot_talk_the_round_trip_down() {
    let mut rig = Rig::new(1);
    for _ in 0..100 {
        let number = rig.send(0);
        rig.pass(RTT * 3);
        let heard = Heard { delay: Duration::from_secs(4), ..Heard::of([number]) };
        rig.recovery.on_ack(rig.now, &heard, &mut rig.outcome);
    }
    assert_eq!(rig.recovery.rtt().min(), RTT);
    assert!(rig.recovery.rtt().smoothed >= RTT);
}

#[test]
fn an_acknowledgement_of_everything_is_survived() {
    let mut rig = Rig::new(1);
    let number = rig.send(0);
    let heard = Heard { floor: 1 << 40, ..Heard::default() };
    rig.recovery.on_ack(rig.now, &heard, &mut rig.outcome);
    assert_eq!(rig.outcome.acked, [number]);
    assert_eq!(rig.recovery.next_deadline(), None);
}

#[test]
fn a_mark_passes_a_path_over_once() {
    let mut rig = Rig::new(2);
    let number = rig.send(0);
    rig.pass(RTT);
    let heard = Heard { marked: [number].into(), ..Heard::of([number]) };
    rig.recovery.on_ack(rig.now, &heard, &mut rig.outcome);
    assert_eq!(rig.health(0), Health::Skip);
    for _ in 0..64 {
        rig.recovery.choose_path(rig.now);
    }
    assert_eq!(rig.health(0), Health::Good);
}

/// Only the highest number of an acknowledgement gave a sample of delay. Sprayed, that is the packet that
/// overtook the others: full queues looked empty, and the window grew into them.
#[test]
fn regression_the_packet_that_overtook_the_others_does_not_speak_for_them() {
    let granularity = Duration::from_micros(2);
    let mut rig = Rig::with(8, RecoverySettings { granularity, ..settings() });
    let before = rig.recovery.window_available();
    for _ in 0..20 {
        let first = rig.next;
        for _ in 0..30 {
            for path in 1..8 {
                rig.send(path);
            }
        }
        rig.pass(RTT * 2);
        rig.send(0);
        rig.pass(RTT);
        rig.ack(first..rig.next);
    }
    let window = rig.recovery.window_available();
    assert!(window < before * 11 / 10, "{before} to {window}: 7 of 8 paths are crowded");
}
