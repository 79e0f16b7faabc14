//! Who dies in what, when and how: every collective by every algorithm, at every phase, in every way.

use sealane::{Communicator, Crash, Error, Rank, ReduceOp};

/// Ranks of a life, those that are processes, and how many die.
pub const WORLD: u32 = 5;
pub const PROCESSES: [u32; 2] = [3, 4];
pub const DEATHS: usize = 3;

/// Moments of an operation at which a rank dies, in quarters of what it receives in the operation.
pub const PHASES: u64 = 4;

/// Algorithms that are forced together, and the collectives that it is worth killing in with them.
const PLANS: [(&str, &[Collective]); 5] = [
    (
        "allreduce:-:ring,broadcast:-:chain,reduce:-:chain,reduce_scatter:-:ring,allgather:-:ring,\
         alltoall:-:pairwise",
        &[
            Collective::AllReduce,
            Collective::Broadcast,
            Collective::Reduce,
            Collective::ReduceScatter,
            Collective::AllGather,
            Collective::AllToAll,
            Collective::Gather,
            Collective::Scatter,
            Collective::Barrier,
        ],
    ),
    (
        "allreduce:-:recursive_doubling,broadcast:-:binomial,reduce:-:binomial,\
         reduce_scatter:-:direct,allgather:-:bruck,alltoall:-:bruck",
        &[
            Collective::AllReduce,
            Collective::Broadcast,
            Collective::Reduce,
            Collective::ReduceScatter,
            Collective::AllGather,
            Collective::AllToAll,
        ],
    ),
    ("allreduce:-:halving_doubling", &[Collective::AllReduce]),
    ("allreduce:-:double_tree", &[Collective::AllReduce]),
    (
        HIERARCHICAL,
        &[Collective::AllReduce, Collective::Broadcast, Collective::Reduce, Collective::AllGather],
    ),
];

/// The processes are another host than the threads.
const HIERARCHICAL: &str = "allreduce:-:hierarchical,broadcast:-:hierarchical,\
                            reduce:-:hierarchical,allgather:-:hierarchical";

/// Victims take turns, so that first, last, middle ranks and roots are among them.
const ORDERS: [[u32; DEATHS]; 6] =
    [[4, 3, 0], [3, 1, 4], [4, 0, 3], [3, 4, 2], [0, 4, 3], [4, 2, 1]];

/// The same, where two hosts must be left until the last.
const ORDERS_OF_HOSTS: [[u32; DEATHS]; 6] =
    [[1, 4, 0], [2, 3, 1], [0, 4, 2], [4, 1, 0], [3, 2, 1], [0, 3, 1]];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collective {
    AllReduce,
    Broadcast,
    Reduce,
    ReduceScatter,
    AllGather,
    AllToAll,
    Gather,
    Scatter,
    Barrier,
}

impl Collective {
    /// Its name in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllReduce => "all_reduce",
            Self::Broadcast => "broadcast",
            Self::Reduce => "reduce",
            Self::ReduceScatter => "reduce_scatter",
            Self::AllGather => "all_gather",
            Self::AllToAll => "all_to_all",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::Barrier => "barrier",
        }
    }

    /// Runs it on enough bytes for several packets to each peer.
    pub fn run(self, communicator: &Communicator) -> Result<(), Error> {
        let world = communicator.size() as usize;
        let each = 30_000;
        let root = Rank(communicator.size() - 1);
        let mut all = vec![1_f32; each * world];
        let mut one = vec![1_f32; each];
        match self {
            Self::AllReduce => communicator.all_reduce(&mut all, ReduceOp::Sum),
            Self::Broadcast => communicator.broadcast(&mut all, root),
            Self::Reduce => communicator.reduce(&mut all, ReduceOp::Sum, root),
            Self::ReduceScatter => communicator.reduce_scatter(&mut all, ReduceOp::Sum),
            Self::AllGather => communicator.all_gather(&mut all),
            Self::AllToAll => communicator.all_to_all(&mut all),
            Self::Gather => communicator.gather_into(&one, &mut all, root),
            Self::Scatter => communicator.scatter_into(&all, &mut one, root),
            Self::Barrier => communicator.barrier(),
        }
    }
}

/// One death: who, in what, when, how.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    pub collective: Collective,
    pub phase: u64,
    /// By its rank in the first communicator.
    pub victim: u32,
    pub how: Crash,
}

/// What becomes of a world.
#[derive(Clone, Debug)]
pub struct Life {
    pub plan: &'static str,
    pub deaths: Vec<Death>,
}

impl Life {
    /// Whether the processes are another host.
    pub fn has_hosts(&self) -> bool {
        self.plan == HIERARCHICAL
    }

    /// Whether a rank lives on and does nothing: only a limit on operations tells of it.
    pub fn has_stalls(&self) -> bool {
        self.deaths.iter().any(|death| death.how == Crash::Stalled)
    }
}

/// How a victim dies: of each kind of death, by what it is.
fn how(victim: u32, kind: usize, phase: u64) -> Crash {
    match (PROCESSES.contains(&victim), kind) {
        (true, 0) => Crash::Killed,
        (true, 1) => Crash::Stopped,
        (false, 0) => Crash::Closed,
        (false, 1) if phase.is_multiple_of(2) => Crash::Stalled,
        (false, 1) => Crash::Silent,
        _ => Crash::Blackholed,
    }
}

/// All lives. Each death of one is of another collective and phase.
pub fn lives() -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for (plan, collectives) in PLANS {
        let mut deaths = Vec::new();
        for collective in collectives {
            for phase in 0..PHASES {
                for kind in 0..3_usize {
                    deaths.push((*collective, phase, kind));
                }
            }
        }
        let stride = deaths.len().div_ceil(DEATHS);
        for at in 0..stride {
            let orders = if plan == HIERARCHICAL { ORDERS_OF_HOSTS } else { ORDERS };
            let order = orders[lives.len() % orders.len()];
            let chosen = (0..DEATHS).filter_map(|turn| deaths.get(at + turn * stride));
            let deaths = chosen.zip(order).map(|((collective, phase, kind), victim)| Death {
                collective: *collective,
                phase: *phase,
                victim,
                how: how(victim, *kind, *phase),
            });
            lives.push(Life { plan, deaths: deaths.collect() });
        }
    }
    lives
}
