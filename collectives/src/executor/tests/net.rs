//! An in-memory network for executors.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use sealane_kernels::{RegionId, ViewId};
use sealane_transport::{
    Error, Event, LossCause, OperationError, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag,
};

use crate::blocks::Counts;
use crate::buffers::Buffers;
use crate::call::Call;
use crate::error::CollectiveError;
use crate::executor::{Executor, Operands, Port};
use crate::plan::{Overrides, Topology};

/// Messages between all ranks, delivered piece by piece in random order.
#[derive(Default)]
pub struct Net {
    next: u64,
    pub sends: BTreeMap<SendId, Outgoing>,
    pub recvs: BTreeMap<RecvId, (u32, RecvRequest)>,
    waiting: HashMap<(u32, u32, Tag), VecDeque<RecvId>>,
}

pub struct Outgoing {
    from: u32,
    to: u32,
    request: SendRequest,
    recv: Option<RecvId>,
    /// Granules of 64 bytes that may go and have not.
    ready: BTreeSet<u64>,
    left: u64,
}

pub struct NetPort<'a> {
    pub net: &'a mut Net,
    pub rank: u32,
}

impl Port for NetPort<'_> {
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        self.net.next += 1;
        let id = SendId(self.net.next);
        let pieces = request.length.div_ceil(64).max(1);
        let ready = if request.gated { BTreeSet::new() } else { (0..pieces).collect() };
        let outgoing =
            Outgoing { from: self.rank, to: peer.0, request, recv: None, ready, left: pieces };
        self.net.sends.insert(id, outgoing);
        Ok(id)
    }

    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        let outgoing = self.net.sends.get_mut(&send).ok_or(Error::UnknownSend(send))?;
        assert_eq!(offset % 64, 0);
        outgoing.ready.extend(offset / 64..(offset + length).div_ceil(64));
        Ok(())
    }

    fn post_recv(
        &mut self,
        request: RecvRequest,
        _: &mut dyn sealane_transport::Memory,
    ) -> Result<RecvId, Error> {
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

    fn lowest_unmatched(&self) -> Option<(Rank, Tag)> {
        let waits = |one: &&Outgoing| one.to == self.rank && one.recv.is_none();
        let unmatched = self.net.sends.values().filter(waits).filter(|one| {
            let key = (one.from, one.to, one.request.tag);
            self.net.waiting.get(&key).is_none_or(VecDeque::is_empty)
        });
        let lowest = unmatched.map(|one| (one.request.tag, Rank(one.from))).min();
        lowest.map(|(tag, rank)| (rank, tag))
    }
}

pub struct Node {
    pub executor: Executor,
    pub buffers: Buffers,
    pub regions: Vec<(RegionId, RegionId)>,
    pub results: Vec<Result<(), CollectiveError>>,
    /// It says and hears nothing any more.
    pub dead: bool,
}

/// The caller's memory of an operation.
pub struct Memory {
    pub input: Vec<u8>,
    /// Bytes of the output.
    pub output: usize,
    /// Where input and output begin in the one region, if there is one.
    pub in_place: Option<(usize, usize)>,
}

impl Memory {
    /// Bytes of the region of the output, or of the input.
    pub fn length(&self, output: bool) -> u64 {
        let length = match self.in_place {
            Some((from, to)) => (from + self.input.len()).max(to + self.output),
            None if output => self.output,
            None => self.input.len(),
        };
        length as u64
    }

    /// What is there before.
    pub fn start(&self, output: bool) -> Vec<u8> {
        let mut bytes = vec![0xa5; self.length(output) as usize];
        match self.in_place {
            Some((from, _)) => bytes[from..from + self.input.len()].copy_from_slice(&self.input),
            None if output => {}
            None => bytes.copy_from_slice(&self.input),
        }
        bytes
    }
}

pub struct World {
    pub net: Net,
    pub nodes: Vec<Node>,
    state: u64,
}

impl World {
    pub fn new(world: u32, overrides: &str, seed: u64) -> Self {
        let overrides: Overrides = overrides.parse().unwrap();
        let node = |rank| Node {
            executor: Executor::new(Rank(rank), world, 7, overrides.clone()),
            buffers: Buffers::default(),
            regions: Vec::new(),
            results: Vec::new(),
            dead: false,
        };
        let nodes = (0..world).map(node).collect();
        Self { net: Net::default(), nodes, state: seed.wrapping_mul(0x9e37_79b9) | 1 }
    }

    /// The same on hosts of several ranks.
    pub fn on_hosts(world: u32, overrides: &str, seed: u64, host: impl Fn(u32) -> u32) -> Self {
        let mut made = Self::new(world, overrides, seed);
        let topology = Topology::new((0..world).map(host));
        let rules: Overrides = overrides.parse().unwrap();
        for (rank, node) in (0..).zip(&mut made.nodes) {
            let executor = Executor::new(Rank(rank), world, 7, rules.clone());
            node.executor = executor.with_topology(topology.clone());
        }
        made
    }

    pub fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) as usize % below
    }

    /// Where input and output are equally long.
    pub fn submit(&mut self, rank: usize, call: Call, input: &[u8], in_place: bool) {
        let in_place = in_place.then_some((0, 0));
        let memory = Memory { input: input.to_vec(), output: input.len(), in_place };
        self.submit_counts(rank, call, &Counts::Even, &memory);
    }

    pub fn submit_counts(&mut self, rank: usize, call: Call, counts: &Counts, memory: &Memory) {
        let node = &mut self.nodes[rank];
        let mut own = |bytes: Vec<u8>| node.buffers.0.adopt(bytes);
        let output = own(memory.start(true));
        let input = match memory.in_place {
            Some(_) => output,
            None => own(memory.start(false)),
        };
        node.regions.push((input, output));
        let mut port = NetPort { net: &mut self.net, rank: rank as u32 };
        let operands = Operands { input, output };
        let submitted =
            node.executor.submit_counts(call, counts, operands, &mut port, &mut node.buffers);
        submitted.unwrap();
        self.collect(rank);
    }

    fn collect(&mut self, rank: usize) {
        let node = &mut self.nodes[rank];
        while let Some(completion) = node.executor.poll_completion() {
            node.results.push(completion.result);
        }
    }

    /// Tells a rank that another is gone: by its own transport, or by what a third one says.
    pub fn lose(&mut self, rank: usize, victim: Rank, by_notice: bool) {
        let cause = LossCause::Unreachable;
        if by_notice {
            let node = &mut self.nodes[rank];
            let mut port = NetPort { net: &mut self.net, rank: rank as u32 };
            node.executor.on_loss_notice(victim, cause, &mut port, &mut node.buffers);
            self.collect(rank);
        } else {
            self.event(rank, &Event::PeerLost { peer: victim, cause });
        }
    }

    /// How many operations ended because another rank had called something else. Who hears first
    /// withdraws its own messages; the others are told by the layer above.
    pub fn mismatches(&self) -> usize {
        let results = self.nodes.iter().flat_map(|node| &node.results);
        results.filter(|result| matches!(result, Err(CollectiveError::Mismatch { .. }))).count()
    }

    pub fn event(&mut self, rank: usize, event: &Event) {
        let node = &mut self.nodes[rank];
        let mut port = NetPort { net: &mut self.net, rank: rank as u32 };
        node.executor.on_event(event, &mut port, &mut node.buffers);
        self.collect(rank);
    }

    /// Delivers one random fragment, of one to seven granules; `false` when nothing can move.
    pub fn step(&mut self) -> bool {
        let movable = self.movable();
        if movable.is_empty() {
            return false;
        }
        let id = movable[self.random(movable.len())];
        let (pick, most) =
            (self.random(self.net.sends[&id].ready.len()), 1 + self.random(7) as u64);
        let send = self.net.sends.get_mut(&id).unwrap();
        let first = *send.ready.iter().nth(pick).unwrap();
        let end = (first..first + most).find(|piece| !send.ready.contains(piece));
        let end = end.unwrap_or(first + most);
        send.ready.retain(|piece| !(first..end).contains(piece));
        send.left -= end - first;
        let (from, to, request, over) = (send.from, send.to, send.request, send.left == 0);
        let recv = send.recv.unwrap();
        let offset = first * 64;
        let length = (request.length - offset).min((end - first) * 64);
        let source = self.nodes[from as usize].buffers.0.source(
            ViewId(request.buffer.0),
            offset,
            length as usize,
        );
        let payload = source.unwrap().to_vec();
        let (_, receive) = self.net.recvs[&recv];
        if receive.capacity != request.length {
            let error =
                OperationError::Length { length: request.length, capacity: receive.capacity };
            self.net.sends.remove(&id);
            self.net.recvs.remove(&recv);
            self.event(to as usize, &Event::RecvFailed { recv, error });
            return true;
        }
        let target = &mut self.nodes[to as usize].buffers;
        assert!(target.0.place(ViewId(receive.buffer.0), offset, &payload));
        if receive.progress {
            self.event(to as usize, &Event::Placed { recv, offset, length });
        }
        if over {
            self.deliver(id, recv, (from, to), request);
        }
        true
    }

    /// Matches sends with receives, and lists those that have something to deliver.
    fn movable(&mut self) -> Vec<SendId> {
        let Net { sends, recvs, waiting, .. } = &mut self.net;
        // What was meant for a receive that has been withdrawn is lost.
        sends.retain(|_, send| send.recv.is_none_or(|recv| recvs.contains_key(&recv)));
        for send in sends.values_mut().filter(|send| send.recv.is_none()) {
            let key = (send.from, send.to, send.request.tag);
            let queue = waiting.entry(key).or_default();
            send.recv = std::iter::from_fn(|| queue.pop_front()).find(|id| recvs.contains_key(id));
        }
        let movable = sends.iter().filter(|(_, send)| {
            let dead = |rank: u32| self.nodes[rank as usize].dead;
            send.recv.is_some() && !send.ready.is_empty() && !dead(send.from) && !dead(send.to)
        });
        movable.map(|(id, _)| *id).collect()
    }

    fn deliver(
        &mut self,
        send: SendId,
        recv: RecvId,
        (from, to): (u32, u32),
        request: SendRequest,
    ) {
        self.net.sends.remove(&send);
        self.net.recvs.remove(&recv);
        let received = Event::Received {
            recv,
            peer: Rank(from),
            tag: request.tag,
            length: request.length,
            immediate: request.immediate,
        };
        // Acknowledgements come at any time; here, first or last.
        let events = [(to, received), (from, Event::Sent { send })];
        let turn = self.random(2);
        for index in [turn, 1 - turn] {
            self.event(events[index].0 as usize, &events[index].1);
        }
    }
}
