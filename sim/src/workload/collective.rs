//! Collectives, carried out by the executor that carries them out on real hosts.

use std::collections::BTreeSet;

use sealane_collectives::{Buffers, Call, Collective, Executor, Operands, Overrides, Port, peers};
use sealane_kernels::{Dtype, RegionId};
use sealane_transport::{
    Endpoint, Error, Event, Memory, Rank, RecvId, RecvRequest, SendId, SendRequest, Time,
};

use crate::engine::Picos;
use crate::host::HostMemory;
use crate::world::{Application, World};

/// A collective, and how often.
#[derive(Clone, Debug)]
pub struct CollectiveSpec {
    /// What every rank calls.
    pub call: Call,
    /// Which algorithms go before the table.
    pub overrides: Overrides,
    /// Ranks: hosts 0 to `ranks` - 1.
    pub ranks: u32,
    /// Calls, each after the last is done on all ranks.
    pub rounds: u32,
}

/// The application of collectives. Every call is in place.
#[derive(Debug)]
pub struct Collectives {
    spec: CollectiveSpec,
    full: bool,
    executors: Vec<Executor>,
    regions: Vec<Option<RegionId>>,
    running: u32,
    started: Picos,
    durations: Vec<Picos>,
    errors: Vec<String>,
}

/// An endpoint, as the executor sees it.
struct Lines<'a> {
    endpoint: &'a mut Endpoint,
    now: Time,
}

impl Port for Lines<'_> {
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        self.endpoint.send(self.now, peer, request)
    }

    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        self.endpoint.release(send, offset, length)
    }

    fn post_recv(
        &mut self,
        request: RecvRequest,
        memory: &mut dyn Memory,
    ) -> Result<RecvId, Error> {
        self.endpoint.post_recv(self.now, request, memory)
    }

    fn cancel_send(&mut self, send: SendId) {
        // Done already: nothing reads its buffer.
        let _ = self.endpoint.cancel_send(send);
    }

    fn cancel_recv(&mut self, recv: RecvId) {
        let _ = self.endpoint.cancel_recv(recv);
    }
}

impl Collectives {
    /// `spec`; operands and payloads are real if `full`.
    #[must_use]
    pub fn new(spec: CollectiveSpec, full: bool) -> Self {
        let executor = |rank| Executor::new(Rank(rank), spec.ranks, 0, spec.overrides.clone());
        Self {
            executors: (0..spec.ranks).map(executor).collect(),
            regions: Vec::new(),
            spec,
            full,
            running: 0,
            started: Picos::ZERO,
            durations: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// How long each call took, from its start to its end on the last rank.
    #[must_use]
    pub fn durations(&self) -> &[Picos] {
        &self.durations
    }

    /// What went wrong.
    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Digests of all ranks' operands: all-reduce leaves them equal.
    #[must_use]
    pub fn operands(&self, world: &World) -> Vec<Vec<u8>> {
        let bytes = self.spec.call.bytes();
        let operand = |(host, region): (usize, &Option<RegionId>)| {
            let HostMemory::Operands { buffers, .. } = &world.hosts[host].memory else {
                return Vec::new();
            };
            let region = region.and_then(|region| buffers.0.bytes(region, 0, bytes));
            region.unwrap_or_default().to_vec()
        };
        self.regions.iter().enumerate().map(operand).collect()
    }

    /// The pairs of ranks that will talk to each other.
    fn pairs(&self) -> BTreeSet<(u32, u32)> {
        let CollectiveSpec { call, overrides, ranks, .. } = &self.spec;
        let mut pairs = BTreeSet::new();
        for rank in 0..*ranks {
            // A call that makes no sense has no pairs; submitting it says what is wrong with it.
            for peer in peers(*call, (Rank(rank), *ranks), overrides).unwrap_or_default() {
                pairs.insert((rank.min(peer.0), rank.max(peer.0)));
            }
        }
        pairs
    }

    /// Runs `act` with a rank's executor and what it needs.
    fn with<T>(
        &mut self,
        world: &mut World,
        rank: u32,
        act: impl FnOnce(&mut Executor, &mut Lines<'_>, &mut Buffers) -> T,
    ) -> Option<T> {
        let now = world.now.time();
        let (endpoint, memory) = world.endpoint(rank);
        let HostMemory::Operands { buffers, .. } = memory else { return None };
        let mut lines = Lines { endpoint, now };
        Some(act(self.executors.get_mut(rank as usize)?, &mut lines, buffers))
    }

    fn begin(&mut self, world: &mut World) {
        self.started = world.now;
        self.running = self.spec.ranks;
        let call = self.spec.call;
        for rank in 0..self.spec.ranks {
            let Some(region) = self.regions[rank as usize] else { continue };
            let operands = Operands { input: region, output: region };
            let submitted = self.with(world, rank, |executor, lines, buffers| {
                executor.submit(call, operands, lines, buffers)
            });
            if let Some(Err(error)) = submitted {
                self.errors.push(format!("rank {rank}: {error}"));
            }
            self.settle(world, rank);
        }
    }

    fn settle(&mut self, world: &mut World, rank: u32) {
        while let Some(end) = self.executors[rank as usize].poll_completion() {
            self.running -= 1;
            if let Err(error) = end.result {
                self.errors.push(format!("rank {rank}: {error}"));
            }
            if self.running == 0 {
                self.durations.push(world.now.since(self.started));
                if (self.durations.len() as u32) < self.spec.rounds && self.errors.is_empty() {
                    self.begin(world);
                }
            }
        }
    }
}

/// Operands that sum without rounding: small whole numbers, other ones for every rank.
fn fill(bytes: &mut [u8], dtype: Dtype, rank: u32) {
    if dtype != Dtype::F32 {
        bytes.fill((rank % 3) as u8);
        return;
    }
    for (index, chunk) in (0_u32..).zip(bytes.chunks_exact_mut(4)) {
        let value = ((index.wrapping_mul(7) ^ rank) % 16) as f32;
        chunk.copy_from_slice(&value.to_ne_bytes());
    }
}

impl Application for Collectives {
    fn memory(&mut self, host: u32) -> HostMemory {
        let mut buffers = Buffers::default();
        if host < self.spec.ranks {
            let bytes = self.spec.call.bytes();
            let region = buffers.0.own(bytes as usize);
            if let Some(bytes) = buffers.0.bytes_mut(region, 0, bytes).filter(|_| self.full) {
                fill(bytes, self.spec.call.dtype, host);
            }
            self.regions.push(Some(region));
        }
        HostMemory::Operands { buffers, phantom: !self.full }
    }

    fn start(&mut self, world: &mut World) {
        for (a, b) in self.pairs() {
            if let Err(error) = world.join(a, b) {
                self.errors.push(format!("ranks {a} and {b}: {error}"));
            }
        }
        self.begin(world);
    }

    fn event(&mut self, world: &mut World, host: u32, event: Event) {
        self.with(world, host, |executor, lines, buffers| {
            executor.on_event(&event, lines, buffers);
        });
        if host < self.spec.ranks {
            self.settle(world, host);
        }
    }

    fn call(&mut self, _world: &mut World, _token: u64) {}

    fn is_done(&self) -> bool {
        self.running == 0
    }
}

/// An all-reduce by sum of `bytes` (a multiple of 4) as `f32`.
#[must_use]
pub const fn all_reduce(bytes: u64) -> Call {
    Call {
        collective: Collective::AllReduce(sealane_kernels::ReduceOp::Sum),
        dtype: Dtype::F32,
        count: bytes / 4,
    }
}
