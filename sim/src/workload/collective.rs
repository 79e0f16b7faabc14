//! Collectives, carried out by the executor that carries them out on real hosts.

mod reference;

use std::collections::BTreeSet;

use sealane_collectives::{Buffers, Call, Collective, Executor, Lines, Operands, Overrides, peers};
use sealane_kernels::{Dtype, RegionId};
use sealane_transport::{Event, Rank};

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

impl CollectiveSpec {
    /// Bytes of a rank's operand.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let blocks = match self.call.collective {
            Collective::AllReduce(_)
            | Collective::Broadcast(_)
            | Collective::Barrier
            | Collective::Reduce(..) => 1,
            _ => u64::from(self.ranks),
        };
        self.call.bytes() * blocks
    }
}

/// The application of collectives. Every call is in place.
#[derive(Debug)]
pub struct Collectives {
    spec: CollectiveSpec,
    full: bool,
    handshakes: bool,
    executors: Vec<Executor>,
    regions: Vec<Option<RegionId>>,
    running: u32,
    started: Picos,
    durations: Vec<Picos>,
    errors: Vec<String>,
    violations: Vec<String>,
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
            handshakes: false,
            running: 0,
            started: Picos::ZERO,
            durations: Vec::new(),
            errors: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Sessions are formed by handshakes, not from a given secret.
    #[must_use]
    pub const fn with_handshakes(mut self) -> Self {
        self.handshakes = true;
        self
    }

    /// Results that are not what they must be; looked at when a run has ended.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
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

    /// All ranks' operands: an all-reduce leaves them equal.
    #[must_use]
    pub fn operands(&self, world: &World<'_>) -> Vec<Vec<u8>> {
        let bytes = self.spec.bytes();
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
        world: &mut World<'_>,
        rank: u32,
        act: impl FnOnce(&mut Executor, &mut Lines<'_>, &mut Buffers) -> T,
    ) -> Option<T> {
        let now = world.now.time();
        let (endpoint, memory) = world.endpoint(rank);
        let HostMemory::Operands { buffers, .. } = memory else { return None };
        let mut lines = Lines { endpoint, now };
        Some(act(self.executors.get_mut(rank as usize)?, &mut lines, buffers))
    }

    fn begin(&mut self, world: &mut World<'_>) {
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

    fn settle(&mut self, world: &mut World<'_>, rank: u32) {
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

impl Application for Collectives {
    fn memory(&mut self, host: u32) -> HostMemory {
        let mut buffers = Buffers::default();
        if host < self.spec.ranks {
            let bytes = self.spec.bytes();
            let region = buffers.0.own(bytes as usize);
            if let Some(bytes) = buffers.0.bytes_mut(region, 0, bytes).filter(|_| self.full) {
                reference::fill(bytes, host);
            }
            self.regions.push(Some(region));
        }
        HostMemory::Operands { buffers, phantom: !self.full }
    }

    fn start(&mut self, world: &mut World<'_>) {
        for (a, b) in self.pairs() {
            let known = if self.handshakes { world.introduce(a, b) } else { world.join(a, b) };
            if let Err(error) = known {
                self.errors.push(format!("ranks {a} and {b}: {error}"));
            }
        }
        self.begin(world);
    }

    fn event(&mut self, world: &mut World<'_>, host: u32, event: Event) {
        self.with(world, host, |executor, lines, buffers| {
            executor.on_event(&event, lines, buffers);
        });
        if host < self.spec.ranks {
            self.settle(world, host);
        }
    }

    fn call(&mut self, _world: &mut World<'_>, _token: u64) {}

    fn finish(&mut self, world: &World<'_>) {
        let rounds = self.durations.len() as u32;
        if self.full && rounds == self.spec.rounds && self.errors.is_empty() {
            let operands = self.operands(world);
            self.violations = reference::check(&self.spec, rounds, &operands);
        }
    }

    fn progress(&self) -> (u64, u64) {
        (self.durations.len() as u64, u64::from(self.spec.rounds))
    }

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
