//! Topologies: hosts, switches, and cables between them.

mod build;
mod file;

pub use build::{Dumbbell, FatTree, LeafSpine, Links, wire};
pub use file::{GraphError, parse};

use crate::engine::{Bandwidth, Picos};
use crate::fabric::QueueSettings;

/// A host or a switch: hosts come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A cable, which is a link in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable {
    /// One end.
    pub a: NodeId,
    /// The other.
    pub b: NodeId,
    /// Speed of each direction.
    pub rate: Bandwidth,
    /// Propagation, one way.
    pub delay: Picos,
    /// At most so much more, drawn for each packet; order is kept.
    pub jitter: Picos,
    /// Queues of its own, if they differ from the scenario's.
    pub queue: Option<QueueSettings>,
}

/// A topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// How many hosts: nodes 0 to `hosts` - 1.
    pub hosts: u32,
    /// Names of the switches: the nodes after the hosts.
    pub switches: Vec<String>,
    /// The cables.
    pub cables: Vec<Cable>,
}

impl Graph {
    /// Whether a node is a host.
    #[must_use]
    pub const fn is_host(&self, node: NodeId) -> bool {
        node.0 < self.hosts
    }

    /// A node's name: `host7`, or the switch's own.
    #[must_use]
    pub fn name(&self, node: NodeId) -> String {
        match self.switches.get(node.0.wrapping_sub(self.hosts) as usize) {
            Some(name) => name.clone(),
            None => format!("host{}", node.0),
        }
    }

    /// The node of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeId> {
        if let Some(host) = name.strip_prefix("host").and_then(|digits| digits.parse().ok()) {
            return (host < self.hosts).then_some(NodeId(host));
        }
        let index = self.switches.iter().position(|switch| switch == name)?;
        Some(NodeId(self.hosts + index as u32))
    }

    /// The cables between two nodes, by index.
    pub fn between(&self, a: NodeId, b: NodeId) -> impl Iterator<Item = usize> {
        let same =
            move |cable: &Cable| (cable.a, cable.b) == (a, b) || (cable.b, cable.a) == (a, b);
        self.cables.iter().enumerate().filter(move |(_, cable)| same(cable)).map(|(index, _)| index)
    }

    /// The cables between switches, by index: those whose death leaves other ways.
    pub fn core_cables(&self) -> impl Iterator<Item = usize> {
        let core = |cable: &Cable| !self.is_host(cable.a) && !self.is_host(cable.b);
        self.cables.iter().enumerate().filter(move |(_, c)| core(c)).map(|(index, _)| index)
    }

    /// The shortest way between two hosts: sum of propagation, and the links' speeds in order.
    #[must_use]
    pub fn path(&self, from: u32, to: u32) -> Option<(Picos, Vec<Bandwidth>)> {
        let nodes = self.hosts as usize + self.switches.len();
        let mut reached: Vec<Option<(NodeId, usize)>> = vec![None; nodes];
        let mut queue = std::collections::VecDeque::from([NodeId(from)]);
        let mut around = vec![Vec::new(); nodes];
        for (index, cable) in self.cables.iter().enumerate() {
            around[cable.a.0 as usize].push((cable.b, index));
            around[cable.b.0 as usize].push((cable.a, index));
        }
        while let Some(node) = queue.pop_front() {
            for (next, cable) in &around[node.0 as usize] {
                if reached[next.0 as usize].is_none() && next.0 != from {
                    reached[next.0 as usize] = Some((node, *cable));
                    queue.push_back(*next);
                }
            }
        }
        let (mut node, mut delay, mut rates) = (NodeId(to), Picos::ZERO, Vec::new());
        while node.0 != from {
            let (before, cable) = reached[node.0 as usize]?;
            delay += self.cables[cable].delay;
            rates.push(self.cables[cable].rate);
            node = before;
        }
        rates.reverse();
        Some((delay, rates))
    }
}

#[cfg(test)]
mod tests;
