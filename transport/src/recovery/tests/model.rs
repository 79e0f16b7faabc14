//! Random traffic over random paths against a model: nothing is forgotten, nothing said twice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// A network of paths with their own delay and loss, some dead, and a receiver that acknowledges.
struct Model {
    rng: SmallRng,
    rig: Rig,
    delay: Vec<u64>,
    loss: Vec<f64>,
    /// Packets that will arrive: (time, number, floor that they announce).
    arriving: BTreeSet<(Time, u64, u64)>,
    /// Acknowledgements on their way back.
    acks: Vec<(Time, Heard)>,
    heard: Heard,
    open: BTreeMap<u64, u32>,
    acked: BTreeSet<u64>,
    lost: BTreeSet<u64>,
}

impl Model {
    fn new(seed: u64, paths: u16, loss: f64, dead: usize) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let settings = RecoverySettings { seed, mtu_max: 9000, ..settings() };
        let rig = Rig::with(paths, settings);
        let delay = (0..paths).map(|_| rng.random_range(20_000..400_000)).collect();
        let mut losses: Vec<_> = (0..paths).map(|_| loss * rng.random::<f64>()).collect();
        for dead in losses.iter_mut().take(dead) {
            *dead = 1.0;
        }
        let heard = Heard { floor: rig.next, ..Heard::default() };
        Self {
            rng,
            rig,
            delay,
            loss: losses,
            arriving: BTreeSet::new(),
            acks: Vec::new(),
            heard,
            open: BTreeMap::new(),
            acked: BTreeSet::new(),
            lost: BTreeSet::new(),
        }
    }

    fn transmit(&mut self, path: PathId, bytes: u32, kind: SentKind) {
        // Acknowledgements of the other direction take numbers too.
        self.rig.next += self.rng.random_range(0..2);
        if !self.rig.recovery.has_room(self.rig.next) {
            return;
        }
        let number = self.rig.send_kind(path.0, bytes, kind);
        if kind == SentKind::Data {
            self.open.insert(number, bytes);
        }
        let index = usize::from(path.0);
        if !self.rng.random_bool(self.loss[index]) {
            let late = self.rng.random_range(0..50_000) + self.delay[index];
            let floor = self.rig.recovery.floor(number);
            let at = self.rig.now + Duration::from_nanos(late);
            self.arriving.insert((at, number, floor));
        }
    }

    fn deliver(&mut self) {
        let mut any = false;
        while let Some((at, number, floor)) = self.arriving.first().copied() {
            if at > self.rig.now {
                break;
            }
            self.arriving.pop_first();
            self.heard.floor = self.heard.floor.max(floor);
            self.heard.received.insert(number);
            if self.rng.random_bool(0.02) {
                self.heard.marked.insert(number);
            }
            any = true;
        }
        let floor = self.heard.floor;
        self.heard.received.retain(|number| *number >= floor);
        if any && self.rng.random_bool(0.9) {
            let back = Duration::from_nanos(self.rng.random_range(20_000..300_000));
            self.acks.push((self.rig.now + back, self.heard.clone()));
        }
    }

    fn settle(&mut self) {
        for number in self.rig.outcome.acked.drain(..) {
            assert!(self.open.remove(&number).is_some(), "{number} was not outstanding");
            assert!(self.acked.insert(number));
        }
        for number in self.rig.outcome.lost.drain(..) {
            assert!(self.open.remove(&number).is_some(), "{number} was not outstanding");
            assert!(self.lost.insert(number));
        }
        let bytes: u64 = self.open.values().map(|bytes| u64::from(*bytes)).sum();
        assert_eq!(self.rig.recovery.in_flight(), bytes);
        if let Some((first, _)) = self.open.first_key_value() {
            assert!(self.rig.recovery.floor(self.rig.next) <= *first);
        }
    }

    fn step(&mut self, send: bool) {
        self.rig.pass(Duration::from_micros(20));
        self.deliver();
        let (due, later) =
            std::mem::take(&mut self.acks).into_iter().partition(|(at, _)| *at <= self.rig.now);
        self.acks = later;
        let due: Vec<(Time, Heard)> = due;
        for (_, heard) in due {
            self.rig.recovery.on_ack(self.rig.now, &heard, &mut self.rig.outcome);
        }
        if self.rig.recovery.next_deadline().is_some_and(|at| at <= self.rig.now) {
            self.rig.recovery.on_timeout(self.rig.now, &mut self.rig.outcome);
        }
        self.settle();
        for path in std::mem::take(&mut self.rig.outcome.ping) {
            self.transmit(path, 60, SentKind::Ping);
        }
        if let Some((path, size)) = self.rig.recovery.poll_mtu_probe(self.rig.now) {
            self.transmit(path, u32::from(size), SentKind::MtuProbe(size));
        }
        if !send {
            return;
        }
        let path = self.rig.recovery.choose_path(self.rig.now).unwrap();
        for _ in 0..self.rng.random_range(0..4) {
            let bytes = u32::from(self.rig.recovery.mtu());
            if self.rig.recovery.window_available() > 0 {
                self.transmit(path, bytes, SentKind::Data);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    /// Every content is reported once, acked or lost, and nothing stays outstanding for ever.
    #[test]
    fn nothing_is_forgotten(seed: u64, paths in 1_u16..40, loss in 0.0..0.6, dead in 0_usize..8) {
        let mut model = Model::new(seed, paths, loss, dead.min(usize::from(paths) - 1));
        for _ in 0..1500 {
            model.step(true);
        }
        for _ in 0..50_000 {
            if model.open.is_empty() {
                break;
            }
            model.step(false);
        }
        prop_assert!(model.open.is_empty(), "{} still outstanding", model.open.len());
        prop_assert!(!model.acked.is_empty());
    }

    /// Without loss, reordering between paths alone never makes anything lost.
    #[test]
    fn spraying_alone_loses_nothing(seed: u64, paths in 1_u16..200) {
        let mut model = Model::new(seed, paths, 0.0, 0);
        for _ in 0..1500 {
            model.step(true);
        }
        prop_assert!(model.lost.is_empty(), "{} lost", model.lost.len());
        prop_assert_eq!(model.rig.recovery.mtu(), 9000);
    }
}
