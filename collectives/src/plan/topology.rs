//! Which ranks share a host.

use std::sync::Arc;

use sealane_transport::Rank;

/// The hosts of a world, and the ranks of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology(Arc<Hosts>);

#[derive(Debug, PartialEq, Eq)]
struct Hosts {
    /// By rank: which of the hosts.
    host_of: Vec<usize>,
    /// In the order of their lowest ranks; ranks in order.
    ranks: Vec<Vec<Rank>>,
}

impl Topology {
    /// From a name of its host for every rank; ranks with the same name share one.
    pub fn new<H: PartialEq>(hosts: impl IntoIterator<Item = H>) -> Self {
        let (mut names, mut host_of): (Vec<H>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut ranks: Vec<Vec<Rank>> = Vec::new();
        for (rank, name) in (0..).map(Rank).zip(hosts) {
            let host = names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                ranks.push(Vec::new());
                ranks.len() - 1
            });
            host_of.push(host);
            ranks[host].push(rank);
        }
        Self(Arc::new(Hosts { host_of, ranks }))
    }

    /// How many ranks there are.
    #[must_use]
    pub fn world(&self) -> usize {
        self.0.host_of.len()
    }

    /// The ranks of each host.
    pub fn hosts(&self) -> impl Iterator<Item = &[Rank]> {
        self.0.ranks.iter().map(Vec::as_slice)
    }

    /// The ranks of the host of a rank, itself among them; none for a rank that is not of the world.
    #[must_use]
    pub fn beside(&self, rank: Rank) -> &[Rank] {
        let host = self.0.host_of.get(rank.0 as usize);
        host.map_or(&[], |host| &self.0.ranks[*host])
    }

    /// Whether there is anything to gain by it: several hosts, and one with several ranks.
    #[must_use]
    pub fn is_hierarchy(&self) -> bool {
        let hosts = self.0.ranks.len();
        hosts > 1 && hosts < self.world()
    }

    /// Whether ranks are numbered host by host: then a ring through all ranks crosses each link between
    /// hosts once.
    #[must_use]
    pub fn is_host_by_host(&self) -> bool {
        let crossings = self.0.host_of.windows(2).filter(|pair| pair[0] != pair[1]).count();
        crossings < self.0.ranks.len()
    }
}
