//! Datagrams from an attacker who hears everything, while a reduction runs.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealane::{Communicator, ReduceOp};

use crate::job;
use crate::tap::{Seen, Tap};

/// Hostile datagrams sent in all, at least.
const STORM: u64 = 300_000;

/// Reductions that must end while it lasts: on a slow machine it may be over before the ranks have met.
const ROUNDS: u64 = 3;

/// When it ends in any case.
const STORM_MAX: u64 = 20 * STORM;

/// Of each kind before the next; a pause follows, so that the storm is long on any machine.
const BURST: usize = 100;

/// Captured datagrams that are remembered.
const CAPTURED: usize = 512;

/// Longest datagram that is captured for abuse.
const LONGEST: usize = 4096;

/// What one storm of any length may leave in memory: not a function of the number of datagrams.
const GROWTH_KIB: u64 = 64 << 10;

/// SplitMix64: equal seeds, equal storms, but for what was captured.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll() as u8).collect()
    }
}

struct Attacker<'a> {
    socket: UdpSocket,
    dice: Dice,
    captured: &'a Mutex<Vec<Seen>>,
    sent: &'a AtomicU64,
}

impl Attacker<'_> {
    /// A hostile datagram, and the port that it is meant for if it was made from a captured one.
    fn draw(&mut self) -> (Vec<u8>, Option<u16>) {
        let kind = self.dice.below(7);
        let seen = {
            let captured = self.captured.lock().unwrap();
            let pick = self.dice.below(captured.len().max(1));
            captured.get(pick).cloned()
        };
        let Some(mut seen) = seen.filter(|_| kind > 1) else {
            let length = self.dice.below(if kind == 0 { 64 } else { 1400 });
            let mut bytes = self.dice.bytes(length);
            if let (1, Some(first)) = (kind, bytes.first_mut()) {
                // As the data plane begins: version 1, generation 0.
                *first = 0;
            }
            return (bytes, None);
        };
        let length = seen.payload.len().max(1);
        match kind {
            2 => return (seen.payload, Some(seen.from)),
            3 => seen.payload.truncate(self.dice.below(length)),
            4 => flip(&mut seen.payload, self.dice.below(16 * 8)),
            5 => flip(&mut seen.payload, self.dice.below(length * 8)),
            _ => {}
        }
        (seen.payload, Some(seen.to))
    }

    /// Sends `count` datagrams to `ports`.
    fn storm(&mut self, ports: &[u16], count: u64) {
        let end = self.sent.load(Ordering::Relaxed) + count;
        while self.sent.load(Ordering::Relaxed) < end {
            for _ in 0..BURST {
                let (bytes, meant) = self.draw();
                let any = ports[self.dice.below(ports.len())];
                let port = meant.filter(|port| ports.contains(port)).unwrap_or(any);
                // A full socket or a refusal is no concern of an attacker.
                let _ = self.socket.send_to(&bytes, ("127.0.0.1", port));
                self.sent.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_micros(200));
        }
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

/// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Reduces until told to stop, and checks every sum; `done` is how often it has.
fn reduce_until(communicator: &Communicator, stop: &AtomicBool, done: &AtomicU64) -> u64 {
    let mut rounds = 0;
    loop {
        let mine = rounds as i64 + i64::from(communicator.rank().0);
        let mut values = vec![mine; 24 << 10];
        communicator.all_reduce(&mut values, ReduceOp::Sum).unwrap();
        let sum = 2 * rounds as i64 + 1;
        assert!(values.iter().all(|value| *value == sum), "round {rounds}");
        rounds += 1;
        done.fetch_max(rounds, Ordering::Relaxed);
        // All ranks must agree on when to stop.
        let mut votes = [u8::from(stop.load(Ordering::Relaxed))];
        communicator.all_reduce(&mut votes, ReduceOp::Max).unwrap();
        if votes[0] > 0 {
            return rounds;
        }
    }
}

#[test]
fn a_storm_of_hostile_datagrams_changes_nothing() {
    let captured = Mutex::new(Vec::new());
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let own = socket.local_addr().unwrap().port();
    let mut count = 0;
    // The latest, so that replays fall into the window.
    let look = |seen: Seen| {
        if seen.from == own || !(1..LONGEST).contains(&seen.payload.len()) {
            return;
        }
        let mut captured = captured.lock().unwrap();
        match captured.get_mut(count % CAPTURED) {
            Some(old) => *old = seen,
            None => captured.push(seen),
        }
        count += 1;
    };
    match Tap::open("the part that replays, reflects and alters what was heard") {
        Some(tap) => tap.during(look, || attack(socket, &captured)),
        None => attack(socket, &captured),
    }
}

fn attack(socket: UdpSocket, captured: &Mutex<Vec<Seen>>) {
    let (stop, sent, done) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let port = job::free_port();
    let own = socket.local_addr().unwrap().port();
    let mut attacker = Attacker { socket, dice: Dice(1), captured, sent: &sent };
    let (ranks, growth, rate) = thread::scope(|scope| {
        let (stop, done) = (&stop, &done);
        let job = scope.spawn(move || {
            job::run(2, port, |communicator| {
                let rounds = reduce_until(communicator, stop, done);
                (rounds, communicator.stats())
            })
        });
        // Before anyone knows anyone.
        attacker.storm(&[port], STORM / 10);
        let before = resident();
        let started = Instant::now();
        let goes_on =
            |sent| sent < STORM || sent < STORM_MAX && done.load(Ordering::Relaxed) < ROUNDS;
        while goes_on(sent.load(Ordering::Relaxed)) && !job.is_finished() {
            let ports: Vec<u16> = job::ports().into_iter().filter(|port| *port != own).collect();
            if ports.is_empty() {
                break;
            }
            attacker.storm(&ports, STORM / 20);
        }
        let stormed = sent.load(Ordering::Relaxed) - STORM / 10;
        let rate = stormed as f64 / started.elapsed().as_secs_f64();
        let growth = resident().saturating_sub(before);
        stop.store(true, Ordering::Relaxed);
        (job.join().unwrap(), growth, rate)
    });
    eprintln!("{rate:.0} hostile datagrams a second, {growth} KiB more; {ranks:#?}");
    assert!(sent.load(Ordering::Relaxed) >= STORM, "the whole storm was sent");
    assert!(growth < GROWTH_KIB, "{growth} KiB");
    assert!(ranks.iter().all(|(rounds, _)| *rounds >= ROUNDS));
    let dropped = |of: fn(&sealane::Stats) -> u64| ranks.iter().map(|(_, s)| of(s)).sum::<u64>();
    assert!(dropped(|stats| stats.dropped.malformed_header) > 0);
    assert!(dropped(|stats| stats.dropped.unknown_session) > 0);
    assert_eq!(dropped(|stats| stats.dropped.violations), 0);
    if !captured.lock().unwrap().is_empty() {
        assert!(dropped(|stats| stats.dropped.replayed + stats.dropped.too_old) > 0);
        assert!(dropped(|stats| stats.dropped.authentication + stats.dropped.generation) > 0);
    }
}
