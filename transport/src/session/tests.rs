#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use super::acks::Acks;
use super::in_order::InOrder;
use super::liveness::{Liveness, Verdict};
use crate::config::Config;
use crate::error::LossCause;
use crate::seal::ReplayWindow;
use crate::time::Time;

const DELAY: Duration = Duration::from_micros(100);

fn at(micros: u64) -> Time {
    Time::from_nanos(micros * 1000)
}

#[test]
fn an_acknowledgement_waits_for_its_delay_or_for_eight_packets() {
    let mut acks = Acks::new(DELAY, 8);
    acks.on_packet(at(0), 0, false, true, false, 1000);
    assert!(!acks.due(at(99)) && acks.due(at(100)));
    for number in 1..8 {
        acks.on_packet(at(1), number, false, true, false, 1000);
    }
    assert!(acks.due(at(1)));
    acks.on_sent();
    assert_eq!(acks.deadline(), None);
}

#[test]
fn large_packets_marks_and_requests_are_acknowledged_at_once() {
    for (ce, immediate, bytes) in [(true, false, 100), (false, true, 100), (false, false, 300_000)]
    {
        let mut acks = Acks::new(DELAY, 8);
        acks.on_packet(at(5), 0, ce, true, immediate, bytes);
        assert!(acks.due(at(5)));
    }
}

#[test]
fn acknowledgements_themselves_are_never_acknowledged() {
    let mut acks = Acks::new(DELAY, 8);
    acks.on_packet(at(0), 0, true, false, false, 100);
    assert!(!acks.pending());
}

/// Marks are kept for as many numbers as the replay window holds, through jumps and wrap-around.
#[test]
fn congestion_marks_are_reported_for_exactly_the_numbers_that_bore_them() {
    let mut acks = Acks::new(DELAY, 8);
    let mut window = ReplayWindow::new();
    let numbers: Vec<u64> = (0..40_000).filter(|n| n % 7 != 3 && (n / 500) % 9 != 4).collect();
    for (index, number) in numbers.iter().enumerate() {
        let ce = number.is_multiple_of(5);
        window.mark(*number).unwrap();
        acks.on_packet(at(index as u64), *number, ce, true, false, 100);
        if index % 997 != 0 {
            continue;
        }
        let floor = number.saturating_sub(3000);
        let ack = acks.build(at(index as u64), &window, floor, u64::MAX);
        let first = numbers[numbers.partition_point(|n| *n < floor)..].iter().find(|n| *n % 5 == 0);
        let missing = window.first_missing(floor);
        assert_eq!(ack.base, missing.min(first.copied().unwrap_or(u64::MAX)));
        for (word, bits) in ack.received.iter().enumerate() {
            for bit in 0..64 {
                let n = ack.base + 64 * word as u64 + bit;
                let expected = n <= *number && numbers.binary_search(&n).is_ok();
                assert_eq!(bits >> bit & 1 != 0, expected, "received {n}");
                let marks = ack.ce.get(word).copied().unwrap_or(0);
                assert_eq!(marks >> bit & 1 != 0, expected && n.is_multiple_of(5), "mark {n}");
            }
        }
    }
}

/// A mark was told only above the first hole. In order there is no hole, so congestion on a single path
/// was never told; sprayed, the latest packets of a full queue fill the holes, and theirs was lost.
#[test]
fn regression_marks_are_told_below_the_first_hole() {
    let mut acks = Acks::new(DELAY, 8);
    let window = window_of(&[0, 1, 2, 3, 5]);
    for number in [0, 1, 3, 5, 2] {
        acks.on_packet(at(0), number, number == 2, true, false, 100);
    }
    let ack = acks.build(at(0), &window, 0, u64::MAX);
    assert_eq!((ack.base, ack.received, ack.ce), (2, &[0b1011][..], &[1][..]));
    let ack = acks.build(at(0), &window, 3, u64::MAX);
    assert_eq!((ack.base, ack.received, ack.ce), (4, &[0b10][..], &[][..]), "the floor has passed");
}

fn liveness() -> Liveness {
    Liveness::new(Time::ZERO, &Config::default())
}

#[test]
fn silence_means_nothing_while_nothing_is_owed() {
    let mut liveness = liveness();
    assert_eq!(liveness.check(at(599_000_000), false), Verdict::Fine);
    assert_eq!(liveness.check(at(600_000_000), false), Verdict::Idle);
}

#[test]
fn a_peer_that_owes_an_answer_is_probed_and_then_dead() {
    let mut liveness = liveness();
    liveness.set_owed(at(10_000_000), true);
    assert_eq!(liveness.check(at(10_199_999), true), Verdict::Fine);
    assert_eq!(liveness.check(at(10_200_000), true), Verdict::Probe);
    assert_eq!(liveness.check(at(10_200_001), true), Verdict::Fine);
    for probe in (10_400_000..=11_400_000).step_by(200_000) {
        assert_eq!(liveness.check(at(probe), true), Verdict::Probe);
    }
    let silent = LossCause::Silent(Duration::from_millis(1500));
    assert_eq!(liveness.check(at(11_500_000), true), Verdict::Dead(silent));
}

/// Regression: all ranks of a job that a scheduler had stopped lost each other when it went on.
#[test]
fn silence_does_not_count_while_this_host_is_stopped() {
    let mut liveness = liveness();
    liveness.set_owed(at(0), true);
    assert_eq!(liveness.check(at(200_000), true), Verdict::Probe);
    // It was to look again 200 ms later, and had heard nothing for 400 ms then.
    const BACK: u64 = 3_600_000_000;
    for probe in (BACK..=BACK + 1_000_000).step_by(200_000) {
        assert_eq!(liveness.check(at(probe), true), Verdict::Probe);
    }
    let silent = LossCause::Silent(Duration::from_millis(1500));
    assert_eq!(liveness.check(at(BACK + 1_100_000), true), Verdict::Dead(silent));
}

/// Found by `a_blackholed_port_is_left_behind`: a debt that was paid long ago made the peer dead as
/// soon as the next one began.
#[test]
fn regression_a_paid_debt_does_not_age() {
    let mut liveness = liveness();
    liveness.set_owed(at(0), true);
    liveness.set_owed(at(1), false);
    liveness.set_owed(at(5_000_000), true);
    assert_eq!(liveness.check(at(5_000_001), true), Verdict::Fine);
}

#[test]
fn unreachable_everywhere_is_believed_only_when_probes_stay_unanswered() {
    let mut liveness = liveness();
    liveness.set_owed(at(0), true);
    liveness.on_all_unreachable(at(0));
    liveness.on_heard(at(100_000));
    assert_ne!(liveness.check(at(300_000), true), Verdict::Dead(LossCause::Unreachable));
    liveness.on_all_unreachable(at(300_000));
    assert_eq!(liveness.check(at(600_000), true), Verdict::Dead(LossCause::Unreachable));
}

fn window_of(numbers: &[u64]) -> ReplayWindow {
    let mut window = ReplayWindow::new();
    for number in numbers {
        window.mark(*number).unwrap();
    }
    window
}

#[test]
fn in_order_keeps_nothing_behind_a_hole_until_the_sender_has_gone_back() {
    let mut order = InOrder::default();
    assert!(order.keeps(0, 0, &window_of(&[0])));
    assert!(!order.keeps(2, 0, &window_of(&[0, 2])), "1 is missing");
    assert_eq!(order.limit(0), 2);
    assert!(order.keeps(3, 3, &window_of(&[0, 2, 3])), "1 and 2 were given up");
    assert_eq!(order.limit(3), u64::MAX);
}

/// A packet that was refused is marked in the replay window; when the hole before it was filled by a
/// straggler, the acknowledgement went on past it, and its content was lost. Found by swarm seed 16.
#[test]
fn regression_a_filled_hole_does_not_acknowledge_what_was_refused_behind_it() {
    let mut order = InOrder::default();
    assert!(!order.keeps(2, 1, &window_of(&[2])));
    let window = window_of(&[1, 2]);
    assert!(order.keeps(1, 1, &window));
    let mut acks = Acks::new(DELAY, 8);
    let ack = acks.build(at(1), &window, 1, order.limit(1));
    assert_eq!((ack.base, ack.received[0] & 1), (2, 0));
    assert!(!order.keeps(3, 1, &window_of(&[1, 2, 3])), "what was refused is a hole itself");
}

/// A straggler from before the sender went back overwrote the memory of a later refusal. Found by swarm
/// seeds 16, 138, 265 and 339.
#[test]
fn regression_a_packet_that_was_given_up_hides_no_refusal() {
    let mut order = InOrder::default();
    assert!(!order.keeps(14, 13, &window_of(&[14])));
    assert!(!order.keeps(5, 13, &window_of(&[5, 14])));
    assert_eq!(order.limit(13), 14);
}

/// Only the lowest number refused was remembered. It may be a pure acknowledgement, which its sender's
/// floor passes as if it were nothing; then the refusals above it were forgotten and acknowledged. Found
/// by swarm seeds 1977, 2440, 4364, 8895 and 9150.
#[test]
fn regression_refusals_are_remembered_above_the_lowest() {
    let mut order = InOrder::default();
    assert!(!order.keeps(2, 1, &window_of(&[2])), "an acknowledgement behind a hole");
    assert!(!order.keeps(3, 1, &window_of(&[1, 2, 3])), "content behind it");
    assert!(!order.keeps(4, 3, &window_of(&[1, 2, 3, 4])), "3 is outstanding, and was not kept");
    assert_eq!(order.limit(3), 3);
    assert!(order.keeps(5, 5, &window_of(&[1, 2, 3, 4, 5])), "the sender has gone back");
}
