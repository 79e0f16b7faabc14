#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acks;
mod model;
mod properties;
mod timers;

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::config::{CongestionPolicy, LossPolicy, SprayPolicy};

pub(super) const RTT: Duration = Duration::from_micros(100);
pub(super) const GRANULARITY: Duration = Duration::from_micros(500);

/// What a receiver knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub received: BTreeSet<u64>,
    pub marked: BTreeSet<u64>,
    /// The highest floor that it was told of.
    pub floor: u64,
    pub delay: Duration,
}

impl Heard {
    pub(super) fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self { received: numbers.into_iter().collect(), ..Self::default() }
    }
}

impl Acknowledgement for Heard {
    fn base(&self) -> u64 {
        (self.floor..).find(|number| !self.received.contains(number)).unwrap()
    }

    fn delay(&self) -> Duration {
        self.delay
    }

    fn highest(&self) -> Option<u64> {
        self.received.last().copied().max(self.base().checked_sub(1))
    }

    fn received_from(&self, from: u64) -> u64 {
        (0..64)
            .filter(|i| from + i < self.floor || self.received.contains(&(from + i)))
            .fold(0, |bits, i| bits | 1 << i)
    }

    fn is_ce(&self, number: u64) -> bool {
        self.marked.contains(&number)
    }
}

pub(super) fn settings() -> RecoverySettings {
    RecoverySettings {
        granularity: GRANULARITY,
        peer_ack_delay: Duration::from_micros(100),
        spray: SprayPolicy::Recycle,
        congestion: CongestionPolicy::Nscc,
        loss: LossPolicy::Selective,
        initial_rtt: Duration::from_millis(20),
        pto_min: Duration::ZERO,
        reliable: false,
        receive_budget: 4 << 20,
        ecn: true,
        mtu_base: 1200,
        mtu_max: 1200,
        seed: 7,
    }
}

pub(super) fn routes(count: u16) -> Vec<Route> {
    (0..count).map(|i| Route { local: i, remote: ([10, 0, 0, 1], 1000 + i).into() }).collect()
}

/// A recovery in virtual time whose paths are sampled.
pub(super) struct Rig {
    pub now: Time,
    pub recovery: Recovery<u64>,
    pub outcome: Outcome<u64>,
    pub next: u64,
}

impl Rig {
    pub(super) fn new(paths: u16) -> Self {
        Self::with(paths, settings())
    }

    pub(super) fn with(paths: u16, settings: RecoverySettings) -> Self {
        let now = Time::from_nanos(1_000_000_000);
        let mut recovery = Recovery::new(now, settings);
        recovery.set_routes(&routes(paths));
        let mut rig = Self { now, recovery, outcome: Outcome::default(), next: 0 };
        let first = rig.next;
        for path in 0..paths {
            rig.send(path);
        }
        rig.pass(RTT);
        rig.ack(first..rig.next);
        rig.outcome.clear();
        rig
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn send(&mut self, path: u16) -> u64 {
        self.send_kind(path, 1200, SentKind::Data)
    }

    pub(super) fn send_kind(&mut self, path: u16, bytes: u32, kind: SentKind) -> u64 {
        let number = self.next;
        self.recovery.on_sent(self.now, number, PathId(path), bytes, number, kind);
        self.next += 1;
        number
    }

    /// The probe timeout of a path without back-off.
    pub(super) fn pto(&self, path: u16) -> Duration {
        self.recovery.pto(&self.recovery.path(PathId(path)).unwrap().rtt)
    }

    /// Acknowledges these and no others, as a receiver that was told of no floor since.
    pub(super) fn ack(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.recovery.on_ack(self.now, &Heard::of(numbers), &mut self.outcome);
    }

    /// Runs the next timer.
    pub(super) fn fire(&mut self) {
        let at = self.recovery.next_deadline().expect("a deadline");
        self.now = self.now.max(at);
        self.recovery.on_timeout(self.now, &mut self.outcome);
    }

    /// Runs timers until one does something visible.
    pub(super) fn fire_until_visible(&mut self) {
        for _ in 0..100 {
            self.fire();
            if !self.outcome.lost.is_empty() || !self.outcome.ping.is_empty() {
                return;
            }
        }
        panic!("timers do nothing");
    }

    pub(super) fn health(&self, path: u16) -> crate::path::Health {
        self.recovery.path(PathId(path)).unwrap().health
    }
}

#[test]
fn floor_and_room_bound_the_span() {
    let mut rig = Rig::new(1);
    assert_eq!(rig.recovery.floor(rig.next), rig.next, "nothing outstanding");
    let first = rig.send(0);
    while rig.recovery.has_room(rig.next) {
        rig.send(0);
    }
    assert_eq!(rig.next - first, OUTSTANDING_MAX);
    assert_eq!(rig.recovery.floor(rig.next), first);
    rig.pass(RTT);
    rig.ack([first]);
    assert!(rig.recovery.has_room(rig.next));
    assert_eq!(rig.recovery.floor(rig.next), first + 1);
}

#[test]
fn only_content_counts_against_the_window() {
    let mut rig = Rig::new(2);
    let all = rig.recovery.window_available();
    rig.send_kind(0, 1200, SentKind::Ping);
    rig.send_kind(1, 9000, SentKind::MtuProbe(9000));
    assert_eq!(rig.recovery.in_flight(), 0);
    rig.send_kind(1, 1000, SentKind::Data);
    assert_eq!(rig.recovery.in_flight(), 1000);
    assert_eq!(rig.recovery.window_available(), all - 1000);
}

#[test]
fn a_session_takes_so_many_paths_and_no_more() {
    let mut recovery: Recovery<u64> = Recovery::new(Time::ZERO, settings());
    assert_eq!(recovery.choose_path(Time::ZERO), None);
    recovery.set_routes(&routes(1000));
    assert_eq!(recovery.paths(), crate::limits::PATHS_MAX);
}

#[test]
fn unreachable_paths_are_avoided_until_they_answer() {
    let mut rig = Rig::new(2);
    let route = rig.recovery.route(PathId(0));
    assert!(!rig.recovery.on_unreachable(rig.now, route));
    assert!((0..32).all(|_| rig.recovery.choose_path(rig.now) == Some(PathId(1))));
    assert_eq!(rig.recovery.ack_path(PathId(0)), PathId(1));
    let other = rig.recovery.route(PathId(1));
    assert!(rig.recovery.on_unreachable(rig.now, other), "all are");
    let chosen: BTreeSet<_> = (0..4).map(|_| rig.recovery.choose_path(rig.now)).collect();
    assert_eq!(chosen.len(), 2, "with nothing else left, suspects are tried in turn");
    let ping = rig.send_kind(0, 100, SentKind::Ping);
    rig.pass(RTT);
    rig.ack([ping]);
    assert_eq!(rig.health(0), crate::path::Health::Good);
    assert!((0..32).all(|_| rig.recovery.choose_path(rig.now) == Some(PathId(0))));
}

#[test]
fn a_failed_port_is_never_used_again() {
    let mut rig = Rig::new(2);
    let number = rig.send(0);
    let mut outcome = Outcome::default();
    assert!(!rig.recovery.on_port_failed(rig.now, 0, &mut outcome));
    assert_eq!(outcome.lost, [number]);
    // Even a late answer does not bring it back.
    rig.ack([number]);
    assert_eq!(rig.health(0), crate::path::Health::Denied);
    assert!((0..32).all(|_| rig.recovery.choose_path(rig.now) == Some(PathId(1))));
    let route = rig.recovery.route(PathId(1));
    assert!(rig.recovery.on_unreachable(rig.now, route));
    assert!((0..32).all(|_| rig.recovery.choose_path(rig.now) == Some(PathId(1))));
}
