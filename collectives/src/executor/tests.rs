#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap, VecDeque};

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp, RegionId, reduce};
use sealane_transport::{
    Error, Event, LossCause, Memory, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag,
};

use super::{Executor, Operands, Port};
use crate::buffers::Buffers;
use crate::call::{Call, Collective};
use crate::error::CollectiveError;
use crate::plan::Overrides;

/// Messages between all ranks, delivered piece by piece in random order.
#[derive(Default)]
struct Net {
    next: u64,
    sends: BTreeMap<SendId, Outgoing>,
    recvs: BTreeMap<RecvId, (u32, RecvRequest)>,
    waiting: HashMap<(u32, u32, Tag), VecDeque<RecvId>>,
}

struct Outgoing {
    from: u32,
    to: u32,
    request: SendRequest,
    recv: Option<RecvId>,
    /// Pieces of 64 bytes that may go and have not.
    ready: Vec<u64>,
    left: u64,
}

struct NetPort<'a> {
    net: &'a mut Net,
    rank: u32,
}

impl Port for NetPort<'_> {
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        self.net.next += 1;
        let id = SendId(self.net.next);
        let pieces = request.length.div_ceil(64).max(1);
        let ready = if request.gated { Vec::new() } else { (0..pieces).collect() };
        let outgoing =
            Outgoing { from: self.rank, to: peer.0, request, recv: None, ready, left: pieces };
        self.net.sends.insert(id, outgoing);
        Ok(id)
    }

    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        let outgoing = self.net.sends.get_mut(&send).ok_or(Error::UnknownSend(send))?;
        outgoing.ready.extend(offset / 64..(offset + length).div_ceil(64));
        Ok(())
    }

    fn post_recv(&mut self, request: RecvRequest, _: &mut dyn Memory) -> Result<RecvId, Error> {
        self.net.next += 1;
        let id = RecvId(self.net.next);
        let key = (request.from.unwrap().0, self.rank, request.tag);
        self.net.recvs.insert(id, (self.rank, request));
        self.net.waiting.entry(key).or_default().push_back(id);
        Ok(id)
    }

    fn cancel_send(&mut self, send: SendId) {
        self.net.sends.remove(&send);
    }

    fn cancel_recv(&mut self, recv: RecvId) {
        self.net.recvs.remove(&recv);
    }
}

struct Node {
    executor: Executor,
    buffers: Buffers,
    regions: Vec<(RegionId, RegionId)>,
    results: Vec<Result<(), CollectiveError>>,
}

struct World {
    net: Net,
    nodes: Vec<Node>,
    state: u64,
}

impl World {
    fn new(world: u32, overrides: &str, seed: u64) -> Self {
        let overrides: Overrides = overrides.parse().unwrap();
        let node = |rank| Node {
            executor: Executor::new(Rank(rank), world, 7, overrides.clone()),
            buffers: Buffers::default(),
            regions: Vec::new(),
            results: Vec::new(),
        };
        let nodes = (0..world).map(node).collect();
        Self { net: Net::default(), nodes, state: seed.wrapping_mul(0x9e37_79b9) | 1 }
    }

    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) as usize % below
    }

    fn submit(&mut self, rank: usize, call: Call, input: &[u8], in_place: bool) {
        let node = &mut self.nodes[rank];
        let from = node.buffers.0.own(input.len());
        node.buffers.0.bytes_mut(from, 0, input.len() as u64).unwrap().copy_from_slice(input);
        let to = if in_place { from } else { node.buffers.0.own(input.len()) };
        node.regions.push((from, to));
        let mut port = NetPort { net: &mut self.net, rank: rank as u32 };
        let operands = Operands { input: from, output: to };
        node.executor.submit(call, operands, &mut port, &mut node.buffers).unwrap();
        self.collect(rank);
    }

    fn collect(&mut self, rank: usize) {
        let node = &mut self.nodes[rank];
        while let Some(completion) = node.executor.poll_completion() {
            node.results.push(completion.result);
        }
    }

    fn event(&mut self, rank: usize, event: &Event) {
        let node = &mut self.nodes[rank];
        let mut port = NetPort { net: &mut self.net, rank: rank as u32 };
        node.executor.on_event(event, &mut port, &mut node.buffers);
        self.collect(rank);
    }

    /// Delivers one random piece; `false` when nothing can move.
    fn step(&mut self) -> bool {
        let mut movable = Vec::new();
        for (id, send) in &mut self.net.sends {
            if send.recv.is_none() {
                let key = (send.from, send.to, send.request.tag);
                send.recv = self.net.waiting.get_mut(&key).and_then(VecDeque::pop_front);
            }
            if send.recv.is_some() && !send.ready.is_empty() {
                movable.push(*id);
            }
        }
        if movable.is_empty() {
            return false;
        }
        let id = movable[self.random(movable.len())];
        let pieces = self.net.sends[&id].ready.len();
        let pick = self.random(pieces);
        let send = self.net.sends.get_mut(&id).unwrap();
        let piece = send.ready.swap_remove(pick);
        send.left -= 1;
        let (from, to, request, over) = (send.from, send.to, send.request, send.left == 0);
        let recv = send.recv.unwrap();
        let offset = piece * 64;
        let length = (request.length - offset.min(request.length)).min(64);
        let source =
            self.nodes[from as usize].buffers.source(request.buffer, offset, length as usize);
        let payload = source.unwrap().to_vec();
        let (_, receive) = self.net.recvs[&recv];
        assert_eq!(receive.capacity, request.length);
        let target = &mut self.nodes[to as usize].buffers;
        assert!(target.place(receive.buffer, offset, &payload));
        if receive.progress {
            self.event(to as usize, &Event::Placed { recv, offset, length });
        }
        if over {
            self.net.sends.remove(&id);
            self.net.recvs.remove(&recv);
            let event = Event::Received {
                recv,
                peer: Rank(from),
                tag: request.tag,
                length: request.length,
                immediate: request.immediate,
            };
            self.event(to as usize, &event);
            self.event(from as usize, &Event::Sent { send: id });
        }
        true
    }
}

fn input(call: &Call, rank: u32) -> Vec<u8> {
    let small = |i: u64| (i * 7 + u64::from(rank) * 13) % 5 + 1;
    (0..call.count)
        .flat_map(|i| match call.dtype {
            Dtype::F32 => (small(i) as f32).to_ne_bytes().to_vec(),
            Dtype::F64 => (small(i) as f64).to_ne_bytes().to_vec(),
            Dtype::F16 => half::f16::from_f32(small(i) as f32).to_ne_bytes().to_vec(),
            Dtype::Bf16 => half::bf16::from_f32(small(i) as f32).to_ne_bytes().to_vec(),
            other => small(i).to_le_bytes()[..other.size()].to_vec(),
        })
        .collect()
}

/// What every rank must hold afterwards. Small integers, so that order does not matter to floats.
fn expected(call: &Call, world: u32) -> Vec<u8> {
    match call.collective {
        Collective::Broadcast(root) => input(call, root.0),
        Collective::Barrier => Vec::new(),
        Collective::AllReduce(op) => {
            let mut sum = input(call, 0);
            for rank in 1..world {
                let (a, b) = (sum.clone(), input(call, rank));
                reduce::combine_scalar(call.dtype, op, &mut sum, &a, &b);
            }
            if op == ReduceOp::Average {
                reduce::finish_average(call.dtype, &mut sum, world);
            }
            sum
        }
    }
}

fn check(call: Call, world: u32, overrides: &str, in_place: bool, seed: u64) {
    let mut net = World::new(world, overrides, seed);
    for rank in 0..world {
        net.submit(rank as usize, call, &input(&call, rank), in_place);
    }
    while net.step() {}
    let expected = expected(&call, world);
    for (rank, node) in net.nodes.iter().enumerate() {
        assert_eq!(node.results, [Ok(())], "rank {rank} of {world}: {call}");
        let out = node.buffers.0.bytes(node.regions[0].1, 0, call.bytes()).unwrap();
        assert!(out == expected, "rank {rank} of {world}: {call}");
        assert!(node.executor.is_idle());
        assert_eq!(node.buffers.0.regions(), if in_place { 1 } else { 2 });
    }
}

fn arbitrary_call() -> impl Strategy<Value = Call> {
    let collective = prop_oneof![
        4 => prop::sample::select(ReduceOp::ALL.to_vec()).prop_map(Collective::AllReduce),
        1 => (0..9_u32).prop_map(|root| Collective::Broadcast(Rank(root))),
        1 => Just(Collective::Barrier),
    ];
    let dtype = prop::sample::select(Dtype::ALL.to_vec());
    let count = prop_oneof![Just(0), 1..40_u64, 40..3000_u64];
    (collective, dtype, count).prop_map(|(collective, dtype, count)| Call {
        collective,
        dtype,
        count: if collective == Collective::Barrier { 0 } else { count },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_algorithm_gives_every_rank_the_reference_result(
        call in arbitrary_call(),
        world in 1..=9_u32,
        rules in prop::sample::select(vec![
            "",
            "allreduce:-:ring,broadcast:-:chain",
            "allreduce:-:recursive_doubling,broadcast:-:binomial",
        ]),
        in_place: bool,
        seed: u64,
    ) {
        let call = match call.collective {
            Collective::Broadcast(root) => {
                Call { collective: Collective::Broadcast(Rank(root.0 % world)), ..call }
            }
            _ => call,
        };
        check(call, world, rules, in_place, seed);
    }
}

#[test]
fn large_worlds_work_too() {
    for world in [16, 33] {
        for rules in ["allreduce:-:ring", "allreduce:-:recursive_doubling"] {
            let collective = Collective::AllReduce(ReduceOp::Sum);
            check(Call { collective, dtype: Dtype::F32, count: 700 }, world, rules, true, 5);
        }
    }
}

#[test]
fn floats_are_the_same_bits_on_every_rank_whatever_arrives_first() {
    for rules in ["allreduce:-:ring", "allreduce:-:recursive_doubling"] {
        let mut first: Option<Vec<u8>> = None;
        for seed in 0..6 {
            let collective = Collective::AllReduce(ReduceOp::Sum);
            let call = Call { collective, dtype: Dtype::F32, count: 500 };
            let mut net = World::new(5, rules, seed);
            for rank in 0..5 {
                let values = (0..500_u32).map(|i| 1.0 / (1.0 + i as f32 + rank as f32 * 0.37));
                let bytes: Vec<u8> = values.flat_map(f32::to_ne_bytes).collect();
                net.submit(rank, call, &bytes, true);
            }
            while net.step() {}
            for node in &net.nodes {
                let out = node.buffers.0.bytes(node.regions[0].1, 0, 2000).unwrap().to_vec();
                assert!(*first.get_or_insert(out.clone()) == out);
            }
        }
    }
}

#[test]
fn a_lost_peer_ends_every_operation_with_its_name() {
    let collective = Collective::AllReduce(ReduceOp::Sum);
    let call = Call { collective, dtype: Dtype::F32, count: 5000 };
    for steps in [0, 1, 10, 100, 300] {
        let mut net = World::new(3, "", 3);
        for rank in 0..3 {
            net.submit(rank, call, &input(&call, rank as u32), true);
            net.submit(rank, call, &input(&call, rank as u32), false);
        }
        for _ in 0..steps {
            net.step();
        }
        let before = net.nodes[0].results.len();
        let lost = Event::PeerLost { peer: Rank(2), cause: LossCause::Unreachable };
        net.event(0, &lost);
        let node = &mut net.nodes[0];
        assert_eq!(node.results.len(), 2);
        for result in &node.results[before..] {
            assert!(matches!(result, Err(CollectiveError::PeerLost { rank: Rank(2), .. })));
        }
        assert!(node.executor.is_idle());
        let operands = Operands { input: node.regions[0].0, output: node.regions[0].1 };
        let mut port = NetPort { net: &mut net.net, rank: 0 };
        let again = node.executor.submit(call, operands, &mut port, &mut node.buffers);
        assert!(matches!(again, Err(CollectiveError::PeerLost { rank: Rank(2), .. })));
    }
}

#[test]
fn different_calls_are_a_mismatch_for_whoever_hears_of_it() {
    let call = |op| Call { collective: Collective::AllReduce(op), dtype: Dtype::F32, count: 8 };
    let mut net = World::new(2, "", 1);
    net.submit(0, call(ReduceOp::Sum), &[0; 32], true);
    net.submit(1, call(ReduceOp::Max), &[0; 32], true);
    while net.step() {}
    // Who hears first withdraws its own message, so the other hears of that instead.
    let results = || net.nodes.iter().flat_map(|node| &node.results);
    assert!(results().any(|result| matches!(result, Err(CollectiveError::Mismatch { .. }))));
    assert!(results().all(Result::is_err));
}

#[test]
fn nonsense_is_refused_before_anything_is_sent() {
    let mut net = World::new(2, "", 1);
    let node = &mut net.nodes[0];
    let region = node.buffers.0.own(8);
    let operands = Operands { input: region, output: region };
    let mut port = NetPort { net: &mut net.net, rank: 0 };
    let sum = Collective::AllReduce(ReduceOp::Sum);
    for (collective, count) in [(sum, 3), (sum, u64::MAX), (Collective::Broadcast(Rank(2)), 1)] {
        let call = Call { collective, dtype: Dtype::F32, count };
        let refused = node.executor.submit(call, operands, &mut port, &mut node.buffers);
        assert!(matches!(refused, Err(CollectiveError::InvalidArgument(_))), "{call}");
    }
    assert!(net.net.sends.is_empty());
}
