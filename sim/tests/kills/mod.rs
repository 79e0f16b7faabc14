//! Ranks that carry out one collective while something becomes of one of them.

use std::time::Duration;

use sealane_collectives::{
    Buffers, Call, CollectiveError, Executor, Lines, Operands, Overrides, Topology,
};
use sealane_kernels::RegionId;
use sealane_sim::engine::Picos;
use sealane_sim::host::HostMemory;
use sealane_sim::world::{Application, Fault, World};
use sealane_transport::{Event, LossCause, Rank, close};

/// What becomes of the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its process is gone, as by SIGKILL: nobody says so.
    Crash,
    /// Its process is stopped, as by SIGSTOP.
    Pause,
    /// All paths to it and from it are black.
    Blackhole,
    /// Nothing comes to it any more.
    Deaf,
    /// Nothing comes from it any more.
    Mute,
    /// It ends its sessions in good order, in the middle of the call.
    Close,
    /// Its transport is well, but it never calls; others give up at their deadline.
    Stall,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Crash,
        Self::Pause,
        Self::Blackhole,
        Self::Deaf,
        Self::Mute,
        Self::Close,
        Self::Stall,
    ];
}

/// A call, and what becomes of whom, when.
#[derive(Clone, Debug)]
pub struct Case {
    pub call: Call,
    pub rules: String,
    pub world: u32,
    /// Ranks of a host.
    pub beside: u32,
    pub victim: u32,
    pub kind: Option<Kind>,
    pub at: Picos,
}

/// When those give up whom nothing comes to: the deadline of the call.
pub const DEADLINE: Picos = Picos::from_micros(1_000_000);

/// What the news of a loss takes to another rank (PROTOCOL §10.4).
const NEWS: Picos = Picos::from_micros(50);

/// How long a rank that withdrew may take to say why, as in the runtime.
const EXPLANATION: Picos = Picos::from_micros(1_000_000);

/// Tokens of calls: what happens, then news from a rank to another, then ends of patience.
const KILL: u64 = 0;
const GIVE_UP: u64 = 1;
const NEWS_FROM: u64 = 1 << 32;
const PATIENCE: u64 = 1 << 33;

/// See the module's text. Every rank tells all others, once, why it has failed.
pub struct Ranks {
    pub case: Case,
    pub executors: Vec<Executor>,
    regions: Vec<RegionId>,
    pub results: Vec<Option<Result<(), CollectiveError>>>,
    pub ended: Vec<Picos>,
    announced: Vec<bool>,
    impatient: Vec<bool>,
    killed: bool,
}

impl Ranks {
    pub fn new(case: Case) -> Self {
        let world = case.world as usize;
        let rules: Overrides = case.rules.parse().unwrap();
        let topology = Topology::new((0..case.world).map(|rank| rank / case.beside));
        let executor = |rank| {
            Executor::new(Rank(rank), case.world, 0, rules.clone()).with_topology(topology.clone())
        };
        Self {
            executors: (0..case.world).map(executor).collect(),
            regions: Vec::new(),
            results: vec![None; world],
            ended: vec![Picos::ZERO; world],
            announced: vec![false; world],
            impatient: vec![false; world],
            killed: false,
            case,
        }
    }

    fn is_victim(&self, rank: u32) -> bool {
        self.case.kind.is_some() && rank == self.case.victim
    }

    /// The ranks whose ends count.
    pub fn survivors(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.case.world).filter(|rank| !self.is_victim(*rank)).map(|rank| rank as usize)
    }

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
        Some(act(&mut self.executors[rank as usize], &mut lines, buffers))
    }

    fn settle(&mut self, world: &mut World, rank: u32) {
        let index = rank as usize;
        while let Some(end) = self.executors[index].poll_completion() {
            self.results[index] = Some(end.result);
            self.ended[index] = world.now;
        }
        let failed = matches!(self.results[index], Some(Err(_)))
            || self.executors[index].lost_rank().is_some();
        if failed && !self.announced[index] {
            self.announced[index] = true;
            for other in (0..self.case.world).filter(|other| *other != rank) {
                world.call_at(
                    world.now + NEWS,
                    NEWS_FROM | u64::from(rank) << 16 | u64::from(other),
                );
            }
        }
        if self.executors[index].withdrawn().is_some() && !self.impatient[index] {
            self.impatient[index] = true;
            world.call_at(world.now + EXPLANATION, PATIENCE | u64::from(rank));
        }
    }

    fn kill(&mut self, world: &mut World) {
        self.killed = true;
        let victim = self.case.victim;
        let others = || (0..self.case.world).filter(|other| *other != victim);
        let mut cut = |from: bool, to: bool| {
            for other in others() {
                if from {
                    world.inflict(&Fault::Partition(victim, other), true);
                }
                if to {
                    world.inflict(&Fault::Partition(other, victim), true);
                }
            }
        };
        match self.case.kind {
            Some(Kind::Crash) => world.inflict(&Fault::Crash(victim), true),
            Some(Kind::Pause) => world.inflict(&Fault::Pause(victim), true),
            Some(Kind::Blackhole) => cut(true, true),
            Some(Kind::Deaf) => cut(false, true),
            Some(Kind::Mute) => cut(true, false),
            Some(Kind::Close) => {
                let now = world.now.time();
                world.endpoint(victim).0.close(now, close::DONE, "enough");
            }
            Some(Kind::Stall) | None => {}
        }
    }

    /// Whether what a rank says gets to another.
    fn is_heard(&self, from: u32, to: u32) -> bool {
        let silent = matches!(
            self.case.kind,
            Some(Kind::Crash | Kind::Pause | Kind::Blackhole | Kind::Mute | Kind::Close)
        );
        let deaf = matches!(
            self.case.kind,
            Some(Kind::Crash | Kind::Pause | Kind::Blackhole | Kind::Deaf | Kind::Close)
        );
        let (from, to) = (self.is_victim(from), self.is_victim(to));
        !self.killed || !(from && silent || to && deaf)
    }

    fn news(&mut self, world: &mut World, from: u32, to: u32) {
        if !self.is_heard(from, to) {
            return;
        }
        let lost = self.executors[from as usize].lost_rank().map(|(rank, _)| rank);
        self.with(world, to, |executor, lines, buffers| match lost {
            Some(rank) if rank != Rank(to) => {
                executor.on_loss_notice(rank, LossCause::Unreachable, lines, buffers);
            }
            _ => executor.abort("another rank has ended it", lines, buffers),
        });
        self.settle(world, to);
    }
}

impl Application for Ranks {
    fn memory(&mut self, _host: u32) -> HostMemory {
        let mut buffers = Buffers::default();
        let blocks = u64::from(self.case.world);
        self.regions.push(buffers.0.own((self.case.call.bytes() * blocks) as usize));
        HostMemory::Operands { buffers, phantom: true }
    }

    fn start(&mut self, world: &mut World) {
        for a in 0..self.case.world {
            for b in 0..a {
                world.join(a, b).unwrap();
            }
        }
        if self.case.kind.is_some() {
            world.call_at(self.case.at, KILL);
            world.call_at(DEADLINE, GIVE_UP);
        }
        let call = self.case.call;
        for rank in 0..self.case.world {
            if self.case.kind == Some(Kind::Stall) && rank == self.case.victim {
                continue;
            }
            let region = self.regions[rank as usize];
            let operands = Operands { input: region, output: region };
            let submitted = self.with(world, rank, |executor, lines, buffers| {
                executor.submit(call, operands, lines, buffers)
            });
            submitted.unwrap().unwrap();
            self.settle(world, rank);
        }
    }

    fn event(&mut self, world: &mut World, host: u32, event: Event) {
        self.with(world, host, |executor, lines, buffers| {
            executor.on_event(&event, lines, buffers);
        });
        self.settle(world, host);
    }

    fn call(&mut self, world: &mut World, token: u64) {
        if token == KILL {
            self.kill(world);
        } else if token == GIVE_UP {
            for rank in 0..self.case.world {
                if self.case.kind == Some(Kind::Stall) && self.results[rank as usize].is_none() {
                    self.with(world, rank, |executor, lines, buffers| {
                        executor.abort("the deadline has passed", lines, buffers);
                    });
                    self.settle(world, rank);
                }
            }
        } else if token >= PATIENCE {
            let rank = (token - PATIENCE) as u32;
            let Some(silent) = self.executors[rank as usize].withdrawn() else { return };
            self.with(world, rank, |executor, lines, buffers| {
                executor.on_loss_notice(silent, LossCause::Unreachable, lines, buffers);
            });
            self.settle(world, rank);
        } else {
            self.news(world, (token >> 16) as u32 & 0xffff, token as u32 & 0xffff);
        }
    }

    fn is_done(&self) -> bool {
        self.survivors().all(|rank| self.results[rank].is_some())
    }
}

/// The longest that a run may take: two seconds for the loss to be noticed, and the deadline.
pub const PATIENCE_MAX: Duration = Duration::from_secs(2);
