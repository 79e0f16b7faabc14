//! A collective call, as all ranks must make it alike.

use std::fmt;

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

use crate::blocks::Counts;

/// Which collective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collective {
    /// Everyone gets the reduction of everyone's input.
    AllReduce(ReduceOp),
    /// Everyone gets the root's input.
    Broadcast(Rank),
    /// Nobody returns before everyone has called.
    Barrier,
    /// The root gets the reduction of everyone's input.
    Reduce(ReduceOp, Rank),
    /// Each rank gets its block of the reduction of everyone's input.
    ReduceScatter(ReduceOp),
    /// Everyone gets everyone's input, block by block.
    AllGather,
    /// The root gets everyone's input, block by block.
    Gather(Rank),
    /// Each rank gets its block of the root's input.
    Scatter(Rank),
    /// Each rank gets its block of everyone's input.
    AllToAll,
}

impl Collective {
    /// Its name, as in errors and plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllReduce(_) => "allreduce",
            Self::Broadcast(_) => "broadcast",
            Self::Barrier => "barrier",
            Self::Reduce(..) => "reduce",
            Self::ReduceScatter(_) => "reduce_scatter",
            Self::AllGather => "allgather",
            Self::Gather(_) => "gather",
            Self::Scatter(_) => "scatter",
            Self::AllToAll => "alltoall",
        }
    }

    /// Every name.
    pub(crate) const NAMES: [&str; 9] = [
        "allreduce",
        "broadcast",
        "barrier",
        "reduce",
        "reduce_scatter",
        "allgather",
        "gather",
        "scatter",
        "alltoall",
    ];

    /// The reduction, if it reduces.
    #[must_use]
    pub const fn op(self) -> Option<ReduceOp> {
        match self {
            Self::AllReduce(op) | Self::Reduce(op, _) | Self::ReduceScatter(op) => Some(op),
            _ => None,
        }
    }

    /// The root, if it has one.
    #[must_use]
    pub const fn root(self) -> Option<Rank> {
        match self {
            Self::Broadcast(root)
            | Self::Reduce(_, root)
            | Self::Gather(root)
            | Self::Scatter(root) => Some(root),
            _ => None,
        }
    }

    /// Its number in the digest.
    const fn code(self) -> u8 {
        match self {
            Self::AllReduce(_) => 0,
            Self::Broadcast(_) => 1,
            Self::Barrier => 2,
            Self::Reduce(..) => 3,
            Self::ReduceScatter(_) => 4,
            Self::AllGather => 5,
            Self::Gather(_) => 6,
            Self::Scatter(_) => 7,
            Self::AllToAll => 8,
        }
    }
}

/// A call: collective, element type and count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Which collective.
    pub collective: Collective,
    /// Of which elements.
    pub dtype: Dtype,
    /// How many: of the vector that is reduced or broadcast; of one rank's block in the others.
    pub count: u64,
}

impl Call {
    /// Bytes of `count` elements.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.count * self.dtype.size() as u64
    }

    /// A digest of 32 bits by which ranks notice that they have called different things: it travels as
    /// the immediate value of every message, authenticated. FNV-1a: it guards against mistakes of the
    /// program, not against forgery, which the tag of the packet excludes. `algorithm` is the number of
    /// the plan's choice: ranks with different overrides do not speak the same steps.
    #[must_use]
    pub(crate) fn digest(&self, counts: &Counts, world: u32, algorithm: u8) -> u32 {
        let mut hash = 0x811c_9dc5_u32;
        let mut mix = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        };
        let op = self.collective.op().map_or(u8::MAX, ReduceOp::code);
        mix(&[self.collective.code(), self.dtype.code(), op, algorithm]);
        mix(&self.collective.root().map_or(u32::MAX, |root| root.0).to_be_bytes());
        mix(&world.to_be_bytes());
        match counts {
            Counts::Even => mix(&self.count.to_be_bytes()),
            // Shifted, so that a list of one differs from an even count.
            Counts::Uneven(counts) => counts.iter().for_each(|count| mix(&(!count).to_be_bytes())),
            // Each rank has its own; the lengths of the messages tell.
            Counts::Pairs { .. } => mix(&[1]),
        }
        hash
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collective, dtype, count } = self;
        let name = collective.name();
        if *collective == Collective::Barrier {
            return f.write_str(name);
        }
        write!(f, "{name} of {count} {dtype}")?;
        if let Some(op) = collective.op() {
            write!(f, " by {op}")?;
        }
        match collective {
            Collective::Broadcast(root) | Collective::Scatter(root) => write!(f, " from {root}"),
            Collective::Reduce(_, root) | Collective::Gather(root) => write!(f, " to {root}"),
            _ => Ok(()),
        }
    }
}
