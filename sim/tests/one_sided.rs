//! Random one-sided operations under every fault of the network, against a model: each write exact and
//! nowhere else, each read what is there, each atomic once, each refusal the right one, each end once.
//!
//! `SEALANE_SEED=n cargo test -p sealane-sim --test one_sided` replays one seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::for_seeds;
use common::watch::{assert_clean, watch};
use sealane_sim::rng::Rng;
use sealane_sim::{Cluster, ClusterSettings, DeviceSettings, LinkSettings, Placement, Stop};
use sealane_transport::rma::{
    Atomic, Audience, Exposure, Grant, Permissions, Refusal, RemoteKey, Segment,
};
use sealane_transport::{BufferId, Config, Event, OperationError, Rank, RmaId, Suite, Time};

const TEST: &str = "one_sided";

/// Counters lie in front, then what is read, then the cells that are written.
const COUNTERS: u64 = 4;
const READABLE: std::ops::Range<u64> = 64..70_000;
const CELLS: u64 = 70_013;
/// What nobody writes.
const UNTOUCHED: u8 = 0xee;

/// One operation, and what must come of it.
#[derive(Clone, Debug)]
enum Op {
    /// Writes a cell that no other operation writes.
    Write {
        offset: u64,
        length: u64,
        immediate: Option<u32>,
    },
    Read {
        offset: u64,
        length: u64,
    },
    Add {
        counter: u64,
        add: u64,
    },
    /// Compares with what is never there.
    Swap {
        counter: u64,
    },
    Refused {
        with: Bad,
        length: u64,
    },
    /// Waits for all before.
    Fence,
}

#[derive(Clone, Copy, Debug)]
enum Bad {
    Key,
    OthersKey,
    Revoked,
    Epoch,
    Bounds,
    Overflow,
    Permission,
    Alignment,
}

struct Flying {
    index: usize,
    op: Op,
    target: usize,
    local: Option<BufferId>,
}

/// What a node has granted.
struct Owned {
    memory: BufferId,
    all: Grant,
    read_only: Grant,
    revoked: Grant,
    /// For nobody but the owner's left neighbour's left neighbour, who may be nobody.
    others: Grant,
}

struct World {
    seed: u64,
    cluster: Cluster,
    owned: Vec<Owned>,
    flying: BTreeMap<(usize, RmaId), Flying>,
    /// By target: before and addend of each fetch-add of each counter.
    adds: BTreeMap<(usize, u64), Vec<(u64, u64)>>,
    /// By target: cells that must hold their writer's bytes.
    written: Vec<(usize, usize, u64, u64)>,
    told: Vec<BTreeSet<u32>>,
    ended: usize,
}

fn payload(seed: u64, index: usize, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    Rng::new(seed ^ (index as u64) << 20, 11).fill(&mut bytes);
    bytes
}

fn readable(seed: u64, node: usize) -> Vec<u8> {
    payload(seed, 1 << 20 | node, READABLE.end - READABLE.start)
}

impl World {
    fn new(seed: u64, settings: &ClusterSettings, cells: u64) -> Self {
        let mut cluster = Cluster::new(settings).unwrap();
        let owned = (0..settings.nodes as usize)
            .map(|at| {
                let node = &mut cluster.nodes[at];
                let mut bytes = vec![UNTOUCHED; (CELLS + cells) as usize];
                bytes[..READABLE.start as usize].fill(0);
                bytes[READABLE.start as usize..READABLE.end as usize]
                    .copy_from_slice(&readable(seed, at));
                let memory = node.memory.insert(bytes, Placement::Copy);
                let length = CELLS + cells - 3;
                let mut grant = |permissions, audience| {
                    let exposure =
                        Exposure { buffer: memory, offset: 0, length, permissions, audience };
                    node.endpoint.grant(exposure).unwrap()
                };
                let all = grant(Permissions::ALL, Audience::Anyone);
                let read_only = grant(Permissions::READ, Audience::Anyone);
                let revoked = grant(Permissions::ALL, Audience::Anyone);
                let others = grant(Permissions::ALL, Audience::only(Rank(99)));
                node.endpoint.revoke(revoked.key).unwrap();
                Owned { memory, all, read_only, revoked, others }
            })
            .collect();
        Self {
            seed,
            cluster,
            owned,
            flying: BTreeMap::new(),
            adds: BTreeMap::new(),
            written: Vec::new(),
            told: vec![BTreeSet::new(); settings.nodes as usize],
            ended: 0,
        }
    }

    /// Local memory of `length` bytes, as a list of segments in one buffer with gaps.
    fn local(&mut self, from: usize, rng: &mut Rng, bytes: &[u8]) -> (BufferId, Vec<Segment>) {
        let mut laid = Vec::new();
        let mut segments = Vec::new();
        let pieces = if rng.chance(0.4) { 1 + rng.index(6) } else { 1 };
        let mut rest = bytes;
        for piece in 0..pieces {
            let last = piece + 1 == pieces;
            let length = if last { rest.len() } else { rng.index(rest.len() + 1) };
            let (head, tail) = rest.split_at(length);
            rest = tail;
            laid.extend(std::iter::repeat_n(UNTOUCHED, rng.index(80)));
            let (offset, length) = (laid.len() as u64, length as u64);
            segments.push(Segment { buffer: BufferId(0), offset, length });
            laid.extend_from_slice(head);
        }
        let buffer = self.cluster.nodes[from].memory.insert(laid, Placement::Copy);
        segments.iter_mut().for_each(|segment| segment.buffer = buffer);
        (buffer, segments)
    }

    fn issue(&mut self, index: usize, from: usize, target: usize, op: Op, rng: &mut Rng) {
        let now = self.cluster.now();
        let rank = Rank(target as u32);
        let all = self.owned[target].all;
        let mut local = None;
        let rma = match &op {
            Op::Fence => {
                self.cluster.nodes[from].endpoint.fence(rank).unwrap();
                return;
            }
            Op::Write { offset, length, immediate } => {
                let (buffer, list) = self.local(from, rng, &payload(self.seed, index, *length));
                local = Some(buffer);
                let endpoint = &mut self.cluster.nodes[from].endpoint;
                endpoint.write(now, rank, all.at(*offset), &list, *immediate)
            }
            Op::Read { offset, length } => {
                let (buffer, list) = self.local(from, rng, &vec![0; *length as usize]);
                local = Some(buffer);
                self.cluster.nodes[from].endpoint.read(now, rank, all.at(*offset), &list)
            }
            Op::Add { counter, add } => {
                let operation = Atomic::FetchAdd { add: *add };
                self.cluster.nodes[from].endpoint.atomic(now, rank, all.at(counter * 8), operation)
            }
            Op::Swap { counter } => {
                let operation = Atomic::CompareSwap { compare: u64::MAX, swap: 1 };
                self.cluster.nodes[from].endpoint.atomic(now, rank, all.at(counter * 8), operation)
            }
            Op::Refused { with, length } => {
                let (buffer, list) = self.local(from, rng, &vec![1; *length as usize]);
                local = Some(buffer);
                let owned = &self.owned[target];
                let endpoint = &mut self.cluster.nodes[from].endpoint;
                let end = all.length;
                match with {
                    Bad::Alignment => {
                        endpoint.atomic(now, rank, all.at(9), Atomic::FetchAdd { add: 1 })
                    }
                    Bad::Permission => {
                        endpoint.write(now, rank, owned.read_only.at(0), &list, Some(0))
                    }
                    Bad::Key => {
                        let key = RemoteKey(all.key.0.rotate_left(1));
                        endpoint.read(now, rank, Grant { key, ..all }.at(0), &list)
                    }
                    Bad::OthersKey => endpoint.write(now, rank, owned.others.at(0), &list, None),
                    Bad::Revoked => endpoint.write(now, rank, owned.revoked.at(0), &list, Some(0)),
                    Bad::Epoch => {
                        let old = Grant { epoch: all.epoch + 1, ..all };
                        endpoint.write(now, rank, old.at(0), &list, None)
                    }
                    Bad::Bounds => endpoint.write(now, rank, all.at(end - length + 1), &list, None),
                    Bad::Overflow => endpoint.read(now, rank, all.at(u64::MAX - length + 1), &list),
                }
            }
        };
        let flying = Flying { index, op, target, local };
        self.flying.insert((from, rma.unwrap()), flying);
    }

    fn on_event(&mut self, node: usize, event: Event) {
        let (rma, ended) = match event {
            Event::RmaDone { rma, value } => (rma, Ok(value)),
            Event::RmaFailed { rma, error } => (rma, Err(error)),
            Event::RmaWritten { peer, key, offset, length, immediate } => {
                assert_eq!(key, self.owned[node].all.key);
                // The bytes are there when it is told.
                let index = immediate as usize;
                let memory = self.cluster.nodes[node].memory.bytes(self.owned[node].memory);
                let got = &memory.unwrap()[offset as usize..][..length as usize];
                assert!(got == payload(self.seed, index, length), "operation {index}");
                assert!(self.told[node].insert(immediate), "told once");
                assert!(self.cluster.nodes[node].endpoint.immediate_taken(peer));
                return;
            }
            Event::Connected { .. } => return,
            other => panic!("unexpected at node {node}: {other:?}"),
        };
        let flying = self.flying.remove(&(node, rma)).expect("ended once");
        self.ended += 1;
        self.check_end(node, flying, ended);
    }

    fn check_end(&mut self, node: usize, flying: Flying, ended: Result<u64, OperationError>) {
        let Flying { index, op, target, local } = flying;
        let bytes =
            local.map(|buffer| self.cluster.nodes[node].memory.remove(buffer).expect("its buffer"));
        match op {
            Op::Refused { with, .. } => {
                let refusal = match with {
                    Bad::Key | Bad::OthersKey => Refusal::UnknownKey,
                    Bad::Revoked => Refusal::Revoked,
                    Bad::Epoch => Refusal::EpochOver,
                    Bad::Bounds | Bad::Overflow => Refusal::OutOfBounds,
                    Bad::Permission => Refusal::NotPermitted,
                    Bad::Alignment => Refusal::Misaligned,
                };
                assert_eq!(ended, Err(OperationError::RemoteAccess(refusal)), "{with:?}");
                assert!(bytes.unwrap().iter().all(|byte| [1, UNTOUCHED].contains(byte)));
            }
            Op::Write { offset, length, immediate } => {
                assert_eq!(ended, Ok(0));
                self.written.push((target, index, offset, length));
                let told = immediate.is_none_or(|said| self.told[target].contains(&said));
                assert!(told, "the target is told before the initiator");
            }
            Op::Read { offset, length } => {
                assert_eq!(ended, Ok(0));
                let from = (offset - READABLE.start) as usize;
                let expected = &readable(self.seed, target)[from..from + length as usize];
                let got = bytes.unwrap();
                // Gaps between the segments are of one value; what is read is not.
                let found = got.len() >= expected.len() && contains_in_order(&got, expected);
                assert!(found, "a read of {length} at {offset}");
            }
            Op::Add { counter, add } => {
                let found = ended.unwrap();
                self.adds.entry((target, counter)).or_default().push((found, add));
            }
            Op::Swap { .. } => assert!(ended.unwrap() != u64::MAX),
            Op::Fence => unreachable!("fences have no end"),
        }
    }

    /// When all have ended: memory is what the model says, to the byte.
    fn check_memory(&self) {
        for (at, owned) in self.owned.iter().enumerate() {
            let node = &self.cluster.nodes[at];
            assert_eq!(node.endpoint.stats().dropped.violations, 0);
            assert_eq!(node.memory.len(), 1, "local buffers are given back");
            let memory = node.memory.bytes(owned.memory).unwrap();
            let mut expected = vec![UNTOUCHED; memory.len()];
            expected[..READABLE.start as usize].fill(0);
            for counter in 0..COUNTERS {
                let sum = self.check_counter(at, counter);
                expected[counter as usize * 8..][..8].copy_from_slice(&sum.to_ne_bytes());
            }
            expected[READABLE.start as usize..READABLE.end as usize]
                .copy_from_slice(&readable(self.seed, at));
            for (_, index, offset, length) in self.written.iter().filter(|cell| cell.0 == at) {
                expected[*offset as usize..][..*length as usize]
                    .copy_from_slice(&payload(self.seed, *index, *length));
            }
            let wrong = memory.iter().zip(&expected).position(|(got, wanted)| got != wanted);
            assert_eq!(wrong, None, "memory of node {at}");
        }
    }

    /// Every fetch-add found what those before it left: they form one chain.
    fn check_counter(&self, at: usize, counter: u64) -> u64 {
        let mut chain = self.adds.get(&(at, counter)).cloned().unwrap_or_default();
        chain.sort_unstable();
        chain.iter().fold(0, |value, (found, add)| {
            assert_eq!(*found, value, "counter {counter} of node {at}");
            value + add
        })
    }
}

/// Whether `wanted`, cut into at most six pieces, is in `got` in order.
fn contains_in_order(got: &[u8], wanted: &[u8]) -> bool {
    let mut at = 0;
    let mut rest = wanted;
    while !rest.is_empty() {
        let Some(found) = got[at..].iter().position(|byte| *byte == rest[0]) else { return false };
        let here = &got[at + found..];
        let run = here.iter().zip(rest).take_while(|(a, b)| a == b).count();
        at += found + run;
        rest = &rest[run..];
    }
    true
}

fn draw(rng: &mut Rng, index: usize, cells: &mut u64, largest: u64) -> Op {
    let length = match rng.below(8) {
        0 => 0,
        1 => 1 + rng.below(64),
        2..=4 => rng.below(4096),
        5 | 6 => rng.below(60_000),
        _ => rng.below(largest),
    };
    match rng.below(12) {
        0..=3 => {
            let offset = CELLS + *cells;
            *cells += length + rng.below(100);
            let immediate = rng.chance(0.4).then_some(index as u32);
            Op::Write { offset, length, immediate }
        }
        4 | 5 => {
            let length = length.min(60_000);
            let offset = READABLE.start + rng.below(READABLE.end - READABLE.start - length + 1);
            Op::Read { offset, length }
        }
        6..=8 => Op::Add { counter: rng.below(COUNTERS), add: 1 + rng.below(1000) },
        9 => Op::Swap { counter: rng.below(COUNTERS) },
        10 => Op::Fence,
        _ => {
            let all = [
                Bad::Key,
                Bad::OthersKey,
                Bad::Revoked,
                Bad::Epoch,
                Bad::Bounds,
                Bad::Overflow,
                Bad::Permission,
                Bad::Alignment,
            ];
            Op::Refused { with: all[rng.index(all.len())], length: 1 + rng.below(5000) }
        }
    }
}

fn settings(seed: u64, rng: &mut Rng) -> ClusterSettings {
    // Timeouts that heavy loss cannot reach: this is about exactness.
    let mut config = Config {
        handshake_timeout: Duration::from_secs(300),
        peer_timeout: Duration::from_secs(60),
        rekey_packets: [None, Some(4096), Some(64)][rng.index(3)],
        ..Config::default()
    };
    if rng.chance(0.5) {
        config.suites = vec![Suite::ChaCha20Poly1305];
    }
    ClusterSettings {
        nodes: 2 + rng.below(3) as u32,
        seed,
        config,
        device: DeviceSettings {
            ports: 1 + rng.below(4) as u16,
            mtu: [1200, 1472, 8952, 60_000][rng.index(4)],
            train_packets: 1 + rng.below(16) as u16,
            ecn: rng.chance(0.5),
            coalesce: rng.chance(0.7),
            ..DeviceSettings::default()
        },
        links: LinkSettings {
            latency: Duration::from_micros(5 + rng.below(200)),
            spread: Duration::from_micros(rng.below(50)),
            jitter: Duration::from_micros(rng.below(100)),
            ..LinkSettings::default()
        },
        tick: None,
    }
}

/// Runs so many random operations; `blackholes` paths go black for a while.
fn run(seed: u64, settings: &ClusterSettings, ops: usize, largest: u64, blackholes: usize) {
    let mut rng = Rng::new(seed, 0x0de5);
    let mut cells = vec![0_u64; settings.nodes as usize];
    let spread = rng.below(20_000_000);
    let mut plan: Vec<(u64, usize, usize, usize, Op)> = (0..ops)
        .map(|index| {
            let from = rng.index(cells.len());
            let target = (from + 1 + rng.index(cells.len() - 1)) % cells.len();
            let op = draw(&mut rng, index, &mut cells[target], largest);
            (rng.below(spread + 1), index, from, target, op)
        })
        .collect();
    plan.sort_by_key(|(at, index, ..)| (*at, *index));
    let issued = plan.iter().filter(|(.., op)| !matches!(op, Op::Fence)).count();
    let mut world = World::new(seed, settings, cells.into_iter().max().unwrap_or(0) + 3);
    let heard = watch(&world.cluster.network);
    for _ in 0..blackholes {
        let (from, to) = (rng.index(world.owned.len()), rng.index(world.owned.len()));
        let ports = usize::from(settings.device.ports);
        let source = world.cluster.addresses(from)[rng.index(ports)];
        let sink = world.cluster.addresses(to)[rng.index(ports)];
        world.cluster.network.blackhole(source, sink);
    }
    let start = world.cluster.now();
    for (at, index, from, target, op) in plan {
        advance(&mut world, start + Duration::from_nanos(at));
        world.issue(index, from, target, op, &mut rng);
    }
    let healed = start + Duration::from_nanos(spread) + Duration::from_millis(60);
    advance(&mut world, healed);
    world.cluster.network.heal();
    let deadline = world.cluster.now() + Duration::from_secs(600);
    while world.ended < issued {
        assert!(
            world.cluster.now() < deadline,
            "{} of {issued} ended; {:?}",
            world.ended,
            world
                .flying
                .iter()
                .map(|(at, flying)| (at, flying.index, flying.target, &flying.op))
                .collect::<Vec<_>>()
        );
        let next = world.cluster.now() + Duration::from_millis(1);
        advance(&mut world, next);
    }
    // Late packets change nothing.
    let later = world.cluster.now() + Duration::from_secs(2);
    advance(&mut world, later);
    world.check_memory();
    assert_clean(&heard);
}

fn advance(world: &mut World, until: Time) {
    while world.cluster.now() < until {
        let mut events = Vec::new();
        let slice = until.since(world.cluster.now()).min(Duration::from_millis(1));
        let stop = world.cluster.run(slice, |_, node, event| {
            events.push((node, event));
            false
        });
        assert_ne!(stop, Stop::Spinning);
        for (node, event) in events {
            world.on_event(node, event);
        }
        if stop == Stop::Quiescent {
            world.cluster.network.advance(until);
        }
    }
}

#[test]
fn a_clean_network_does_as_the_model_says() {
    for_seeds(TEST, 6, |seed| {
        let mut rng = Rng::new(seed, 1);
        let mut settings = settings(seed, &mut rng);
        settings.links = LinkSettings::default();
        run(seed, &settings, 150, 2 << 20, 0);
    });
}

#[test]
fn everything_at_once_changes_nothing() {
    for_seeds(TEST, 8, |seed| {
        let mut rng = Rng::new(seed, 2);
        let mut settings = settings(seed, &mut rng);
        settings.links.loss = [0.0, 0.01, 0.1, 0.3][rng.index(4)];
        settings.links.duplicate = [0.0, 0.05, 0.3][rng.index(3)];
        settings.links.reorder = [0.0, 0.05, 0.5][rng.index(3)];
        settings.links.corrupt = [0.0, 0.01, 0.1][rng.index(3)];
        run(seed, &settings, 100, 300_000, rng.index(6));
    });
}

#[test]
fn new_keys_under_loss_change_nothing() {
    for_seeds(TEST, 4, |seed| {
        let mut rng = Rng::new(seed, 3);
        let mut settings = settings(seed, &mut rng);
        settings.config.rekey_packets = Some(64);
        settings.device.mtu = 1472;
        settings.links.loss = 0.1;
        settings.links.jitter = Duration::from_micros(200);
        run(seed, &settings, 80, 500_000, 0);
    });
}
