//! What goes wrong in a scenario: what, where, when, for how long, how often.

use crate::engine::{Bandwidth, Picos};
use crate::fabric::{LinkId, Stage};
use crate::rng::{Rng, mix};
use crate::topology::{Graph, NodeId};
use crate::world::{Fault, Scheduled};

/// Steps of one schedule at most.
const STEPS_MAX: u64 = 1_000_000;

/// Where something goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The cables between two nodes, both directions.
    Cable {
        /// One end's name.
        a: String,
        /// The other's.
        b: String,
    },
    /// One direction of the cables between two nodes.
    OneWay {
        /// The sending end's name.
        from: String,
        /// The receiving end's.
        to: String,
    },
    /// So many cables between switches, drawn by the seed.
    AnyCables(u32),
    /// All cables.
    AllCables,
    /// All cables between switches.
    CoreCables,
    /// All cables of hosts.
    HostCables,
    /// All cables of a switch.
    Switch(String),
    /// A host.
    Host(u32),
    /// What one host sends to another.
    Pair {
        /// The sender.
        from: u32,
        /// The receiver.
        to: u32,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Cables carry nothing.
    Blackhole,
    /// Cables carry nothing for a while, and something for a while, in turn.
    Flapping {
        /// How long nothing.
        down: Picos,
        /// How long something.
        up: Picos,
    },
    /// Cables run at another speed.
    Rate(Bandwidth),
    /// Cables treat packets badly.
    Impair(Vec<Stage>),
    /// A host's process is stopped; what arrives waits.
    Pause,
    /// A host is gone for good.
    Crash,
    /// Nothing passes from one host to another; the other way is open.
    Partition,
}

/// A line of the failure schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// Where.
    pub target: Target,
    /// What.
    pub kind: FaultKind,
    /// When it begins.
    pub start: Picos,
    /// How long it lasts; for ever if there is none.
    pub duration: Option<Picos>,
    /// When it comes again, from one beginning to the next.
    pub every: Option<Picos>,
    /// How often it comes in all; 0 counts as 1.
    pub times: u32,
}

impl FaultSpec {
    /// Something that goes wrong from `start` on, once and for ever.
    #[must_use]
    pub const fn lasting(target: Target, kind: FaultKind, start: Picos) -> Self {
        Self { target, kind, start, duration: None, every: None, times: 1 }
    }

    /// Something that goes wrong once, for a while.
    #[must_use]
    pub const fn passing(target: Target, kind: FaultKind, start: Picos, duration: Picos) -> Self {
        Self { target, kind, start, duration: Some(duration), every: None, times: 1 }
    }

    pub(super) fn resolve(
        &self,
        graph: &Graph,
        seed: u64,
        index: usize,
        limit: Picos,
    ) -> Result<Vec<Scheduled>, String> {
        let mut schedule = Vec::new();
        for fault in self.faults(graph, seed, index)? {
            self.expand(&fault, limit, &mut schedule)?;
        }
        Ok(schedule)
    }

    fn expand(
        &self,
        fault: &Fault,
        limit: Picos,
        schedule: &mut Vec<Scheduled>,
    ) -> Result<(), String> {
        let times = u64::from(self.times.max(1));
        if times > 1 && self.every.is_none() {
            return Err("what comes several times needs `every`".to_owned());
        }
        if let (Some(every), Some(duration)) = (self.every, self.duration)
            && times > 1
            && every < duration
        {
            return Err(format!("it lasts {duration}, and comes again after {every} already"));
        }
        for turn in 0..times {
            let start = self.start + Picos(self.every.unwrap_or_default().0.saturating_mul(turn));
            let end = self.duration.map(|duration| start + duration);
            if start > limit {
                break;
            }
            match self.kind {
                FaultKind::Flapping { down, up } => {
                    flap(fault, (start, end.unwrap_or(limit)), (down, up), schedule)?;
                }
                _ => {
                    schedule.push(Scheduled { at: start, fault: fault.clone(), begins: true });
                    schedule.extend(end.map(|at| Scheduled {
                        at,
                        fault: fault.clone(),
                        begins: false,
                    }));
                }
            }
        }
        Ok(())
    }

    /// The faults that begin and end together.
    fn faults(&self, graph: &Graph, seed: u64, index: usize) -> Result<Vec<Fault>, String> {
        match (&self.kind, &self.target) {
            (FaultKind::Pause, Target::Host(host)) => Ok(vec![Fault::Pause(check(*host, graph)?)]),
            (FaultKind::Crash, Target::Host(host)) => Ok(vec![Fault::Crash(check(*host, graph)?)]),
            (FaultKind::Partition, Target::Pair { from, to }) => {
                Ok(vec![Fault::Partition(check(*from, graph)?, check(*to, graph)?)])
            }
            (FaultKind::Pause | FaultKind::Crash, _) => {
                Err("only a host can be paused, or crash".to_owned())
            }
            (FaultKind::Partition, _) => Err("a partition is between a pair of hosts".to_owned()),
            (kind, target) => {
                let links = links(target, graph, seed, index)?;
                Ok(links.into_iter().map(|link| on_link(kind, link)).collect())
            }
        }
    }
}

fn on_link(kind: &FaultKind, link: LinkId) -> Fault {
    match kind {
        FaultKind::Rate(rate) => Fault::Rate(link, *rate),
        FaultKind::Impair(stages) => Fault::Impair(link, stages.clone()),
        _ => Fault::Link(link),
    }
}

fn flap(
    fault: &Fault,
    (mut at, end): (Picos, Picos),
    (down, up): (Picos, Picos),
    schedule: &mut Vec<Scheduled>,
) -> Result<(), String> {
    let period = down + up;
    if down == Picos::ZERO || up == Picos::ZERO || end.since(at).0 / period.0 > STEPS_MAX {
        return Err(format!("{down} down and {up} up flap too often"));
    }
    while at < end {
        schedule.push(Scheduled { at, fault: fault.clone(), begins: true });
        schedule.push(Scheduled { at: (at + down).min(end), fault: fault.clone(), begins: false });
        at += period;
    }
    Ok(())
}

fn check(host: u32, graph: &Graph) -> Result<u32, String> {
    let last = graph.hosts.saturating_sub(1);
    if host <= last { Ok(host) } else { Err(format!("host {host} is none of 0 to {last}")) }
}

fn node(name: &str, graph: &Graph) -> Result<NodeId, String> {
    graph.find(name).ok_or_else(|| format!("no node is named `{name}`"))
}

/// The links of a target.
fn links(target: &Target, graph: &Graph, seed: u64, index: usize) -> Result<Vec<LinkId>, String> {
    let is_core = |cable: usize| {
        let cable = &graph.cables[cable];
        !graph.is_host(cable.a) && !graph.is_host(cable.b)
    };
    let all = 0..graph.cables.len();
    let cables: Vec<usize> = match target {
        Target::Cable { a, b } => {
            let (from, to) = (node(a, graph)?, node(b, graph)?);
            graph.between(from, to).collect()
        }
        Target::OneWay { from, to } => {
            let (start, end) = (node(from, graph)?, node(to, graph)?);
            let way = |cable: usize| {
                let back = u32::from(graph.cables[cable].a != start);
                LinkId(2 * cable as u32 + back)
            };
            let found: Vec<LinkId> = graph.between(start, end).map(way).collect();
            return some(found, || format!("no cable joins `{from}` and `{to}`"));
        }
        Target::AnyCables(count) => drawn(*count, graph, seed, index)?,
        Target::AllCables => all.collect(),
        Target::CoreCables => all.filter(|cable| is_core(*cable)).collect(),
        Target::HostCables => all.filter(|cable| !is_core(*cable)).collect(),
        Target::Switch(name) => {
            let switch = node(name, graph)?;
            all.filter(|c| graph.cables[*c].a == switch || graph.cables[*c].b == switch).collect()
        }
        Target::Host(host) => {
            let host = NodeId(check(*host, graph)?);
            all.filter(|c| graph.cables[*c].a == host || graph.cables[*c].b == host).collect()
        }
        Target::Pair { .. } => return Err("a pair of hosts is no cable".to_owned()),
    };
    let both = |cable: usize| [LinkId(2 * cable as u32), LinkId(2 * cable as u32 + 1)];
    some(cables.into_iter().flat_map(both).collect(), || format!("{target:?} names no cable"))
}

fn some(links: Vec<LinkId>, problem: impl FnOnce() -> String) -> Result<Vec<LinkId>, String> {
    if links.is_empty() { Err(problem()) } else { Ok(links) }
}

/// `count` different cables between switches.
fn drawn(count: u32, graph: &Graph, seed: u64, index: usize) -> Result<Vec<usize>, String> {
    let mut core: Vec<usize> = graph.core_cables().collect();
    if count as usize > core.len() {
        return Err(format!("{count} cables of the {} between switches", core.len()));
    }
    let mut rng = Rng::new(seed, mix(DRAW_STREAM ^ index as u64));
    for place in 0..count as usize {
        let other = place + rng.index(core.len() - place);
        core.swap(place, other);
    }
    core.truncate(count as usize);
    Ok(core)
}

/// Kind word of the generators that choose cables.
const DRAW_STREAM: u64 = 0x0064_7261_7700_0000;
