//! The options of `sealane perf`, and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sealane::{DeviceChoice, Faults, Overrides, Rank, Suite};
use serde::Serialize;

use super::pipeline::Flow;
use super::size::{self, LINES_MAX, Step};
use super::values::{Dtype, Op};
use crate::cli::Failure;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Collective {
    /// Reduce on all ranks.
    AllReduce,
    /// Rank 0's values to all.
    Broadcast,
    /// Reduce on rank 0.
    Reduce,
    /// Each rank gets a block of the reduction.
    ReduceScatter,
    /// Everyone gets all blocks.
    AllGather,
    /// Rank 0 gets all blocks.
    Gather,
    /// Each rank gets a block of rank 0's.
    Scatter,
    /// A block between any two ranks.
    #[value(name = "alltoall")]
    #[serde(rename = "alltoall")]
    AllToAll,
    /// Each rank to the next.
    #[value(name = "sendrecv")]
    #[serde(rename = "sendrecv")]
    SendRecv,
    /// Wait for all.
    Barrier,
    /// One-sided: into another rank's memory.
    Write,
    /// The same, telling that rank.
    WriteImm,
    /// One-sided: from another rank's memory.
    Read,
    /// One-sided: a counter in another rank's memory.
    FetchAdd,
}

impl Collective {
    /// Its name, as it is asked for.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AllReduce => "all_reduce",
            Self::Broadcast => "broadcast",
            Self::Reduce => "reduce",
            Self::ReduceScatter => "reduce_scatter",
            Self::AllGather => "all_gather",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::AllToAll => "alltoall",
            Self::SendRecv => "sendrecv",
            Self::Barrier => "barrier",
            Self::Write => "write",
            Self::WriteImm => "write_imm",
            Self::Read => "read",
            Self::FetchAdd => "fetch_add",
        }
    }

    /// Whether it is no collective but uses another rank's memory.
    pub(super) const fn is_one_sided(self) -> bool {
        matches!(self, Self::Write | Self::WriteImm | Self::Read | Self::FetchAdd)
    }

    /// Whether it computes.
    pub(super) const fn reduces(self) -> bool {
        matches!(self, Self::AllReduce | Self::Reduce | Self::ReduceScatter)
    }

    /// Whether rank 0 is special.
    pub(super) const fn has_root(self) -> bool {
        matches!(self, Self::Broadcast | Self::Reduce | Self::Gather | Self::Scatter)
    }

    /// Whether its size is that of a block for each rank, together.
    pub(super) const fn has_blocks(self) -> bool {
        matches!(
            self,
            Self::ReduceScatter | Self::AllGather | Self::Gather | Self::Scatter | Self::AllToAll
        )
    }

    /// Whether it can be done in one buffer.
    pub(super) const fn has_in_place(self) -> bool {
        !matches!(self, Self::SendRecv)
    }

    /// What the busiest link carries of a byte of the size, as nccl-tests' PERFORMANCE.md has it.
    pub(super) fn bus_factor(self, ranks: u32) -> f64 {
        let most = f64::from(ranks - 1) / f64::from(ranks);
        match self {
            Self::AllReduce => 2.0 * most,
            _ if self.has_blocks() => most,
            _ => 1.0,
        }
    }
}

/// Options of `sealane perf`.
#[derive(Debug, Args)]
pub struct Perf {
    /// What to measure; several are separated by commas, and measured one after another.
    #[arg(
        value_enum,
        required = true,
        value_delimiter = ',',
        num_args = 1,
        value_name = "all_reduce|broadcast|reduce|reduce_scatter|all_gather|gather|scatter|\
                      alltoall|sendrecv|barrier|write|write_imm|read|fetch_add"
    )]
    collectives: Vec<Collective>,
    /// Start so many local ranks with a fresh secret; under a launcher, what it must have started.
    #[arg(short = 'n', long = "ranks", value_name = "RANKS",
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) ranks: Option<u32>,
    /// Start the local ranks as threads of this process, at most 64.
    #[arg(long, requires = "ranks")]
    pub(super) threads: bool,
    /// Keep so many operations (or groups of them) under way at once.
    #[arg(long = "async", value_name = "DEPTH", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    depth: u16,
    /// Launch so many operations together.
    #[arg(long, value_name = "K", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    group: u16,
    /// Smallest size in bytes, such as 8, 64K, 128M.
    #[arg(short = 'b', long = "minbytes", value_name = "MIN", default_value = "32M",
          value_parser = size::parse)]
    min: u64,
    /// Largest size [default: the smallest].
    #[arg(short = 'e', long = "maxbytes", value_name = "MAX", value_parser = size::parse)]
    max: Option<u64>,
    /// Sizes grow by this factor [default: 2].
    #[arg(short = 'f', long = "stepfactor", value_name = "FACTOR", conflicts_with = "step",
          value_parser = clap::value_parser!(u64).range(2..))]
    factor: Option<u64>,
    /// Sizes grow by so many bytes.
    #[arg(short = 'i', long = "stepbytes", value_name = "STEP", value_parser = size::parse)]
    step: Option<u64>,
    /// Iterations before the measured ones.
    #[arg(short = 'w', long = "warmup", value_name = "WARMUP", default_value_t = 5)]
    pub(super) warmup: u32,
    /// Measured iterations.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) iters: u32,
    /// Element type, or all: those of NCCL, int16, uint16, bool, float8e4m3, float8e5m2, complex64 and
    /// complex128.
    #[arg(short = 'd', long, value_name = "DTYPE", default_value = "float",
          value_parser = Dtype::parse)]
    datatype: Choice<Dtype>,
    /// Reduction, or all: sum, prod, max, min, avg, mulsum (by factors of 1 and 2 in turn), band, bor, bxor.
    /// Types that do not have it are left out of all, and refused if they were asked for.
    #[arg(short = 'o', long, value_name = "OP", default_value = "sum", value_parser = Op::parse)]
    op: Choice<Op>,
    /// Iterations whose every value is checked on every rank; 0 checks none.
    #[arg(short = 'c', long = "check", value_name = "N", default_value_t = 1)]
    pub(super) check: u32,
    /// Also write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// What carries the packets: udp, verbs, or verbs:NAME:PORT:GID [default: SEALANE_DEVICE, or udp].
    #[arg(long, value_name = "DEVICE")]
    pub(super) device: Option<DeviceChoice>,
    /// Most paths (five-tuples) between two ranks.
    #[arg(long, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) paths: u16,
    /// Cipher suite, aes256gcm or chacha20 [default: the fastest of both sides].
    #[arg(long, value_name = "SUITE")]
    pub(super) suite: Option<Suite>,
    /// Algorithm: ring, recursive_doubling, halving_doubling, double_tree, chain, binomial, direct,
    /// direct_tree, pairwise, bruck or hierarchical, as the collective has it; or rules as in
    /// SEALANE_ALGO, such as allreduce:0-4096:ring or deterministic.
    #[arg(long, value_name = "ALGO")]
    algo: Option<String>,
    /// Seconds that one operation may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// One-sided operations: at most so many under way at a time.
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    inflight: u16,
    /// One-sided operations: both ranks of a pair use each other's memory.
    #[arg(long)]
    pub(super) bidirectional: bool,
    #[command(flatten)]
    faults: FaultOptions,
}

/// Faults between the core and the sockets: each a probability per packet, 0 to 1, or a percentage.
#[derive(Debug, Args)]
struct FaultOptions {
    /// Drop packets with probability P, such as 0.01 or 1%.
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    loss: f64,
    /// Let packets be overtaken.
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    reorder: f64,
    /// Deliver packets twice.
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    duplicate: f64,
    /// Flip a bit.
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    corrupt: f64,
    /// Seed of the faults; each rank adds its number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// One of several, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice<T> {
    /// This one.
    One(T),
    /// Each in turn.
    All,
}

fn probability(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits, 0.01),
        None => (text, 1.0),
    };
    let value = digits.parse::<f64>().map(|value| value * scale);
    match value {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("not a probability: give 0 to 1, or 0% to 100%".to_owned()),
    }
}

/// What to run, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub collective: Collective,
    pub sizes: Vec<u64>,
    pub kinds: Vec<(Dtype, Op)>,
    /// How sizes grow, in nccl-tests' words.
    pub step: String,
    /// What goes before the planner's choice.
    pub algorithms: Option<Overrides>,
}

impl Perf {
    /// Checks the options against each other; a plan for each collective.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`].
    pub(super) fn plans(&self) -> Result<Vec<Plan>, Failure> {
        if self.threads && self.ranks.is_some_and(|ranks| ranks > 64) {
            return Err(Failure::Usage("--threads: at most -n 64".to_owned()));
        }
        let alone = self.collectives.len() == 1 && !self.threads && self.flow().is_none();
        if !alone && self.collectives.iter().any(|collective| collective.is_one_sided()) {
            let text =
                "one-sided operations: one at a time, without --threads, --async and --group";
            return Err(Failure::Usage(text.to_owned()));
        }
        self.collectives.iter().map(|collective| self.plan(*collective)).collect()
    }

    /// How operations follow each other, if not one by one.
    pub(super) fn flow(&self) -> Option<Flow> {
        let flow = Flow { depth: self.depth.into(), group: self.group.into() };
        (flow.depth * flow.group > 1).then_some(flow)
    }

    fn plan(&self, collective: Collective) -> Result<Plan, Failure> {
        let (from, to) = (self.min, self.max.unwrap_or(self.min));
        if from > to {
            return Err(Failure::Usage(format!(
                "-b {from} is more than -e {to}: give the smallest size first"
            )));
        }
        let step = match (self.factor, self.step) {
            (_, Some(0)) => {
                return Err(Failure::Usage("-i 0 never gets anywhere: give a step".to_owned()));
            }
            (_, Some(bytes)) => Step::Bytes(bytes),
            (factor, None) => Step::Factor(factor.unwrap_or(2)),
        };
        let mut kinds = self.kinds(collective)?;
        let sizes = match collective {
            Collective::Barrier => {
                kinds.truncate(1);
                vec![0]
            }
            _ => size::range(from, to, step),
        };
        if sizes.len() > LINES_MAX {
            return Err(Failure::Usage(format!("more than {LINES_MAX} sizes: take larger steps")));
        }
        let step = match step {
            Step::Factor(factor) => format!("{factor}(factor)"),
            Step::Bytes(bytes) => format!("{bytes}(bytes)"),
        };
        Ok(Plan { collective, sizes, kinds, step, algorithms: self.algorithms()? })
    }

    fn algorithms(&self) -> Result<Option<Overrides>, Failure> {
        let Some(text) = &self.algo else { return Ok(None) };
        let rule = |collective: &Collective| format!("{}:-:{text}", collective.name());
        let named = text.contains(':') || text == "deterministic";
        let rules: Vec<String> = self.collectives.iter().map(rule).collect();
        let rules = if named { text.clone() } else { rules.join(",") };
        let parsed = rules.parse().map(Some);
        parsed.map_err(|error| Failure::Usage(format!("--algo {error}")))
    }

    /// The types and reductions to measure: of several, those that make sense.
    fn kinds(&self, collective: Collective) -> Result<Vec<(Dtype, Op)>, Failure> {
        let dtypes = match self.datatype {
            Choice::One(dtype) => vec![dtype],
            Choice::All => Dtype::ALL.to_vec(),
        };
        let ops = match self.op {
            _ if !collective.reduces() => {
                return Ok(dtypes.into_iter().map(|dtype| (dtype, Op::Sum)).collect());
            }
            Choice::One(op) => vec![op],
            Choice::All => Op::ALL.to_vec(),
        };
        let mut refused = None;
        let mut kinds = Vec::new();
        for (dtype, op) in dtypes.iter().flat_map(|dtype| ops.iter().map(|op| (*dtype, *op))) {
            match op.reduce_op(Rank(0)).check(dtype.element()) {
                Ok(()) => kinds.push((dtype, op)),
                Err(unsupported) => refused = Some(unsupported),
            }
        }
        match refused {
            Some(unsupported) if kinds.is_empty() => {
                let name = collective.name();
                Err(Failure::Usage(format!("{name}: {unsupported}: give other -d and -o")))
            }
            _ => Ok(kinds),
        }
    }

    /// The faults to put in, with the seed of `rank`.
    pub(super) fn injection(&self, rank: u32) -> Option<(Faults, u64)> {
        let FaultOptions { loss, reorder, duplicate, corrupt, seed } = self.faults;
        let faults = Faults { loss, reorder, duplicate, corrupt, ..Faults::NONE };
        (!faults.is_none()).then(|| (faults, seed.wrapping_add(u64::from(rank))))
    }

    /// How long one operation may take.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// One-sided operations under way at a time.
    pub(super) fn inflight(&self) -> usize {
        self.inflight.into()
    }
}
