//! The usual topologies.

use crate::engine::{Bandwidth, Picos};

use super::{Cable, Graph, NodeId};

/// What all cables of a topology are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// Speed.
    pub rate: Bandwidth,
    /// Propagation of one cable.
    pub delay: Picos,
    /// At most so much more, drawn for each packet; order is kept.
    pub jitter: Picos,
}

impl Links {
    /// Cables of so much speed and delay, without jitter.
    #[must_use]
    pub const fn new(rate: Bandwidth, delay: Picos) -> Self {
        Self { rate, delay, jitter: Picos::ZERO }
    }

    const fn cable(&self, a: NodeId, b: NodeId) -> Cable {
        Cable { a, b, rate: self.rate, delay: self.delay, jitter: self.jitter, queue: None }
    }
}

/// Two hosts and a cable.
#[must_use]
pub fn wire(links: Links) -> Graph {
    let cables = vec![links.cable(NodeId(0), NodeId(1))];
    Graph { hosts: 2, switches: Vec::new(), cables }
}

/// Hosts on both sides of one cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dumbbell {
    /// Hosts on each side.
    pub pairs: u32,
    /// Speed of the cable in the middle.
    pub bottleneck: Bandwidth,
    /// The others.
    pub links: Links,
}

impl Dumbbell {
    /// The graph: hosts 0 to `pairs` - 1 on the left, the others on the right.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let hosts = 2 * self.pairs;
        let (left, right) = (NodeId(hosts), NodeId(hosts + 1));
        let side = |host: u32| if host < self.pairs { left } else { right };
        let mut cables: Vec<Cable> =
            (0..hosts).map(|host| self.links.cable(NodeId(host), side(host))).collect();
        cables.push(Cable { rate: self.bottleneck, ..self.links.cable(left, right) });
        Graph { hosts, switches: vec!["left".to_owned(), "right".to_owned()], cables }
    }
}

/// Leaves and spines, each leaf with a cable to each spine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafSpine {
    /// Leaves.
    pub leaves: u32,
    /// Spines; hosts of a leaf ÷ spines is the over-subscription.
    pub spines: u32,
    /// Hosts of each leaf.
    pub hosts_per_leaf: u32,
    /// All cables.
    pub links: Links,
}

impl LeafSpine {
    /// The graph.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let hosts = self.leaves * self.hosts_per_leaf;
        let leaf = |index: u32| NodeId(hosts + index);
        let spine = |index: u32| NodeId(hosts + self.leaves + index);
        let mut cables: Vec<Cable> = (0..hosts)
            .map(|host| self.links.cable(NodeId(host), leaf(host / self.hosts_per_leaf)))
            .collect();
        for l in 0..self.leaves {
            cables.extend((0..self.spines).map(|s| self.links.cable(leaf(l), spine(s))));
        }
        let names = |kind: &'static str, count| (0..count).map(move |i| format!("{kind}{i}"));
        let switches = names("leaf", self.leaves).chain(names("spine", self.spines)).collect();
        Graph { hosts, switches, cables }
    }
}

/// A three-tier fat tree of switches with `radix` ports (Al-Fares, SIGCOMM 2008): `radix` pods of
/// `radix`/2 edge and aggregation switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FatTree {
    /// Ports of a switch; even. Without over-subscription it has radix³/4 hosts.
    pub radix: u32,
    /// Hosts per uplink of an edge switch; 1 is full bisection.
    pub oversubscription: u32,
    /// All cables.
    pub links: Links,
}

impl FatTree {
    /// Hosts.
    #[must_use]
    pub const fn hosts(&self) -> u32 {
        let half = self.radix / 2;
        self.radix * half * half * self.oversubscription
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let half = self.radix / 2;
        let hosts = self.hosts();
        let per_edge = half * self.oversubscription;
        let edge = |pod: u32, index: u32| NodeId(hosts + pod * half + index);
        let aggregation = |pod: u32, i: u32| NodeId(hosts + (self.radix + pod) * half + i);
        let core = |index: u32| NodeId(hosts + 2 * self.radix * half + index);
        let mut cables: Vec<Cable> = (0..hosts)
            .map(|host| {
                let edge_index = host / per_edge;
                self.links.cable(NodeId(host), edge(edge_index / half, edge_index % half))
            })
            .collect();
        for pod in 0..self.radix {
            for a in 0..half {
                cables
                    .extend((0..half).map(|e| self.links.cable(edge(pod, e), aggregation(pod, a))));
                let cores = (0..half).map(|c| core(a * half + c));
                cables.extend(cores.map(|core| self.links.cable(aggregation(pod, a), core)));
            }
        }
        let in_pods = |kind: &'static str| {
            (0..self.radix).flat_map(move |p| (0..half).map(move |i| format!("{kind}{p}.{i}")))
        };
        let cores = (0..half * half).map(|index| format!("core{index}"));
        let switches = in_pods("edge").chain(in_pods("agg")).chain(cores).collect();
        Graph { hosts, switches, cables }
    }
}
