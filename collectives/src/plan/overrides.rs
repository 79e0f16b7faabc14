//! Choices that go before the planner's table.

use std::str::FromStr;

use sealane_kernels::ReduceOp;
use sealane_transport::Rank;

use crate::call::Collective;

use super::Algorithm;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    collective: &'static str,
    from: u64,
    to: u64,
    algorithm: Algorithm,
}

/// Choices that go before the table: `allreduce:0-4096:ring`, comma-separated, as in UCC. Sizes are
/// bytes of the longest buffer, both ends included, and either may be left out.
///
/// The word `deterministic` among them has only such algorithms taken as add every element in the same
/// order: then results do not depend on counts, on how gradients are bucketed, on the choice by size, or
/// on which ranks share a host, but on the number of ranks alone. Choices that would break that are
/// passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    rules: Vec<Override>,
    deterministic: bool,
}

/// Why a text is no list of choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePlanError {
    /// It has another form.
    #[error(
        "{rule:?} is neither deterministic nor collective:from-to:algorithm, such as \
         allreduce:0-4096:double_tree (collectives: {collectives})"
    )]
    Form {
        /// The text between two commas.
        rule: String,
        /// What there is.
        collectives: String,
    },
    /// The collective cannot be done so.
    #[error("{rule:?}: {collective} is done by one of {algorithms}")]
    Algorithm {
        /// The text between two commas.
        rule: String,
        /// Of what.
        collective: &'static str,
        /// What there is.
        algorithms: String,
    },
}

const DETERMINISTIC: &str = "deterministic";

/// One call of each kind: names and algorithms do not depend on operation and root.
const KINDS: [Collective; 9] = [
    Collective::AllReduce(ReduceOp::Sum),
    Collective::Broadcast(Rank(0)),
    Collective::Barrier,
    Collective::Reduce(ReduceOp::Sum, Rank(0)),
    Collective::ReduceScatter(ReduceOp::Sum),
    Collective::AllGather,
    Collective::Gather(Rank(0)),
    Collective::Scatter(Rank(0)),
    Collective::AllToAll,
];

impl Overrides {
    /// No choices but that.
    #[must_use]
    pub const fn deterministic() -> Self {
        Self { rules: Vec::new(), deterministic: true }
    }

    /// Whether only such algorithms are taken as add every element in the same order.
    #[must_use]
    pub const fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    pub(super) fn choose(
        &self,
        collective: Collective,
        bytes: u64,
        can: impl Fn(Algorithm) -> bool,
    ) -> Option<Algorithm> {
        let fits = |rule: &&Override| {
            rule.collective == collective.name()
                && (rule.from..=rule.to).contains(&bytes)
                && can(rule.algorithm)
        };
        self.rules.iter().find(fits).map(|rule| rule.algorithm)
    }
}

impl FromStr for Overrides {
    type Err = ParsePlanError;

    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        let (words, rules): (Vec<&str>, Vec<&str>) = rules.partition(|rule| *rule == DETERMINISTIC);
        let rules = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
        Ok(Self { rules, deterministic: !words.is_empty() })
    }
}

fn rule(text: &str) -> Result<Override, ParsePlanError> {
    let (collective, range, algorithm) = split(text).ok_or_else(|| ParsePlanError::Form {
        rule: text.to_owned(),
        collectives: KINDS.map(Collective::name).join(" "),
    })?;
    let known = Algorithm::of(collective);
    let algorithm = known.iter().find(|known| known.name() == algorithm).copied();
    let (from, to) = range;
    let algorithm = algorithm.ok_or_else(|| ParsePlanError::Algorithm {
        rule: text.to_owned(),
        collective: collective.name(),
        algorithms: known.iter().map(|known| known.name()).collect::<Vec<_>>().join(" "),
    })?;
    Ok(Override { collective: collective.name(), from, to, algorithm })
}

fn split(text: &str) -> Option<(Collective, (u64, u64), &str)> {
    let mut parts = text.split(':');
    let (name, range, algorithm) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // The methods' names have underscores where NCCL's have none: both are understood.
    let plain = |name: &str| name.replace('_', "");
    let collective = KINDS.into_iter().find(|known| plain(known.name()) == plain(name))?;
    let (from, to) = range.split_once('-')?;
    let bound = |text: &str, open: u64| match text {
        "" => Some(open),
        digits => digits.parse().ok(),
    };
    Some((collective, (bound(from, 0)?, bound(to, u64::MAX)?), algorithm))
}
