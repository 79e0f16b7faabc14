//! Control planes over a network in memory: virtual time, seeded loss, duplication and reordering.

use std::collections::BTreeMap;

use rand::Rng;
use rustls::pki_types::UnixTime;

use super::super::*;
use crate::ids::Rank;
use crate::seal::Suite;

/// 2026-11-01.
pub(super) const NOW_UNIX: u64 = 1_793_491_200;
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct FixedWall(pub(super) u64);

impl TimeProvider for FixedWall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

pub(super) fn job() -> JobId {
    JobId::new("pair").unwrap()
}

pub(super) fn identity(rank: u32) -> Identity {
    identity_with("a secret of the job", rank)
}

pub(super) fn identity_with(secret: &str, rank: u32) -> Identity {
    let secret = crate::identity::JobSecret::parse(secret).unwrap();
    Identity::from_secret(&job(), &secret, Rank(rank), NOW_UNIX).unwrap()
}

pub(super) fn address(rank: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, (rank >> 8) as u8, rank as u8], 4000))
}

pub(super) fn parameters(rank: u32) -> LocalParameters {
    LocalParameters {
        world: 4,
        incarnation: 1000 + u64::from(rank),
        suites: Suite::available().to_vec(),
        lanes: 1,
        packet_max: 9000,
        eager_budget: 256 << 10,
        receive_budget: 4 << 20,
        message_window: 1024,
        capabilities: 0,
        addresses: vec![address(rank)],
    }
}

#[allow(clippy::disallowed_methods)]
pub(super) fn settings(identity: Identity, seed: u64) -> ControlSettings {
    let mut bytes = [0; 32];
    rand::RngCore::fill_bytes(&mut StdRng::seed_from_u64(seed), &mut bytes);
    ControlSettings {
        parameters: parameters(identity.rank().0),
        identity,
        epoch: Instant::now(),
        wall: Arc::new(FixedWall(NOW_UNIX)),
        seed: bytes,
        handshake_timeout: TIMEOUT,
        half_open_max: 64,
        membership: None,
    }
}

/// How the network treats datagrams. Probabilities are in percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) loss: u32,
    pub(super) duplication: u32,
}

pub(super) const FAIR: Weather =
    Weather { delay: Duration::from_millis(1), jitter: Duration::ZERO, loss: 0, duplication: 0 };

pub(super) const STORM: Weather = Weather {
    delay: Duration::from_millis(2),
    jitter: Duration::from_millis(8),
    loss: 30,
    duplication: 10,
};

/// Control planes, each at its address, and the datagrams between them.
pub(super) struct Net {
    pub(super) now: Time,
    pub(super) weather: Weather,
    pub(super) nodes: BTreeMap<SocketAddr, ControlPlane>,
    pub(super) events: BTreeMap<SocketAddr, Vec<ControlEvent>>,
    /// Addresses that swallow everything.
    pub(super) dead: Vec<SocketAddr>,
    pub(super) delivered: u64,
    flying: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sequence: u64,
    rng: StdRng,
}

impl Net {
    pub(super) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            now: Time::ZERO + Duration::from_secs(1),
            weather,
            nodes: BTreeMap::new(),
            events: BTreeMap::new(),
            dead: Vec::new(),
            delivered: 0,
            flying: BTreeMap::new(),
            sequence: 0,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// A network with honest ranks `0..count`.
    pub(super) fn of(count: u32, weather: Weather, seed: u64) -> Self {
        let mut net = Self::new(weather, seed);
        for rank in 0..count {
            net.add(rank, settings(identity(rank), seed * 1000 + u64::from(rank)));
        }
        net
    }

    pub(super) fn add(&mut self, rank: u32, settings: ControlSettings) {
        self.nodes.insert(address(rank), ControlPlane::new(settings).unwrap());
    }

    pub(super) fn node(&mut self, rank: u32) -> &mut ControlPlane {
        self.nodes.get_mut(&address(rank)).unwrap()
    }

    pub(super) fn connect(&mut self, from: u32, to: u32) {
        let now = self.now;
        self.node(from).connect(now, Rank(to), &[address(to)]);
    }

    pub(super) fn connected(&self, one: u32, two: u32) -> bool {
        self.nodes[&address(one)].is_connected(Rank(two))
            && self.nodes[&address(two)].is_connected(Rank(one))
    }

    /// Takes the events of a rank.
    pub(super) fn take(&mut self, rank: u32) -> Vec<ControlEvent> {
        self.events.remove(&address(rank)).unwrap_or_default()
    }

    fn pump(&mut self) {
        let mut buffer = Vec::new();
        for (from, node) in &mut self.nodes {
            while let Some(transmit) = node.poll_transmit(self.now, &mut buffer) {
                assert_eq!(transmit.length, buffer.len());
                assert!(transmit.length <= 1200, "control datagrams fit every path");
                assert!(buffer[0] & 0xc0 != 0, "demultiplexing needs the fixed bit");
                let copies =
                    1 + u32::from(self.rng.random_range(0..100) < self.weather.duplication);
                for _ in 0..copies {
                    if self.rng.random_range(0..100) < self.weather.loss {
                        continue;
                    }
                    let jitter = self.rng.random_range(0..=self.weather.jitter.as_nanos() as u64);
                    let at = self.now + self.weather.delay + Duration::from_nanos(jitter);
                    self.sequence += 1;
                    let packet = (*from, transmit.route.remote, buffer.clone());
                    self.flying.insert((at, self.sequence), packet);
                }
            }
            while let Some(event) = node.poll_event() {
                self.events.entry(*from).or_default().push(event);
            }
        }
    }

    /// One step of virtual time; false when nothing is left to happen before `end`.
    fn step(&mut self, end: Time) -> bool {
        self.pump();
        let arrival = self.flying.keys().next().map(|(at, _)| *at);
        let timer = self.nodes.values().filter_map(ControlPlane::next_deadline).min();
        let Some(next) = arrival.into_iter().chain(timer).min().filter(|at| *at <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, to, bytes) = entry.remove();
            if self.dead.contains(&to) || self.dead.contains(&from) {
                continue;
            }
            if let Some(node) = self.nodes.get_mut(&to) {
                self.delivered += 1;
                node.handle(now, Route { local: 0, remote: from }, Ecn::NotEct, &bytes);
            }
        }
        for node in self.nodes.values_mut() {
            if node.next_deadline().is_some_and(|at| at <= now) {
                node.handle_timeout(now);
            }
        }
        true
    }

    /// Runs until `done` or for `limit` of virtual time; whether it was done.
    pub(super) fn until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let end = self.now + limit;
        loop {
            self.pump();
            if done(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return false;
            }
        }
    }

    pub(super) fn run(&mut self, limit: Duration) {
        self.until(limit, |_| false);
    }
}

/// The established events among `events`.
pub(super) fn established(events: &[ControlEvent]) -> Vec<&Established> {
    events
        .iter()
        .filter_map(|event| match event {
            ControlEvent::Established(established) => Some(&**established),
            _ => None,
        })
        .collect()
}
