//! Which algorithm for which call: a pure function of collective, size and world.

use std::str::FromStr;

use crate::call::{Call, Collective};

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Chunks around a ring, cut through packet by packet: bandwidth-optimal.
    Ring,
    /// Whole vectors between partners at doubling distances: latency-optimal.
    RecursiveDoubling,
    /// The whole from rank to rank, cut through packet by packet.
    Chain,
    /// A binomial tree.
    Binomial,
    /// Rounds of doubling distance.
    Dissemination,
}

/// Bytes up to which latency decides.
const SMALL: u64 = 16 << 10;

impl Algorithm {
    const fn fits(self, collective: Collective) -> bool {
        match collective {
            Collective::AllReduce(_) => matches!(self, Self::Ring | Self::RecursiveDoubling),
            Collective::Broadcast(_) => matches!(self, Self::Chain | Self::Binomial),
            Collective::Barrier => matches!(self, Self::Dissemination),
        }
    }
}

/// The algorithm for a call: the first override that fits, else the table.
#[must_use]
pub fn plan(call: &Call, overrides: &Overrides) -> Algorithm {
    let bytes = call.bytes();
    overrides.choose(call, bytes).unwrap_or(match call.collective {
        Collective::AllReduce(_) if bytes <= SMALL => Algorithm::RecursiveDoubling,
        Collective::AllReduce(_) => Algorithm::Ring,
        Collective::Broadcast(_) if bytes <= SMALL => Algorithm::Binomial,
        Collective::Broadcast(_) => Algorithm::Chain,
        Collective::Barrier => Algorithm::Dissemination,
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    collective: String,
    from: u64,
    to: u64,
    algorithm: Algorithm,
}

/// Choices that go before the table: `allreduce:0-4096:ring`, comma-separated, as in UCC. Sizes are
/// bytes, both ends included, and either may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

/// The text is not of the form `collective:from-to:algorithm`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not collective:from-to:algorithm, such as allreduce:0-4096:recursive_doubling \
     (collectives: allreduce broadcast; algorithms: ring recursive_doubling chain binomial)"
)]
pub struct ParsePlanError(String);

impl Overrides {
    fn choose(&self, call: &Call, bytes: u64) -> Option<Algorithm> {
        let fits = |rule: &&Override| {
            rule.collective == call.collective.name()
                && (rule.from..=rule.to).contains(&bytes)
                && rule.algorithm.fits(call.collective)
        };
        self.0.iter().find(fits).map(|rule| rule.algorithm)
    }
}

impl FromStr for Overrides {
    type Err = ParsePlanError;

    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        rules.map(rule).collect::<Result<_, _>>().map(Self)
    }
}

fn rule(text: &str) -> Result<Override, ParsePlanError> {
    let wrong = || ParsePlanError(text.to_owned());
    let mut parts = text.split(':');
    let mut part = || parts.next().ok_or_else(wrong);
    let (collective, range, algorithm) = (part()?, part()?, part()?);
    let (from, to) = range.split_once('-').ok_or_else(wrong)?;
    let bound = |text: &str, open: u64| match text {
        "" => Ok(open),
        digits => digits.parse().map_err(|_| wrong()),
    };
    let algorithm = match algorithm {
        "ring" => Algorithm::Ring,
        "recursive_doubling" => Algorithm::RecursiveDoubling,
        "chain" => Algorithm::Chain,
        "binomial" => Algorithm::Binomial,
        _ => return Err(wrong()),
    };
    let known = ["allreduce", "broadcast"].contains(&collective);
    if !known || parts.next().is_some() {
        return Err(wrong());
    }
    let (from, to) = (bound(from, 0)?, bound(to, u64::MAX)?);
    Ok(Override { collective: collective.to_owned(), from, to, algorithm })
}

#[cfg(test)]
mod tests;
