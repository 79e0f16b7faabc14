#![allow(clippy::unwrap_used)]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::config::{CongestionPolicy, LossPolicy, SprayPolicy};
use crate::ids::PathId;

const MTU: u16 = 8952;
const BUDGET: u64 = 16 << 20;
const GRANULARITY: Duration = Duration::from_micros(500);
const NOISE_LIMIT: Duration = Duration::from_millis(2);

fn nscc(granularity: Duration) -> Nscc {
    Nscc::new(&RecoverySettings {
        granularity,
        peer_ack_delay: Duration::from_micros(100),
        spray: SprayPolicy::Recycle,
        congestion: CongestionPolicy::Nscc,
        loss: LossPolicy::Selective,
        initial_rtt: Duration::from_millis(20),
        pto_min: Duration::ZERO,
        reliable: false,
        receive_budget: BUDGET,
        ecn: true,
        mtu_base: 1200,
        mtu_max: MTU,
        seed: 1,
    })
}

/// A sender that always has more, on paths that share one queue of a given rate.
struct Pipe {
    now: Time,
    nscc: Nscc,
    base_rtt: Duration,
    /// Bytes per millisecond.
    rate: u64,
    /// Queue in bytes above which packets are marked.
    mark: u64,
    paths: u16,
    /// Paths that are this much longer, and marked always.
    bad: (u16, Duration),
    step: u16,
}

impl Pipe {
    fn new(granularity: Duration, base_rtt: Duration, rate: u64) -> Self {
        Self {
            now: Time::from_nanos(1),
            nscc: nscc(granularity),
            base_rtt,
            rate,
            mark: u64::MAX,
            paths: 16,
            bad: (0, Duration::ZERO),
            step: 0,
        }
    }

    /// Bytes that fill the pipe without a queue.
    fn bdp(&self) -> u64 {
        self.rate * self.base_rtt.as_nanos() as u64 / 1_000_000
    }

    fn queue(&self) -> u64 {
        self.nscc.window().saturating_sub(self.bdp())
    }

    /// One packet comes back.
    fn ack(&mut self) {
        let bytes = u64::from(MTU);
        self.now += Duration::from_nanos(bytes * 1_000_000 / self.rate);
        let mut queueing = Duration::from_nanos(self.queue() * 1_000_000 / self.rate);
        self.step = (self.step + 1) % self.paths;
        let bad = self.step < self.bad.0;
        if bad {
            queueing += self.bad.1;
        }
        self.nscc.on_ack(&AckSample {
            now: self.now,
            path: PathId(self.step),
            bytes,
            in_flight: self.nscc.window(),
            queueing: Some(queueing),
            base_rtt: self.base_rtt,
            ce: bad || self.queue() > self.mark,
            mtu: MTU,
        });
        let window = self.nscc.window();
        assert!((2 * u64::from(MTU)..=BUDGET).contains(&window), "{window}");
    }

    /// So much time with every packet answered.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.ack();
        }
    }

    /// The least and the greatest window over some time.
    fn range(&mut self, time: Duration) -> (u64, u64) {
        let end = self.now + time;
        let (mut low, mut high) = (u64::MAX, 0);
        while self.now < end {
            self.ack();
            (low, high) = (low.min(self.nscc.window()), high.max(self.nscc.window()));
        }
        (low, high)
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_open_pipe_is_filled_soon() {
    let base = Duration::from_millis(4);
    let mut pipe = Pipe::new(GRANULARITY, base, 2_000_000);
    pipe.run(base * 20);
    assert!(pipe.nscc.window() >= pipe.bdp(), "{} of {}", pipe.nscc.window(), pipe.bdp());
}

/// Delay alone, where it can be seen: the pipe stays full, and the queue bounded.
#[test]
fn the_window_follows_the_delay() {
    for (base, rate) in [(4, 500_000), (10, 200_000), (40, 100_000)] {
        let base = Duration::from_millis(base);
        let mut pipe = Pipe::new(GRANULARITY, base, rate);
        pipe.run(SECOND);
        let (low, high) = pipe.range(SECOND);
        let bdp = pipe.bdp();
        assert!(low >= bdp, "idle: {low} of {bdp}");
        // Held at the target, which is one round trip; adapted far above it.
        assert!(high <= bdp * (2 + u64::from(FAR)), "{high}, {bdp}");
    }
}

#[test]
fn with_marks_and_delay_the_window_shrinks_to_the_target() {
    let base = Duration::from_millis(10);
    let mut pipe = Pipe::new(GRANULARITY, base, 200_000);
    pipe.mark = pipe.bdp() / 2;
    pipe.nscc.window = BUDGET;
    pipe.run(SECOND);
    let (low, high) = pipe.range(SECOND);
    let bdp = pipe.bdp();
    assert!(low >= bdp && high <= bdp * 21 / 10, "{low}..{high} of {bdp}");
}

/// On fast networks delay drowns in the host's noise; marks alone keep the queue short (DCTCP).
#[test]
fn below_the_noise_marks_decide() {
    let base = Duration::from_micros(100);
    let mut pipe = Pipe::new(GRANULARITY, base, 5_000_000);
    pipe.mark = 200_000;
    pipe.run(SECOND / 10);
    let (low, high) = pipe.range(SECOND / 10);
    let bdp = pipe.bdp();
    assert!(low * 10 >= bdp * 8, "{low} of {bdp}");
    assert!(high <= bdp + 400_000, "{high} of {bdp}");
}

/// One bad path among many throttled all the others: arXiv 2509.07907.
#[test]
fn a_minority_of_bad_paths_is_outvoted() {
    for bad in [1, 3, 7] {
        let base = Duration::from_millis(4);
        let mut pipe = Pipe::new(GRANULARITY, base, 500_000);
        pipe.bad = (bad, base * 50);
        pipe.run(SECOND);
        let (low, _) = pipe.range(SECOND / 2);
        assert!(low >= pipe.bdp(), "{bad} of 16: {low} of {}", pipe.bdp());
    }
}

#[test]
fn a_majority_of_bad_paths_is_believed() {
    let base = Duration::from_millis(4);
    let mut pipe = Pipe::new(GRANULARITY, base, 500_000);
    pipe.run(SECOND);
    let before = pipe.nscc.window();
    pipe.bad = (14, base * 50);
    pipe.run(SECOND / 10);
    assert!(pipe.nscc.window() < before * 6 / 10, "{} of {before}", pipe.nscc.window());
}

/// Delay that is late timers and busy hosts, not queues, costs nothing.
#[test]
fn noise_of_the_host_is_not_believed() {
    let mut nscc = nscc(GRANULARITY);
    let mut rng = SmallRng::seed_from_u64(5);
    let mut now = Time::from_nanos(1);
    for step in 0..20_000_u16 {
        now += Duration::from_micros(2);
        let noise = rng.random_range(0..NOISE_LIMIT.as_nanos() as u64 - 1);
        nscc.on_ack(&AckSample {
            now,
            path: PathId(step % 16),
            bytes: u64::from(MTU),
            in_flight: nscc.window(),
            queueing: Some(Duration::from_nanos(noise)),
            base_rtt: Duration::from_micros(50),
            ce: false,
            mtu: MTU,
        });
    }
    assert_eq!(nscc.window(), BUDGET);
}

fn acked(nscc: &mut Nscc, now: Time, path: u16, queueing: Duration, ce: bool, in_flight: u64) {
    nscc.on_ack(&AckSample {
        now,
        path: PathId(path),
        bytes: u64::from(MTU),
        in_flight,
        queueing: Some(queueing),
        base_rtt: Duration::from_micros(100),
        ce,
        mtu: MTU,
    });
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut nscc = nscc(GRANULARITY);
    let before = nscc.window();
    for step in 0..1000 {
        let now = Time::from_nanos(1 + step * 10_000);
        acked(&mut nscc, now, 0, Duration::ZERO, false, before / 4);
    }
    assert_eq!(nscc.window(), before);
}

#[test]
fn one_cut_per_window() {
    let mut nscc = nscc(GRANULARITY);
    let now = Time::from_nanos(1_000_000_000);
    let before = nscc.window();
    for number in 0..1000 {
        nscc.on_loss(now + Duration::from_nanos(number), now - GRANULARITY, u64::from(MTU));
    }
    let after = nscc.window();
    assert!(after < before && after >= before * 7 / 10 - 1, "{before} to {after}");
}

#[test]
fn a_little_loss_without_other_signs_is_no_congestion() {
    let mut nscc = nscc(GRANULARITY);
    let now = Time::from_nanos(1_000_000_000);
    let before = nscc.window();
    nscc.on_loss(now, now - GRANULARITY, u64::from(MTU));
    assert_eq!(nscc.window(), before);
    // With a mark along with it, it is.
    acked(&mut nscc, now, 0, Duration::ZERO, true, before);
    let marked = nscc.window();
    let later = now + Duration::from_millis(1);
    nscc.on_loss(later, now + Duration::from_micros(1), u64::from(MTU));
    assert!(nscc.window() < marked, "{} of {marked}", nscc.window());
}

/// Whatever comes, the window stays between two packets and what the peer's buffers hold.
#[test]
fn the_window_keeps_its_bounds() {
    for seed in 0..20 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut nscc = nscc(GRANULARITY);
        let mut now = Time::from_nanos(1);
        for _ in 0..5000 {
            now += Duration::from_nanos(rng.random_range(0..1_000_000));
            if rng.random_bool(0.2) {
                let age = Duration::from_nanos(rng.random_range(0..10_000_000));
                nscc.on_loss(now, now - age, rng.random_range(0..1 << 20));
            } else {
                let queueing = Duration::from_nanos(rng.random_range(0..100_000_000));
                let (path, ce) = (rng.random_range(0..256), rng.random_bool(0.5));
                let in_flight = rng.random_range(0..BUDGET);
                acked(&mut nscc, now, path, queueing, ce, in_flight);
            }
            let window = nscc.window();
            assert!((2 * u64::from(MTU)..=BUDGET).contains(&window), "seed {seed}: {window}");
        }
    }
}
