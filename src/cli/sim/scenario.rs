//! Scenario files: TOML in which every error has its line, its key, and what is allowed there.
//!
//! A file is read section by section, key by key. Each read says what the key takes; keys that nobody
//! asked for are errors, and so the list of allowed keys is the list of those that are read. A key may
//! hold several values (a list, or a range `"8..256"`): then it is an axis of a sweep, and a read takes
//! the value of the point that is being run.

mod axis;
mod fabric;
mod fault;
mod host;
mod section;
mod source;
mod stage;
mod transport;
mod workload;

#[cfg(test)]
mod tests;

use std::path::Path;

use sealane_sim::engine::Picos;
use sealane_sim::scenario::{Part, Scenario, ScenarioError, Sessions};

pub use axis::Axis;
pub use source::{Source, Wrong};

use axis::Chooser;
use section::Section;

/// What a file says, at one point of its axes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is about.
    pub title: String,
    /// The scenario.
    pub scenario: Scenario,
    /// The seed that the file asks for.
    pub seed: Option<u64>,
    /// Keys with several values, in the order in which they are read.
    pub axes: Vec<Axis>,
}

impl Source {
    /// What the file says where the axis that is read as number `n` has its value number `point[n]`, and
    /// the first one where the point says nothing.
    ///
    /// # Errors
    ///
    /// [`Wrong`], with line, key, and what is allowed.
    pub fn plan(&self, point: &[usize]) -> Result<Plan, Wrong> {
        let root = self.parse()?;
        let chooser = Chooser::new(point);
        let file = Section::root(self, &chooser, root.get_ref());
        let (scenario, title, seed) = read(&file, self)?;
        file.finish()?;
        scenario.check().map_err(|error| located(self, &file, &error))?;
        Ok(Plan { title, scenario, seed, axes: chooser.axes() })
    }
}

fn read(file: &Section<'_>, source: &Source) -> Result<(Scenario, String, Option<u64>), Wrong> {
    let standard = Scenario::default();
    let title = file.text("title")?.unwrap_or_else(|| source.stem());
    let seed = file.whole("seed", 0..=u64::MAX)?;
    let limit = file.time("limit")?.unwrap_or(standard.limit);
    if limit == Picos::ZERO {
        return Err(file.wrong("limit", "a run takes some virtual time: more than 0"));
    }
    let sessions = match file.flag("handshakes")? {
        Some(true) => Sessions::Handshake,
        _ => Sessions::Given,
    };
    let fabric = file.section("fabric")?;
    let (topology, links, wire_overhead) = fabric::read(&fabric, source.folder(), &standard)?;
    fabric.finish()?;
    let queue = file.section("queue")?;
    let queues = fabric::queue(&queue, standard.queues)?;
    queue.finish()?;
    let mut cables = Vec::new();
    for cable in file.sections("cable")? {
        cables.push(fabric::cable(&cable, queues)?);
        cable.finish()?;
    }
    let host = file.section("host")?;
    let nic = host::read(&host, standard.nic)?;
    host.finish()?;
    let section = file.section("transport")?;
    let transport = transport::read(&section, standard.transport)?;
    section.finish()?;
    let section = file.section("workload")?;
    let (workload, repeat) = workload::read(&section, source.folder())?;
    section.finish()?;
    let mut faults = Vec::new();
    for fault in file.sections("fault")? {
        faults.push(fault::read(&fault)?);
        fault.finish()?;
    }
    let scenario = Scenario {
        topology,
        links,
        cables,
        queues,
        wire_overhead,
        nic,
        transport,
        workload,
        repeat,
        faults,
        sessions,
        limit,
    };
    Ok((scenario, title, seed))
}

/// What the simulator says of a scenario, at the line of the section that it means.
fn located(source: &Source, file: &Section<'_>, error: &ScenarioError) -> Wrong {
    let (name, index) = match error.part {
        Part::Topology => ("fabric", 0),
        Part::Nic => ("host", 0),
        Part::Transport => ("transport", 0),
        Part::Workload => ("workload", 0),
        Part::Cable(index) => ("cable", index),
        Part::Fault(index) => ("fault", index),
    };
    source.wrong(file.place(name, index), name, &error.problem)
}

/// Reads a scenario file.
///
/// # Errors
///
/// Says which file cannot be read.
pub fn load(path: &Path) -> Result<Source, Wrong> {
    Source::load(path)
}
