//! What peers, paths and messages cost, printed: the time of one endpoint per packet that it sends, its
//! acknowledgement included, as each of them grows; handshakes per second. `cargo bench -p sealane-cost --bench scale`
#![allow(missing_docs, reason = "a bench has no users")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::{Duration, Instant};

use sealane_cost::{Shape, Star};
use sealane_transport::BufferId;

const PACKET: u16 = 8192;
/// Bytes of a message: eight packets and a little.
const MESSAGE: usize = 64 << 10;
/// Messages that a measurement moves at the least.
const MESSAGES_MIN: usize = 1000;
/// Virtual time between two turns.
const TURN: Duration = Duration::from_micros(10);
/// Measurements of each case, in turns.
const ROUNDS: usize = 9;

/// Handshakes of a measurement.
const HANDSHAKES: usize = 50;
const HANDSHAKE: Shape = Shape { peers: 1, ports: 4, packet: PACKET };

/// One thing that grows.
struct Case {
    name: &'static str,
    shape: Shape,
    /// Messages to each peer at a time.
    messages: usize,
}

fn main() {
    let shape = |peers, ports| Shape { peers, ports, packet: PACKET };
    let case = |name, shape, messages| Case { name, shape, messages };
    let cases = [
        case("1 peer, 16 paths, 10 messages", shape(1, 4), 10),
        case("1 peer, 16 paths, 100 messages", shape(1, 4), 100),
        case("1 peer, 16 paths, 1,000 messages", shape(1, 4), 1000),
        case("1 peer, 1 path, 10 messages", shape(1, 1), 10),
        case("1 peer, 256 paths, 10 messages", shape(1, 16), 10),
        case("10 peers, 16 paths, 10 messages", shape(10, 4), 10),
        case("100 peers, 16 paths, 10 messages", shape(100, 4), 10),
        case("1,000 peers, 16 paths, 10 messages", shape(1000, 4), 10),
    ];
    let mut times = vec![Vec::new(); cases.len()];
    let mut worlds: Vec<World> = cases.iter().map(World::new).collect();
    for _ in 0..ROUNDS {
        for (world, times) in worlds.iter_mut().zip(&mut times) {
            times.push(world.nanos_per_packet());
        }
    }
    println!(
        "nanoseconds that a sender spends per packet of {PACKET} bytes, medians of {ROUNDS} turns"
    );
    let base = median(&times[0]);
    for (case, times) in cases.iter().zip(&times) {
        println!("{:<36} {:>8.0} {:>6.2}", case.name, median(times), median(times) / base);
    }
    let rates: Vec<f64> = (0..ROUNDS).map(|_| handshakes_per_second()).collect();
    println!("{:.0} handshakes per second of one core that does both sides", median(&rates));
}

/// Whole handshakes, both sides, one after another.
fn handshakes_per_second() -> f64 {
    let mut stars: Vec<Star> = (0..HANDSHAKES).map(|_| Star::strangers(HANDSHAKE)).collect();
    let begin = Instant::now();
    for star in &mut stars {
        let (from, to) = (star.buffer(0, 8), star.buffer(1, 8));
        star.recv((0, 1), 1, to, 8);
        star.send((0, 1), 1, from, 8);
        while star.nodes[0].done.0 == 0 {
            star.turn();
        }
    }
    HANDSHAKES as f64 / begin.elapsed().as_secs_f64()
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A star with everything that a case needs.
struct World {
    star: Star,
    source: BufferId,
    targets: Vec<BufferId>,
    messages: usize,
    tag: u64,
}

impl World {
    fn new(case: &Case) -> Self {
        let mut star = Star::new(case.shape);
        let source = star.buffer(0, MESSAGE);
        let targets = (1..=case.shape.peers).map(|node| star.buffer(node, MESSAGE)).collect();
        let mut world = Self { star, source, targets, messages: case.messages, tag: 0 };
        world.nanos_per_packet();
        world
    }

    /// From the middle to all peers, so many messages to each at a time.
    fn nanos_per_packet(&mut self) -> f64 {
        let at_once = self.targets.len() * self.messages;
        let times = MESSAGES_MIN.div_ceil(at_once);
        let before = self.star.nodes[0].endpoint.stats().packets_sent;
        let mut spent = Duration::ZERO;
        for _ in 0..times {
            for (index, target) in self.targets.iter().enumerate() {
                for message in 0..self.messages as u64 {
                    let tag = self.tag + message;
                    self.star.recv((0, index + 1), tag, *target, MESSAGE);
                    self.star.send((0, index + 1), tag, self.source, MESSAGE);
                }
            }
            self.tag += self.messages as u64;
            let wanted = self.star.nodes[0].done.0 + at_once;
            while self.star.nodes[0].done.0 < wanted {
                spent += self.turn();
            }
        }
        let packets = self.star.nodes[0].endpoint.stats().packets_sent - before;
        spent.as_nanos() as f64 / packets as f64
    }

    /// A turn of all; returns the time that the middle took of it.
    fn turn(&mut self) -> Duration {
        let star = &mut self.star;
        star.now += TURN;
        let begin = Instant::now();
        star.time_out(0);
        star.transmit(0);
        star.collect(0);
        let mut spent = begin.elapsed();
        star.deliver(0);
        for node in 1..star.nodes.len() {
            star.time_out(node);
            star.transmit(node);
            star.collect(node);
            if !star.nodes[node].device.posted().is_empty() {
                let begin = Instant::now();
                star.deliver(node);
                spent += begin.elapsed();
            }
        }
        spent
    }
}
