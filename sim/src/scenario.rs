//! Scenarios: everything that a run depends on besides its seed, and the one call that runs it.
//!
//! A scenario is a plain structure, so that a program can build it as well as a file. What it names
//! (switches, cables) is looked up when it is run, and what it leaves to chance (permutations, which
//! cables die) is drawn from the run's seed.

mod error;
mod fault;
pub mod ideal;
mod outcome;
mod topology;
mod transport;
mod workload;

pub use error::{Part, ScenarioError};
pub use fault::{FaultKind, FaultSpec, Target};
pub use outcome::{HostTotals, LinkReport, Outcome};
pub use topology::{CableOverride, Topology};
pub use transport::{Policy, Transport};
pub use workload::Workload;

use crate::engine::{Bandwidth, Picos};
use crate::fabric::QueueSettings;
use crate::host::{HostSettings, NicSettings};
use crate::topology::{Graph, Links};
use crate::workload::{Collectives, Flows, Repeat};
use crate::world::{Application, Observer, Scheduled, World, WorldSettings};

use workload::Made;

/// How sessions are formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sessions {
    /// From a given secret, before the run.
    #[default]
    Given,
    /// By handshakes, across the fabric. They cost about a millisecond of real time each.
    Handshake,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Hosts, switches and cables.
    pub topology: Topology,
    /// What all cables are like that say nothing else.
    pub links: Links,
    /// Cables that are otherwise.
    pub cables: Vec<CableOverride>,
    /// Queues of switches.
    pub queues: QueueSettings,
    /// Bytes of every packet on the wire besides its UDP payload.
    pub wire_overhead: u64,
    /// Interfaces of hosts, and whether payloads are real.
    pub nic: NicSettings,
    /// The protocol's configuration.
    pub transport: Transport,
    /// What hosts do.
    pub workload: Workload,
    /// How often.
    pub repeat: Repeat,
    /// What goes wrong.
    pub faults: Vec<FaultSpec>,
    /// How sessions are formed.
    pub sessions: Sessions,
    /// Virtual time after which a run ends whatever is left to do.
    pub limit: Picos,
}

/// Ethernet, IPv4 and UDP headers, preamble, frame check sequence and gap.
pub const WIRE_OVERHEAD: u64 = 66;

impl Default for Scenario {
    /// Sixteen hosts of a fat tree with 100 Gb/s cables of 1 µs, each sending 2 MB to another.
    fn default() -> Self {
        Self {
            topology: Topology::FatTree { tiers: 3, radix: 4, oversubscription: 1 },
            links: Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1)),
            cables: Vec::new(),
            queues: QueueSettings::default(),
            wire_overhead: WIRE_OVERHEAD,
            nic: NicSettings::default(),
            transport: Transport::default(),
            workload: Workload::Permutation { bytes: 2_000_000 },
            repeat: Repeat::Once,
            faults: Vec::new(),
            sessions: Sessions::Given,
            limit: Picos::from_micros(10_000_000),
        }
    }
}

impl Scenario {
    /// The topology that it names.
    ///
    /// # Errors
    ///
    /// Numbers that make no topology, and names that are not there.
    pub fn graph(&self) -> Result<Graph, ScenarioError> {
        self.topology.graph(self.links, &self.cables)
    }

    fn world_settings(&self, graph: &Graph, seed: u64) -> Result<WorldSettings, ScenarioError> {
        let mut faults: Vec<Scheduled> = Vec::new();
        for (index, fault) in self.faults.iter().enumerate() {
            let wrong = |problem| ScenarioError::new(Part::Fault(index), problem);
            faults.extend(fault.resolve(graph, seed, index, self.limit).map_err(wrong)?);
        }
        Ok(WorldSettings {
            seed,
            host: HostSettings {
                config: self.transport.config(),
                nic: self.transport.nic(&self.nic),
                seed,
                world: graph.hosts,
            },
            queues: self.queues,
            wire_overhead: self.wire_overhead,
            faults,
        })
    }

    /// Checks everything but what only the seed decides.
    ///
    /// # Errors
    ///
    /// Says which part is wrong, and how.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let graph = self.graph()?;
        self.nic_check()?;
        self.transport.check().map_err(|problem| ScenarioError::new(Part::Transport, problem))?;
        self.world_settings(&graph, 0)?;
        self.workload.make(self, &graph, 0)?;
        Ok(())
    }

    fn nic_check(&self) -> Result<(), ScenarioError> {
        let wrong = |problem: &str| Err(ScenarioError::new(Part::Nic, problem.to_owned()));
        let nic = &self.nic;
        if nic.ports == 0 || usize::from(nic.ports) > sealane_transport::limits::PORTS_MAX {
            return wrong("a host has 1 to 64 ports");
        }
        if nic.mtu < 1200 || nic.mtu_base < 1200 || nic.mtu_base > nic.mtu {
            return wrong("mtu_base is at least 1200 bytes, and mtu no less");
        }
        Ok(())
    }
}

/// Runs a scenario.
///
/// A run that ends before its work is done is no error: the [`Outcome`] says how it ended and what
/// was finished.
///
/// # Errors
///
/// A scenario that makes no sense; see [`Scenario::check`].
pub fn run(
    scenario: &Scenario,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Outcome, ScenarioError> {
    scenario.nic_check()?;
    let wrong = |problem| ScenarioError::new(Part::Transport, problem);
    scenario.transport.check().map_err(wrong)?;
    let graph = scenario.graph()?;
    let settings = scenario.world_settings(&graph, seed)?;
    let ideal = ideal::completion(scenario, &graph, seed)?;
    match scenario.workload.make(scenario, &graph, seed)? {
        Made::Flows(flows) => {
            let mut flows = Flows::new(flows, scenario.repeat, !scenario.nic.phantom);
            if scenario.sessions == Sessions::Handshake {
                flows = flows.with_handshakes();
            }
            let mut outcome =
                drive(scenario, graph, &settings, &mut flows, observer)?.with_ideal(ideal);
            outcome.flows = flows.results().to_vec();
            outcome.errors = flows.errors().to_vec();
            Ok(outcome)
        }
        Made::Collective(spec) => {
            let mut collectives = Collectives::new(spec, !scenario.nic.phantom);
            if scenario.sessions == Sessions::Handshake {
                collectives = collectives.with_handshakes();
            }
            let mut outcome =
                drive(scenario, graph, &settings, &mut collectives, observer)?.with_ideal(ideal);
            outcome.collectives = collectives.durations().to_vec();
            outcome.errors = collectives.errors().to_vec();
            outcome.violations.extend(collectives.violations().iter().cloned());
            Ok(outcome)
        }
    }
}

fn drive(
    scenario: &Scenario,
    graph: Graph,
    settings: &WorldSettings,
    application: &mut dyn Application,
    observer: &mut dyn Observer,
) -> Result<Outcome, ScenarioError> {
    let wrong =
        |error: sealane_transport::Error| ScenarioError::new(Part::Transport, error.to_string());
    let mut world = World::new(graph, settings, application).map_err(wrong)?;
    world.observe(observer);
    let ended = world.run(application, scenario.limit);
    world.show();
    application.finish(&world);
    Ok(Outcome::of(&world, settings.seed, ended, application.progress()))
}

#[cfg(test)]
mod tests;
