//! Choices that go before the planner's table.

use std::str::FromStr;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

/// The text is not of the form `collective:from-to:algorithm`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{rule:?} is not collective:from-to:algorithm, such as allreduce:0-4096:recursive_doubling \
     (collectives: {collectives}; algorithms: {algorithms})"
)]
pub struct ParsePlanError {
    rule: String,
    collectives: String,
    algorithms: String,
}

impl Overrides {
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
        self.0.iter().find(fits).map(|rule| rule.algorithm)
    }
}

impl FromStr for Overrides {
    type Err = ParsePlanError;

    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        let read = |text| {
            rule(text).ok_or_else(|| ParsePlanError {
                rule: str::to_owned(text),
                collectives: Collective::NAMES.join(" "),
                algorithms: Algorithm::ALL.map(Algorithm::name).join(" "),
            })
        };
        rules.map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn rule(text: &str) -> Option<Override> {
    let mut parts = text.split(':');
    let (name, range, algorithm) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // The methods' names have underscores where NCCL's have none: both are understood.
    let plain = |name: &str| name.replace('_', "");
    let collective = Collective::NAMES.into_iter().find(|known| plain(known) == plain(name))?;
    let (from, to) = range.split_once('-')?;
    let bound = |text: &str, open: u64| match text {
        "" => Some(open),
        digits => digits.parse().ok(),
    };
    let (from, to) = (bound(from, 0)?, bound(to, u64::MAX)?);
    Some(Override { collective, from, to, algorithm: algorithm.parse().ok()? })
}
