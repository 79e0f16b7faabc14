//! A network of paths with their own delay and loss, a receiver, and what the sender may believe.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// What is drawn for a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub paths: u16,
    /// The worst path loses so many; the others less.
    pub loss: f64,
    /// How much later than others of its path a packet may be, in ns.
    pub jitter: u64,
    /// Acknowledgements that are lost, and that come twice, the second time late.
    pub ack_loss: f64,
    pub ack_repeat: f64,
    pub ecn: bool,
}

impl Weather {
    pub(super) const FAIR: Self =
        Self { paths: 16, loss: 0.0, jitter: 50_000, ack_loss: 0.0, ack_repeat: 0.0, ecn: true };
}

/// See the module's text. Checks, at every step, that recovery and model agree.
pub(super) struct Model {
    pub rng: SmallRng,
    pub rig: Rig,
    weather: Weather,
    delay: Vec<u64>,
    loss: Vec<f64>,
    /// Paths that swallow everything.
    pub dead: BTreeSet<u16>,
    /// The receiver does nothing until then.
    pub receiver_sleeps: Time,
    /// Packets that will arrive: (time, number, floor that they announce).
    arriving: BTreeSet<(Time, u64, u64)>,
    /// Acknowledgements on their way back.
    acks: Vec<(Time, Heard)>,
    heard: Heard,
    pub open: BTreeMap<u64, u32>,
    pub acked: BTreeSet<u64>,
    pub lost: BTreeSet<u64>,
    /// Numbers that arrived.
    pub arrived: BTreeSet<u64>,
    pub used: BTreeMap<u16, Time>,
    pub pings: usize,
}

impl Model {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let settings = RecoverySettings { seed, mtu_max: 9000, ecn: weather.ecn, ..settings() };
        let rig = Rig::with(weather.paths, settings);
        let paths = 0..weather.paths;
        let delay = paths.clone().map(|_| rng.random_range(20_000..400_000)).collect();
        let loss = paths.map(|_| weather.loss * rng.random::<f64>()).collect();
        let heard = Heard { floor: rig.next, ..Heard::default() };
        Self {
            rng,
            rig,
            weather,
            delay,
            loss,
            dead: BTreeSet::new(),
            receiver_sleeps: Time::ZERO,
            arriving: BTreeSet::new(),
            acks: Vec::new(),
            heard,
            open: BTreeMap::new(),
            acked: BTreeSet::new(),
            lost: BTreeSet::new(),
            arrived: BTreeSet::new(),
            used: BTreeMap::new(),
            pings: 0,
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
            self.used.insert(path.0, self.rig.now);
        }
        let index = usize::from(path.0);
        if !self.dead.contains(&path.0) && !self.rng.random_bool(self.loss[index]) {
            let late = self.rng.random_range(0..=self.weather.jitter) + self.delay[index];
            let floor = self.rig.recovery.floor(number);
            let at = self.rig.now + Duration::from_nanos(late);
            self.arriving.insert((at, number, floor));
        }
    }

    /// The receiver takes in what has arrived, and answers.
    fn deliver(&mut self) {
        if self.rig.now < self.receiver_sleeps {
            return;
        }
        let mut any = false;
        while let Some((at, number, floor)) = self.arriving.first().copied() {
            if at > self.rig.now {
                break;
            }
            self.arriving.pop_first();
            self.arrived.insert(number);
            self.heard.floor = self.heard.floor.max(floor);
            self.heard.received.insert(number);
            if self.weather.ecn && self.rng.random_bool(0.02) {
                self.heard.marked.insert(number);
            }
            any = true;
        }
        let floor = self.heard.floor;
        self.heard.received.retain(|number| *number >= floor);
        if !any || self.rng.random_bool(self.weather.ack_loss) {
            return;
        }
        let mut back = Duration::from_nanos(self.rng.random_range(20_000..300_000));
        self.acks.push((self.rig.now + back, self.heard.clone()));
        if self.rng.random_bool(self.weather.ack_repeat) {
            back += Duration::from_micros(self.rng.random_range(0..2000));
            self.acks.push((self.rig.now + back, self.heard.clone()));
        }
    }

    /// Takes in what recovery decided, and compares.
    fn settle(&mut self) {
        let Rig { outcome, .. } = &mut self.rig;
        for (numbers, ended) in
            [(&mut outcome.acked, &mut self.acked), (&mut outcome.lost, &mut self.lost)]
        {
            for number in numbers.drain(..) {
                assert!(self.open.remove(&number).is_some(), "{number} was not outstanding");
                assert!(ended.insert(number), "{number} ended twice");
            }
        }
        let bytes: u64 = self.open.values().map(|bytes| u64::from(*bytes)).sum();
        assert_eq!(self.rig.recovery.in_flight(), bytes);
        if let Some((first, _)) = self.open.first_key_value() {
            assert!(self.rig.recovery.floor(self.rig.next) <= *first);
            assert!(self.rig.recovery.next_deadline().is_some(), "nothing would end it");
        }
    }

    /// 20 µs pass. `send`: a train goes out, if the window allows.
    pub(super) fn step(&mut self, send: bool) {
        self.rig.pass(Duration::from_micros(20));
        let now = self.rig.now;
        self.deliver();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.acks).into_iter().partition(|(at, _)| *at <= now);
        self.acks = later;
        for (_, heard) in due {
            self.rig.recovery.on_ack(now, &heard, &mut self.rig.outcome);
        }
        self.rig.recovery.on_timeout(now, &mut self.rig.outcome);
        let next = self.rig.recovery.next_deadline();
        assert!(next.is_none_or(|at| at > now), "what was due is done: {next:?} at {now:?}");
        self.settle();
        for path in std::mem::take(&mut self.rig.outcome.ping) {
            self.pings += 1;
            self.transmit(path, 60, SentKind::Ping);
        }
        if let Some((path, size)) = self.rig.recovery.poll_mtu_probe(now) {
            self.transmit(path, u32::from(size), SentKind::MtuProbe(size));
        }
        if send {
            self.train();
        }
    }

    fn train(&mut self) {
        let Some(path) = self.rig.recovery.choose_path(self.rig.now) else { return };
        for _ in 0..self.rng.random_range(0..4) {
            let bytes = u32::from(self.rig.recovery.mtu());
            let room = self.rig.recovery.has_room_for_data(self.rig.next);
            if room && self.rig.recovery.window_available() > 0 {
                self.transmit(path, bytes, SentKind::Data);
            }
        }
    }

    pub(super) fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.step(true);
        }
    }

    /// Sends nothing more until nothing is outstanding.
    pub(super) fn finish(&mut self) {
        for _ in 0..50_000 {
            if self.open.is_empty() {
                return;
            }
            self.step(false);
        }
        panic!("{} still outstanding", self.open.len());
    }
}
