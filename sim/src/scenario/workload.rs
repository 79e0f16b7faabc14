//! What hosts do in a scenario.

use sealane_collectives::{Call, Collective, Overrides, ParsePlanError};
use sealane_kernels::{Dtype, ReduceOp};

use crate::engine::Picos;
use crate::topology::Graph;
use crate::workload::{
    Arrivals, CollectiveSpec, FlowSpec, SizeDistribution, all_to_all, incast, permutation,
};

use super::{Part, Scenario, ScenarioError};

/// Flows of one run at most.
const FLOWS_MAX: usize = 4_000_000;

/// See the module's text. Hosts are numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// These flows.
    Flows(Vec<FlowSpec>),
    /// Every host sends to one other, drawn by the seed.
    Permutation {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// Many to one.
    Incast {
        /// How many, spread evenly over the other hosts.
        senders: u32,
        /// To whom.
        target: u32,
        /// Bytes of each flow.
        bytes: u64,
    },
    /// Every host sends to every other.
    AllToAll {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// The first and the last host send to each other.
    Opposite {
        /// Bytes of each flow.
        bytes: u64,
    },
    /// Flows that arrive at random (Poisson), between random hosts, with sizes from a distribution.
    Arrivals {
        /// The sizes.
        sizes: SizeDistribution,
        /// The share of all hosts' line speed that they are to fill, 0..=1.
        load: f64,
        /// How many.
        flows: u32,
    },
    /// All-reduce of `f32` sums by the collectives' executor.
    AllReduce {
        /// Bytes of the vector.
        bytes: u64,
        /// Ranks: hosts 0 to `ranks` - 1.
        ranks: u32,
        /// Its algorithm; the planner's choice if there is none.
        algorithm: Option<String>,
    },
    /// All-to-all by the collectives' executor.
    CollectiveAllToAll {
        /// Bytes from each rank to each.
        bytes: u64,
        /// Ranks: hosts 0 to `ranks` - 1.
        ranks: u32,
        /// Its algorithm; the planner's choice if there is none.
        algorithm: Option<String>,
    },
}

/// What a workload comes to.
pub(super) enum Made {
    Flows(Vec<FlowSpec>),
    Collective(CollectiveSpec),
}

impl Workload {
    pub(super) fn make(
        &self,
        scenario: &Scenario,
        graph: &Graph,
        seed: u64,
    ) -> Result<Made, ScenarioError> {
        let wrong = |problem: String| ScenarioError::new(Part::Workload, problem);
        let flows = match self {
            Self::AllReduce { .. } | Self::CollectiveAllToAll { .. } => {
                return self.collective(scenario, graph).map(Made::Collective).map_err(wrong);
            }
            _ => self.flows(graph, seed).map_err(wrong)?,
        };
        check(&flows, graph).map_err(wrong)?;
        Ok(Made::Flows(flows))
    }

    fn flows(&self, graph: &Graph, seed: u64) -> Result<Vec<FlowSpec>, String> {
        let hosts = graph.hosts;
        match self {
            Self::Permutation { bytes } => Ok(permutation(hosts, *bytes, seed)),
            Self::Incast { senders, target, bytes } => {
                if *target >= hosts || *senders == 0 || *senders >= hosts {
                    return Err(format!(
                        "{senders} of {hosts} hosts cannot send to host {target}: 1 to {} can",
                        hosts - 1
                    ));
                }
                Ok(incast(hosts, *senders, *target, *bytes))
            }
            Self::AllToAll { bytes } => Ok(all_to_all(hosts, *bytes)),
            Self::Opposite { bytes } => {
                let flow = |from, to| FlowSpec { from, to, bytes: *bytes, start: Picos::ZERO };
                Ok(vec![flow(0, hosts - 1), flow(hosts - 1, 0)])
            }
            Self::Arrivals { sizes, load, flows } => {
                Arrivals { sizes, load: *load, flows: *flows }.draw(graph, seed)
            }
            Self::Flows(flows) => Ok(flows.clone()),
            Self::AllReduce { .. } | Self::CollectiveAllToAll { .. } => Ok(Vec::new()),
        }
    }

    fn collective(&self, scenario: &Scenario, graph: &Graph) -> Result<CollectiveSpec, String> {
        let (collective, bytes, ranks, algorithm) = match self {
            Self::CollectiveAllToAll { bytes, ranks, algorithm } => {
                (Collective::AllToAll, *bytes, *ranks, algorithm)
            }
            Self::AllReduce { bytes, ranks, algorithm } => {
                (Collective::AllReduce(ReduceOp::Sum), *bytes, *ranks, algorithm)
            }
            _ => return Err("flows are no collective".to_owned()),
        };
        if ranks < 2 || ranks > graph.hosts {
            return Err(format!("{ranks} ranks on {} hosts: 2 to {0} fit", graph.hosts));
        }
        if bytes == 0 || !bytes.is_multiple_of(4) {
            return Err(format!("{bytes} bytes are no whole number of f32"));
        }
        let rule = algorithm.as_ref().map(|name| format!("{}:-:{name}", collective.name()));
        let overrides: Overrides =
            rule.unwrap_or_default().parse().map_err(|error: ParsePlanError| error.to_string())?;
        let call = Call { collective, dtype: Dtype::F32, count: bytes / 4 };
        Ok(CollectiveSpec { call, overrides, ranks, rounds: scenario.repeat.times() })
    }
}

fn check(flows: &[FlowSpec], graph: &Graph) -> Result<(), String> {
    if flows.is_empty() || flows.len() > FLOWS_MAX {
        return Err(format!("{} flows: 1 to {FLOWS_MAX} can be run", flows.len()));
    }
    let wrong = flows
        .iter()
        .find(|flow| flow.from == flow.to || flow.from >= graph.hosts || flow.to >= graph.hosts);
    match wrong {
        Some(FlowSpec { from, to, .. }) => Err(format!(
            "no flow goes from host {from} to host {to}: there are {} hosts, from 0",
            graph.hosts
        )),
        None => Ok(()),
    }
}
