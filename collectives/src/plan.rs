//! Which algorithm for which call: a pure function of collective, size and world.

mod overrides;

use std::fmt;
use std::str::FromStr;

use crate::blocks::Counts;
use crate::call::Collective;
use crate::shape::Shape;

pub use overrides::{Overrides, ParsePlanError};

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
}

/// Bytes up to which latency decides.
const SMALL: u64 = 16 << 10;

/// Bytes to each rank up to which an all-to-all takes fewer and longer ways.
const TINY: u64 = 256;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Ring,
        Self::RecursiveDoubling,
        Self::HalvingDoubling,
        Self::DoubleTree,
        Self::Chain,
        Self::Binomial,
        Self::Dissemination,
        Self::Direct,
        Self::Pairwise,
        Self::Bruck,
    ];

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
        }
    }

    /// Its number in the digest by which ranks compare their calls.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// Those that a collective can be done by, the planner's for large sizes first.
    pub(crate) const fn of(collective: Collective) -> &'static [Self] {
        match collective {
            Collective::AllReduce(_) => {
                &[Self::Ring, Self::RecursiveDoubling, Self::HalvingDoubling, Self::DoubleTree]
            }
            Collective::Broadcast(_) | Collective::Reduce(..) => &[Self::Chain, Self::Binomial],
            Collective::Barrier => &[Self::Dissemination],
            Collective::ReduceScatter(_) => &[Self::Ring, Self::Direct],
            Collective::AllGather => &[Self::Ring, Self::Bruck],
            Collective::Gather(_) | Collective::Scatter(_) => &[Self::Direct],
            Collective::AllToAll => &[Self::Pairwise, Self::Bruck],
        }
    }

    /// Whether a call can be done by it: Bruck's all-to-all takes equal blocks only.
    fn fits(self, shape: &Shape) -> bool {
        let collective = shape.call.collective;
        let equal = collective != Collective::AllToAll || shape.counts == Counts::Even;
        Self::of(collective).contains(&self) && (self != Self::Bruck || equal)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(())
    }
}

/// The algorithm for a call: the first override that fits, else the table.
pub(crate) fn plan(shape: &Shape, overrides: &Overrides) -> Algorithm {
    let bytes = shape.volume();
    let chosen = overrides.choose(shape.call.collective, bytes, |one| one.fits(shape));
    let small = bytes <= SMALL;
    chosen.unwrap_or(match shape.call.collective {
        Collective::AllReduce(_) if small => Algorithm::RecursiveDoubling,
        Collective::Broadcast(_) | Collective::Reduce(..) if small => Algorithm::Binomial,
        Collective::Broadcast(_) | Collective::Reduce(..) => Algorithm::Chain,
        Collective::Barrier => Algorithm::Dissemination,
        Collective::ReduceScatter(_) if small => Algorithm::Direct,
        Collective::AllGather if small => Algorithm::Bruck,
        Collective::AllReduce(_) | Collective::ReduceScatter(_) | Collective::AllGather => {
            Algorithm::Ring
        }
        Collective::Gather(_) | Collective::Scatter(_) => Algorithm::Direct,
        Collective::AllToAll if bytes <= TINY * shape.ranks() && Algorithm::Bruck.fits(shape) => {
            Algorithm::Bruck
        }
        Collective::AllToAll => Algorithm::Pairwise,
    })
}

#[cfg(test)]
mod tests;
