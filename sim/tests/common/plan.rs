//! What is done when, drawn from a seed.

use std::time::Duration;

use sealane_sim::rng::{Rng, mix};

/// What every payload is full of, and no datagram may show.
pub const CANARY: [u8; 16] = *b"PLAINTEXT-CANARY";

/// One message.
#[derive(Clone, Debug)]
pub struct Op {
    pub from: usize,
    pub to: usize,
    pub tag: u64,
    pub length: usize,
    /// Bytes that the receive is larger than the message.
    pub slack: usize,
    pub gated: bool,
    pub any_source: bool,
    /// Place by addition, so that a byte placed twice shows.
    pub add: bool,
    pub progress: bool,
}

impl Op {
    /// A canary and 48 bytes that depend on everything, per granule.
    pub fn payload(&self, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        let mut rng = Rng::new(mix(seed) ^ self.tag, 7);
        for granule in bytes.chunks_mut(64) {
            let canary = granule.len().min(16);
            let (head, rest) = granule.split_at_mut(canary);
            head.copy_from_slice(&CANARY[..canary]);
            rng.fill(rest);
        }
        bytes
    }
}

/// What is done at some time.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    Send(usize),
    Post(usize),
    Release(usize, u64, u64),
    /// From (node, port) to (node, port).
    Blackhole((usize, usize), (usize, usize)),
    Heal,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub ops: Vec<Op>,
    pub commands: Vec<(Duration, Command)>,
}

/// What plans are drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub nodes: usize,
    pub ops: usize,
    pub ports: usize,
    /// Bytes of the largest message.
    pub largest: usize,
    /// Over which time operations begin.
    pub spread: Duration,
    /// Paths that go black for a while.
    pub blackholes: usize,
}

impl Plan {
    pub fn draw(seed: u64, shape: &Shape) -> Self {
        let mut rng = Rng::new(seed, 0x91a4);
        let mut plan = Self { seed, ops: Vec::new(), commands: Vec::new() };
        for index in 0..shape.ops {
            let op = plan.op(&mut rng, shape, index);
            plan.schedule(&mut rng, shape, index, &op);
            plan.ops.push(op);
        }
        for _ in 0..shape.blackholes {
            let from = rng.index(shape.nodes);
            let to = (from + 1 + rng.index(shape.nodes - 1)) % shape.nodes;
            let (source, target) = (rng.index(shape.ports), rng.index(shape.ports));
            let at = moment(&mut rng, shape.spread);
            plan.commands.push((at, Command::Blackhole((from, source), (to, target))));
        }
        if shape.blackholes > 0 {
            plan.commands.push((shape.spread * 3, Command::Heal));
        }
        plan.commands.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Adds a message of `length` bytes, which is neither sent nor received yet; returns its index.
    pub fn one_way(&mut self, from: usize, to: usize, length: usize) -> usize {
        let index = self.ops.len();
        let tag = index as u64;
        let (gated, any_source, add, progress) = (false, false, true, false);
        self.ops.push(Op { from, to, tag, length, slack: 0, gated, any_source, add, progress });
        index
    }

    /// Adds a message of `length` bytes each way between two nodes, at once.
    pub fn exchange(&mut self, a: usize, b: usize, length: usize) {
        for (from, to) in [(a, b), (b, a)] {
            let index = self.one_way(from, to, length);
            self.commands.insert(0, (Duration::ZERO, Command::Send(index)));
            self.commands.insert(0, (Duration::ZERO, Command::Post(index)));
        }
    }

    fn op(&self, rng: &mut Rng, shape: &Shape, index: usize) -> Op {
        let from = rng.index(shape.nodes);
        let to = (from + 1 + rng.index(shape.nodes - 1)) % shape.nodes;
        let length = match rng.below(10) {
            0 => 0,
            1 => rng.index(65),
            2..=4 => rng.index(4096),
            5..=7 => rng.index(200_000.min(shape.largest) + 1),
            8 => 64 * rng.index(shape.largest / 64 + 1),
            _ => rng.index(shape.largest + 1),
        };
        Op {
            from,
            to,
            tag: index as u64,
            length,
            slack: if rng.chance(0.3) { rng.index(1000) } else { 0 },
            gated: rng.chance(0.3),
            any_source: rng.chance(0.3),
            add: rng.chance(0.5),
            progress: rng.chance(0.2),
        }
    }

    fn schedule(&mut self, rng: &mut Rng, shape: &Shape, index: usize, op: &Op) {
        let sent = moment(rng, shape.spread);
        self.commands.push((sent, Command::Send(index)));
        self.commands.push((moment(rng, shape.spread), Command::Post(index)));
        if !op.gated {
            return;
        }
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < op.length {
            let piece = 64 * (1 + rng.index(op.length / 256 + 1));
            let end = op.length.min(at + piece);
            ranges.push((at as u64, (end - at) as u64));
            at = end;
        }
        while !ranges.is_empty() {
            let (offset, length) = ranges.swap_remove(rng.index(ranges.len()));
            let at = sent + moment(rng, shape.spread);
            self.commands.push((at, Command::Release(index, offset, length)));
        }
    }
}

fn moment(rng: &mut Rng, spread: Duration) -> Duration {
    Duration::from_nanos(rng.below(spread.as_nanos() as u64 + 1))
}
