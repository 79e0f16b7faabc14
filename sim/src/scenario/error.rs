//! What is wrong with a scenario.

use std::fmt;

/// A part of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Hosts, switches and cables.
    Topology,
    /// The cable override of that index.
    Cable(usize),
    /// Interfaces.
    Nic,
    /// The protocol's configuration.
    Transport,
    /// What hosts do.
    Workload,
    /// The fault of that index.
    Fault(usize),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topology => f.write_str("topology"),
            Self::Cable(index) => write!(f, "cables[{index}]"),
            Self::Nic => f.write_str("nic"),
            Self::Transport => f.write_str("transport"),
            Self::Workload => f.write_str("workload"),
            Self::Fault(index) => write!(f, "faults[{index}]"),
        }
    }
}

/// A scenario that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}")]
pub struct ScenarioError {
    /// Which part.
    pub part: Part,
    /// What is wrong with it, and what it may be.
    pub problem: String,
}

impl ScenarioError {
    pub(crate) fn new(part: Part, problem: impl Into<String>) -> Self {
        Self { part, problem: problem.into() }
    }
}
