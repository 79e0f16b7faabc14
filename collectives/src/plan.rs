//! Which algorithm for which call: a pure function of collective, size and world.

mod overrides;
mod topology;

use std::fmt;

use crate::blocks::Counts;
use crate::call::Collective;
use crate::shape::Shape;

pub use overrides::{Overrides, ParsePlanError};
pub use topology::Topology;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Chunks around a ring, cut through packet by packet: bandwidth-optimal.
    Ring,
    /// Whole vectors between partners at doubling distances: latency-optimal.
    RecursiveDoubling,
    /// Halves of halves between partners, and back: bandwidth-optimal in few rounds.
    HalvingDoubling,
    /// Two trees for half of the vector each.
    DoubleTree,
    /// The whole from rank to rank, cut through packet by packet.
    Chain,
    /// A binomial tree.
    Binomial,
    /// Rounds of doubling distance.
    Dissemination,
    /// One message for each pair of ranks, all at once.
    Direct,
    /// One message for each pair of ranks, in rounds.
    Pairwise,
    /// Rounds of doubling distance, by way of other ranks.
    Bruck,
    /// One message for each pair of ranks, added in the order of recursive doubling.
    DirectTree,
    /// The ranks of one host among themselves, and one rank per host across hosts.
    Hierarchical,
}

impl Algorithm {
    /// Its name in overrides.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::RecursiveDoubling => "recursive_doubling",
            Self::HalvingDoubling => "halving_doubling",
            Self::DoubleTree => "double_tree",
            Self::Chain => "chain",
            Self::Binomial => "binomial",
            Self::Dissemination => "dissemination",
            Self::Direct => "direct",
            Self::Pairwise => "pairwise",
            Self::Bruck => "bruck",
            Self::DirectTree => "direct_tree",
            Self::Hierarchical => "hierarchical",
        }
    }

    /// Its number in the digest by which ranks compare their calls.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// Those that a collective can be done by, the planner's for large sizes first.
    pub(crate) const fn of(collective: Collective) -> &'static [Self] {
        match collective {
            Collective::AllReduce(_) => &[
                Self::Ring,
                Self::RecursiveDoubling,
                Self::HalvingDoubling,
                Self::DoubleTree,
                Self::Hierarchical,
            ],
            Collective::Broadcast(_) => &[Self::Chain, Self::Binomial, Self::Hierarchical],
            Collective::Reduce(..) => {
                &[Self::Chain, Self::Binomial, Self::HalvingDoubling, Self::Hierarchical]
            }
            Collective::Barrier => &[Self::Dissemination],
            Collective::ReduceScatter(_) => &[Self::Ring, Self::Direct, Self::DirectTree],
            Collective::AllGather => &[Self::Ring, Self::Bruck, Self::Hierarchical],
            Collective::Gather(_) | Collective::Scatter(_) => &[Self::Direct],
            Collective::AllToAll => &[Self::Pairwise, Self::Bruck],
        }
    }

    /// Whether a call can be done by it: Bruck's all-to-all takes equal blocks only, and a hierarchy
    /// takes several hosts with several ranks.
    fn fits(self, shape: &Shape) -> bool {
        let collective = shape.call.collective;
        let can = match self {
            Self::Bruck => collective != Collective::AllToAll || shape.counts == Counts::Even,
            Self::Hierarchical => shape.topology.as_ref().is_some_and(Topology::is_hierarchy),
            _ => true,
        };
        can && Self::of(collective).contains(&self)
    }

    /// Whether the order of reduction depends on nothing but the world: on no place in the vector, no
    /// size, no topology. What does not reduce always is.
    const fn is_uniform(self, collective: Collective) -> bool {
        collective.op().is_none()
            || matches!(self, Self::RecursiveDoubling | Self::HalvingDoubling | Self::DirectTree)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithm for a call: the first override that fits, else the table. Deterministic, only what adds
/// every element in the same order.
pub(crate) fn plan(shape: &Shape, overrides: &Overrides) -> Algorithm {
    let (bytes, collective) = (shape.volume(), shape.call.collective);
    let uniform = |one: Algorithm| !overrides.is_deterministic() || one.is_uniform(collective);
    let chosen = overrides.choose(collective, bytes, |one| one.fits(shape) && uniform(one));
    let table = || match table(shape, bytes) {
        chosen if uniform(chosen) => chosen,
        _ => deterministic(shape, bytes),
    };
    chosen.unwrap_or_else(table)
}

/// Where the table's choice is not one that adds every element in the same order.
fn deterministic(shape: &Shape, bytes: u64) -> Algorithm {
    match shape.call.collective {
        Collective::ReduceScatter(_) => Algorithm::DirectTree,
        Collective::AllReduce(_) if bytes <= 16 << 10 => Algorithm::RecursiveDoubling,
        _ => Algorithm::HalvingDoubling,
    }
}

/// Whether hosts go before ranks. Trees and doubling cross the links between hosts again and again, and
/// small calls wait for each crossing. A ring or chain through ranks that are numbered host by host
/// crosses each link once as it is, and keeps all ranks busy; so long calls go by hosts only where ranks
/// are numbered otherwise. Measured in virtual time, four hosts of eight ranks:
/// `cargo test -p sealane-sim --test hierarchy -- --nocapture`.
fn by_hosts(shape: &Shape, bytes: u64) -> bool {
    let mixed = shape.topology.as_ref().is_some_and(|topology| !topology.is_host_by_host());
    let long = mixed && shape.call.collective != Collective::AllGather;
    Algorithm::Hierarchical.fits(shape) && (bytes <= 256 << 10 || long)
}

/// Thresholds were measured by `sealane perf` with 2, 4 and 8 ranks over loopback. What a ring pays for
/// its steps grows with the square of the ranks, because chunks shrink as steps become more. Chains take
/// over from trees earlier than measured there: loopback does not show that a tree's root sends
/// everything several times over one link. Nor does it show what crossing between hosts costs, which a
/// double tree does at every level: where there are hosts, the ring comes next.
fn table(shape: &Shape, bytes: u64) -> Algorithm {
    const KIB: u64 = 1 << 10;
    let ranks = shape.ranks();
    let hosts = Algorithm::Hierarchical.fits(shape);
    if by_hosts(shape, bytes) {
        return Algorithm::Hierarchical;
    }
    match shape.call.collective {
        Collective::AllReduce(_) if bytes * ranks <= 32 * KIB => Algorithm::RecursiveDoubling,
        Collective::AllReduce(_) if !hosts && bytes <= 4 * KIB * ranks * ranks => {
            Algorithm::DoubleTree
        }
        Collective::ReduceScatter(_) if bytes <= 4 * KIB => Algorithm::Direct,
        Collective::AllGather if ranks > 2 && bytes <= KIB * ranks * ranks => Algorithm::Bruck,
        Collective::AllReduce(_) | Collective::ReduceScatter(_) | Collective::AllGather => {
            Algorithm::Ring
        }
        Collective::Broadcast(_) | Collective::Reduce(..) if bytes <= 64 * KIB => {
            Algorithm::Binomial
        }
        Collective::Broadcast(_) | Collective::Reduce(..) => Algorithm::Chain,
        Collective::Barrier => Algorithm::Dissemination,
        Collective::Gather(_) | Collective::Scatter(_) => Algorithm::Direct,
        Collective::AllToAll if bytes <= KIB / 2 * ranks && Algorithm::Bruck.fits(shape) => {
            Algorithm::Bruck
        }
        Collective::AllToAll => Algorithm::Pairwise,
    }
}

#[cfg(test)]
mod tests;
