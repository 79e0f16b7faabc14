//! Which topology a scenario runs on.

use crate::engine::{Bandwidth, Picos};
use crate::fabric::QueueSettings;
use crate::topology::{Dumbbell, FatTree, Graph, LeafSpine, Links, wire};

use super::{Part, ScenarioError};

/// Hosts of the largest scenario.
const HOSTS_MAX: u64 = 65_536;

/// A topology by its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Two hosts and a cable.
    Wire,
    /// As many hosts on either side of one cable.
    Dumbbell {
        /// Hosts on each side.
        pairs: u32,
        /// Speed of the cable in the middle.
        bottleneck: Bandwidth,
    },
    /// Leaves with a cable to every spine; hosts per leaf ÷ spines is the over-subscription.
    LeafSpine {
        /// Leaves.
        leaves: u32,
        /// Spines.
        spines: u32,
        /// Hosts of each leaf.
        hosts_per_leaf: u32,
    },
    /// Switches of `radix` ports in two tiers (radix²/2 hosts) or three (radix³/4), times the
    /// over-subscription.
    FatTree {
        /// 2 or 3.
        tiers: u32,
        /// Ports of a switch; even.
        radix: u32,
        /// Hosts per uplink of an edge switch; 1 is full bisection.
        oversubscription: u32,
    },
    /// Any other, such as one that was read from a file.
    Graph(Graph),
}

/// A cable that is not like the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CableOverride {
    /// One end's name.
    pub a: String,
    /// The other's.
    pub b: String,
    /// Its speed.
    pub rate: Option<Bandwidth>,
    /// Its propagation.
    pub delay: Option<Picos>,
    /// Its jitter.
    pub jitter: Option<Picos>,
    /// Its switches' queues.
    pub queue: Option<QueueSettings>,
}

impl Topology {
    pub(super) fn graph(
        &self,
        links: Links,
        cables: &[CableOverride],
    ) -> Result<Graph, ScenarioError> {
        self.check().map_err(|problem| ScenarioError::new(Part::Topology, problem))?;
        let mut graph = match *self {
            Self::Wire => wire(links),
            Self::Dumbbell { pairs, bottleneck } => Dumbbell { pairs, bottleneck, links }.graph(),
            Self::LeafSpine { leaves, spines, hosts_per_leaf } => {
                LeafSpine { leaves, spines, hosts_per_leaf, links }.graph()
            }
            Self::FatTree { tiers: 2, radix, oversubscription } => {
                let (spines, hosts_per_leaf) = (radix / 2, radix / 2 * oversubscription);
                LeafSpine { leaves: radix, spines, hosts_per_leaf, links }.graph()
            }
            Self::FatTree { radix, oversubscription, .. } => {
                FatTree { radix, oversubscription, links }.graph()
            }
            Self::Graph(ref graph) => graph.clone(),
        };
        for (index, other) in cables.iter().enumerate() {
            other
                .apply(&mut graph)
                .map_err(|problem| ScenarioError::new(Part::Cable(index), problem))?;
        }
        Ok(graph)
    }

    fn check(&self) -> Result<(), String> {
        let hosts = match *self {
            Self::Wire => 2,
            Self::Dumbbell { pairs, .. } => 2 * u64::from(pairs),
            Self::LeafSpine { leaves, spines, hosts_per_leaf } => {
                if spines == 0 {
                    return Err("there is at least 1 spine".to_owned());
                }
                u64::from(leaves) * u64::from(hosts_per_leaf)
            }
            Self::FatTree { tiers, radix, oversubscription } => {
                if !(2..=3).contains(&tiers) {
                    return Err(format!("a fat tree has 2 or 3 tiers, not {tiers}"));
                }
                if radix < 2 || !radix.is_multiple_of(2) || radix > 512 {
                    return Err(format!("a radix is an even number from 2 to 512, not {radix}"));
                }
                let half = u64::from(radix / 2);
                let hosts = u64::from(radix) * if tiers == 2 { half } else { half * half };
                hosts * u64::from(oversubscription)
            }
            Self::Graph(ref graph) => u64::from(graph.hosts),
        };
        match hosts {
            0..2 => Err(format!("a topology has at least 2 hosts, not {hosts}")),
            2..=HOSTS_MAX => Ok(()),
            _ => Err(format!("{hosts} hosts are more than {HOSTS_MAX}")),
        }
    }
}

impl CableOverride {
    fn apply(&self, graph: &mut Graph) -> Result<(), String> {
        let node =
            |name: &str| graph.find(name).ok_or_else(|| format!("no node is named `{name}`"));
        let (a, b) = (node(&self.a)?, node(&self.b)?);
        let found: Vec<usize> = graph.between(a, b).collect();
        if found.is_empty() {
            return Err(format!("no cable joins `{}` and `{}`", self.a, self.b));
        }
        for index in found {
            let cable = &mut graph.cables[index];
            cable.rate = self.rate.unwrap_or(cable.rate);
            cable.delay = self.delay.unwrap_or(cable.delay);
            cable.jitter = self.jitter.unwrap_or(cable.jitter);
            cable.queue = self.queue.or(cable.queue);
        }
        Ok(())
    }
}
