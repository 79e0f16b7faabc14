//! Shortest paths, and a hash that chooses among equal ones (ECMP, RFC 2992).

use std::collections::{BTreeMap, VecDeque};

use crate::rng::mix;
use crate::topology::{Graph, NodeId};

use super::LinkId;

/// Links that are equally good: a piece of `choices`.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    start: u32,
    count: u32,
}

/// Where switches send what is for a host.
#[derive(Debug)]
pub struct Routes {
    hosts: u32,
    uplinks: Vec<LinkId>,
    /// By host: the switch that it hangs on, as an index into the leaves.
    leaf_of: Vec<u32>,
    /// By host: the link down to it, and where that begins.
    down: Vec<(NodeId, LinkId)>,
    leaves: u32,
    /// By switch and leaf: an index into the groups.
    table: Vec<u16>,
    /// Group 0 is empty: no way.
    groups: Vec<Group>,
    choices: Vec<LinkId>,
    salts: Vec<u64>,
}

/// The links out of every node: where to, and which.
type Neighbours = Vec<Vec<(NodeId, LinkId)>>;

impl Routes {
    /// The routes of `graph`, whose switches hash with salts from `seed`.
    #[must_use]
    pub fn new(graph: &Graph, seed: u64) -> Self {
        let nodes = graph.hosts as usize + graph.switches.len();
        let mut neighbours: Neighbours = vec![Vec::new(); nodes];
        for (index, cable) in (0..).zip(&graph.cables) {
            neighbours[cable.a.0 as usize].push((cable.b, LinkId(2 * index)));
            neighbours[cable.b.0 as usize].push((cable.a, LinkId(2 * index + 1)));
        }
        let hosts = graph.hosts;
        let mut leaves = BTreeMap::new();
        let (mut uplinks, mut leaf_of, mut down) = (Vec::new(), Vec::new(), Vec::new());
        for host in 0..hosts {
            let (leaf, up) = neighbours[host as usize].first().copied().unwrap_or_default();
            let next = leaves.len() as u32;
            leaf_of.push(*leaves.entry(leaf).or_insert(next));
            uplinks.push(up);
            down.push((leaf, LinkId(up.0 ^ 1)));
        }
        let salts = (0..graph.switches.len() as u64).map(|s| mix(seed ^ mix(s ^ SALT))).collect();
        let mut routes = Self {
            hosts,
            uplinks,
            leaf_of,
            down,
            leaves: leaves.len() as u32,
            table: vec![0; graph.switches.len() * leaves.len()],
            groups: vec![Group::default()],
            choices: Vec::new(),
            salts,
        };
        routes.fill(&leaves, &neighbours);
        routes
    }

    fn fill(&mut self, leaves: &BTreeMap<NodeId, u32>, neighbours: &Neighbours) {
        let mut known: BTreeMap<Vec<LinkId>, u16> = BTreeMap::new();
        for (leaf, index) in leaves {
            let distance = distances(*leaf, self.hosts, neighbours);
            for (node, around) in neighbours.iter().enumerate().skip(self.hosts as usize) {
                let own = distance[node];
                if own == 0 || own == u32::MAX {
                    continue;
                }
                let closer = around.iter().filter(|(to, _)| distance[to.0 as usize] == own - 1);
                let links: Vec<LinkId> = closer.map(|(_, link)| *link).collect();
                let (choices, groups) = (&mut self.choices, &mut self.groups);
                let group = *known.entry(links).or_insert_with_key(|links| {
                    let start = choices.len() as u32;
                    choices.extend_from_slice(links);
                    groups.push(Group { start, count: links.len() as u32 });
                    (groups.len() - 1) as u16
                });
                let switch = node - self.hosts as usize;
                self.table[switch * self.leaves as usize + *index as usize] = group;
            }
        }
    }

    /// The first link of a host.
    #[must_use]
    pub fn uplink(&self, host: u32) -> LinkId {
        self.uplinks[host as usize]
    }

    /// The link on which `switch` sends a packet of `flow` to `host`.
    #[must_use]
    pub fn next(&self, switch: NodeId, host: u32, flow: u32) -> Option<LinkId> {
        let (leaf, down) = *self.down.get(host as usize)?;
        if leaf == switch {
            return Some(down);
        }
        let switch = (switch.0 - self.hosts) as usize;
        let leaf = self.leaf_of[host as usize] as usize;
        let group = self.table[switch * self.leaves as usize + leaf];
        let group = self.groups[usize::from(group)];
        let hash = mix(u64::from(flow) ^ self.salts[switch]) >> 32;
        let choice = (hash * u64::from(group.count)) >> 32;
        self.choices
            .get(group.start as usize + choice as usize)
            .copied()
            .filter(|_| group.count > 0)
    }
}

/// Hops from every node to `leaf`, hosts not passed through; `u32::MAX` where there is no way.
fn distances(leaf: NodeId, hosts: u32, neighbours: &Neighbours) -> Vec<u32> {
    let mut distance = vec![u32::MAX; neighbours.len()];
    distance[leaf.0 as usize] = 0;
    let mut queue = VecDeque::from([leaf]);
    while let Some(node) = queue.pop_front() {
        for (next, _) in &neighbours[node.0 as usize] {
            if next.0 >= hosts && distance[next.0 as usize] == u32::MAX {
                distance[next.0 as usize] = distance[node.0 as usize] + 1;
                queue.push_back(*next);
            }
        }
    }
    distance
}

/// Kind word of the salts of switches.
const SALT: u64 = 0x0073_616C_7400_0000;
