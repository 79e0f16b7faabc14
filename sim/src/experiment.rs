//! The published experiments, each one call: runs over several seeds, with an ideal line, the published
//! figure beside ours, and a check for what we claim.

mod all_reduce;
mod calibrate;
mod common;
mod degraded;
mod entropy;
mod failure;
mod figure;
mod incast;
mod loss;
mod measure;
mod permutation;
mod srd;
mod statistics;

pub use figure::{Axis, AxisScale, Check, Figure, Panel, Point, Relation, Series, SeriesKind};
pub use measure::{Advance, Unwatched, Watch};
pub use statistics::Estimate;

use std::fmt;
use std::str::FromStr;

use crate::scenario::ScenarioError;

/// How large an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// As published.
    #[default]
    Full,
    /// The same shape on few hosts, for tests: seconds instead of minutes, and no figure to quote.
    Small,
}

/// How an experiment is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// One run of every case each.
    pub seeds: Vec<u64>,
    /// How large.
    pub scale: Scale,
    /// Runs at a time; the results do not depend on it.
    pub threads: usize,
}

impl Default for Options {
    /// Five seeds at full scale, one after the other.
    fn default() -> Self {
        Self { seeds: (1..=5).collect(), scale: Scale::Full, threads: 1 }
    }
}

impl Options {
    /// One number at full scale, another in tests.
    fn scaled<T>(&self, full: T, small: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Small => small,
        }
    }
}

/// An experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Experiment {
    /// One flow, and two opposite ones, against arithmetic.
    Calibrate,
    /// Every host to one other: spraying against one path.
    Permutation,
    /// Many to one.
    Incast,
    /// The SRD paper's incast and its rack to rack experiment.
    Srd,
    /// Cables that die during a permutation.
    Failure,
    /// Cables that are slower than others.
    Degraded,
    /// Random loss: selective repeat against go back N.
    Loss,
    /// How many paths, and how many packets per acknowledgement.
    Entropy,
    /// Ring all-reduce against its formula.
    AllReduce,
}

impl Experiment {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Calibrate,
        Self::Permutation,
        Self::Incast,
        Self::Srd,
        Self::Failure,
        Self::Degraded,
        Self::Loss,
        Self::Entropy,
        Self::AllReduce,
    ];

    /// Their names, in the same order.
    pub const NAMES: [&str; 9] = [
        "calibrate",
        "permutation",
        "incast",
        "srd",
        "failure",
        "degraded",
        "loss",
        "entropy",
        "allreduce",
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// What it shows, in a line.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Calibrate => "One flow and two opposite flows against arithmetic",
            Self::Permutation => "Permutation: spraying against one path",
            Self::Incast => "Incast: the last completion against ideal",
            Self::Srd => "The SRD paper's incast and rack-to-rack experiments",
            Self::Failure => "Two cables die during a permutation",
            Self::Degraded => "Slow cables: recycling against random spray",
            Self::Loss => "Random loss: selective repeat against go-back-N",
            Self::Entropy => "How many paths, how many packets per acknowledgement",
            Self::AllReduce => "Ring all-reduce against its formula",
        }
    }

    /// Runs it. An experiment that `watch` stops has what was finished, and says that it is not
    /// complete.
    ///
    /// # Errors
    ///
    /// A scenario that makes no sense: a defect of the experiment.
    pub fn run(self, options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
        let figure = match self {
            Self::Calibrate => calibrate::run(options, watch),
            Self::Permutation => permutation::run(options, watch),
            Self::Incast => incast::run(options, watch),
            Self::Srd => srd::run(options, watch),
            Self::Failure => failure::run(options, watch),
            Self::Degraded => degraded::run(options, watch),
            Self::Loss => loss::run(options, watch),
            Self::Entropy => entropy::run(options, watch),
            Self::AllReduce => all_reduce::run(options, watch),
        }?;
        Ok(figure.named(self, options))
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Experiment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|experiment| experiment.name() == text);
        found.ok_or_else(|| format!("`{text}` is none of: {}", Self::NAMES.join(", ")))
    }
}

#[cfg(test)]
mod tests;
