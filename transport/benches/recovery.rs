//! What loss recovery costs per packet: sent, acknowledged, timers asked, at few and many paths and
//! packets in flight. The cost must not grow with either.
#![allow(clippy::expect_used, missing_docs)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealane_transport::device::Route;
use sealane_transport::recovery::{Acknowledgement, Outcome, Recovery, RecoverySettings, SentKind};
use sealane_transport::{CongestionPolicy, LossPolicy, SprayPolicy, Time};

/// Packets per train, and per acknowledgement.
const TRAIN: u64 = 8;
/// Trains that arrive late by so many others, in turn: spraying reorders.
const LATE: [usize; 4] = [0, 3, 1, 6];

/// A receiver's whole state: what it has from a base on.
struct Heard {
    base: u64,
    words: VecDeque<u64>,
}

impl Heard {
    fn word(&self, index: u64) -> u64 {
        self.words.get(index as usize).copied().unwrap_or(0)
    }

    /// `first` and the packets of its train came in.
    fn receive(&mut self, first: u64) {
        let index = ((first - self.base) / 64) as usize;
        while self.words.len() <= index {
            self.words.push_back(0);
        }
        // Trains never straddle words, as 8 divides 64.
        self.words[index] |= ((1 << TRAIN) - 1) << (first % 64);
        while self.words.front() == Some(&u64::MAX) {
            self.words.pop_front();
            self.base += 64;
        }
    }
}

impl Acknowledgement for Heard {
    fn base(&self) -> u64 {
        self.base + u64::from(self.word(0).trailing_ones())
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(5)
    }

    fn highest(&self) -> Option<u64> {
        let (index, word) = self.words.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
        Some(self.base + 64 * index as u64 + u64::from(word.ilog2()))
    }

    fn received_from(&self, from: u64) -> u64 {
        if from < self.base {
            return u64::MAX;
        }
        let (index, shift) = ((from - self.base) / 64, (from - self.base) % 64);
        let high = if shift == 0 { 0 } else { self.word(index + 1) << (64 - shift) };
        self.word(index) >> shift | high
    }

    fn is_ce(&self, _number: u64) -> bool {
        false
    }
}

/// A session in steady state, with so much in flight.
struct Session {
    now: Time,
    recovery: Recovery<u64>,
    outcome: Outcome<u64>,
    heard: Heard,
    next: u64,
    flying: VecDeque<u64>,
    turn: usize,
}

impl Session {
    fn new(paths: u16, outstanding: u64, ecn: bool) -> Self {
        let settings = RecoverySettings {
            granularity: Duration::from_micros(500),
            peer_ack_delay: Duration::from_micros(100),
            spray: SprayPolicy::Recycle,
            congestion: CongestionPolicy::Nscc,
            loss: LossPolicy::Selective,
            initial_rtt: Duration::from_millis(20),
            pto_min: Duration::ZERO,
            reliable: false,
            receive_budget: 64 << 20,
            ecn,
            mtu_base: 1200,
            mtu_max: 1200,
            seed: 1,
        };
        let mut recovery = Recovery::new(Time::ZERO, settings);
        let remote = |port| std::net::SocketAddr::from(([10, 0, 0, 1], 1000 + port));
        let routes: Vec<_> =
            (0..paths).map(|port| Route { local: port, remote: remote(port) }).collect();
        recovery.set_routes(&routes);
        let mut session = Self {
            now: Time::from_nanos(1),
            recovery,
            outcome: Outcome::default(),
            heard: Heard { base: 0, words: VecDeque::new() },
            next: 0,
            flying: VecDeque::new(),
            turn: 0,
        };
        while session.next < outstanding {
            session.send();
        }
        for _ in 0..20_000 {
            session.turn();
        }
        let stats = session.recovery.stats();
        assert_eq!((stats.lost, stats.timeouts), (0, 0), "a steady state");
        session
    }

    fn send(&mut self) {
        let path = self.recovery.choose_path(self.now).expect("a path");
        self.flying.push_back(self.next);
        for _ in 0..TRAIN {
            self.recovery.on_sent(self.now, self.next, path, 1200, self.next, SentKind::Data);
            self.next += 1;
        }
    }

    /// One train out, one acknowledgement in, timers asked.
    fn turn(&mut self) {
        self.now += Duration::from_nanos(400);
        self.send();
        self.turn += 1;
        let late = LATE[self.turn % LATE.len()].min(self.flying.len() - 1);
        let arrived = self.flying.remove(late).expect("in flight");
        self.heard.receive(arrived);
        self.recovery.on_ack(self.now, &self.heard, &mut self.outcome);
        self.recovery.on_timeout(self.now, &mut self.outcome);
        black_box(self.recovery.next_deadline());
        self.outcome.clear();
    }
}

fn per_packet(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    group.throughput(Throughput::Elements(TRAIN));
    for ecn in [true, false] {
        for paths in [16, 256] {
            for outstanding in [64, 1024, 3840] {
                let mut session = Session::new(paths, outstanding, ecn);
                let spray = if ecn { "recycle" } else { "two choices" };
                let id = BenchmarkId::new(format!("{spray}, {paths} paths"), outstanding);
                group.bench_function(id, |bencher| bencher.iter(|| session.turn()));
            }
        }
    }
    group.finish();
}

criterion_group!(benches, per_packet);
criterion_main!(benches);
