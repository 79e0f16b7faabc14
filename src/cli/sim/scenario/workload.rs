//! `[workload]`: what the hosts do.

use std::path::Path;

use sealane_sim::engine::Picos;
use sealane_sim::scenario::Workload;
use sealane_sim::workload::{FlowSpec, Repeat, SizeDistribution};

use super::fabric::text_file;
use super::section::Section;
use super::source::Wrong;

/// Kinds of workloads.
const KINDS: [&str; 8] = [
    "permutation",
    "incast",
    "all-to-all",
    "opposite",
    "flows",
    "arrivals",
    "all-reduce",
    "collective-all-to-all",
];

/// How flows come again: not, when all are done, or each at once.
const REPEATS: [&str; 3] = ["once", "rounds", "each"];

/// Bytes of a flow that does not say how many.
const SIZE: u64 = 2_000_000;

/// Bytes of a file of sizes at most.
const FILE_MAX: u64 = 1 << 20;

/// The workload, and how often.
pub(super) fn read(section: &Section<'_>, folder: &Path) -> Result<(Workload, Repeat), Wrong> {
    let kind = section.name("kind", &KINDS)?;
    let size = || Ok(section.size("size")?.unwrap_or(SIZE));
    let ranks = || Ok(section.whole("ranks", 2..=65_536_u32)?.unwrap_or(8));
    let workload = match kind {
        "incast" => Workload::Incast {
            senders: section.whole("senders", 1..=65_536_u32)?.unwrap_or(15),
            target: section.whole("target", 0..=65_535_u32)?.unwrap_or(0),
            bytes: size()?,
        },
        "all-to-all" => Workload::AllToAll { bytes: size()? },
        "opposite" => Workload::Opposite { bytes: size()? },
        "flows" => Workload::Flows(flows(section)?),
        "arrivals" => Workload::Arrivals {
            sizes: sizes(section, folder)?,
            load: section.share("load")?.unwrap_or(0.5),
            flows: section.whole("flows", 1..=4_000_000_u32)?.unwrap_or(1000),
        },
        "all-reduce" => Workload::AllReduce {
            bytes: size()?,
            ranks: ranks()?,
            algorithm: section.text("algorithm")?,
        },
        "collective-all-to-all" => Workload::CollectiveAllToAll {
            bytes: size()?,
            ranks: ranks()?,
            algorithm: section.text("algorithm")?,
        },
        _ => Workload::Permutation { bytes: size()? },
    };
    let repeat = section.name("repeat", &REPEATS)?;
    let times = section.whole("times", 1..=1_000_000_u32)?;
    let repeat = match (repeat, times) {
        ("rounds", times) => Repeat::Rounds(times.unwrap_or(1)),
        ("each", times) => Repeat::Each(times.unwrap_or(1)),
        (_, Some(_)) => {
            return Err(section.wrong("times", "needs repeat = \"rounds\" or \"each\""));
        }
        _ => Repeat::Once,
    };
    Ok((workload, repeat))
}

fn flows(section: &Section<'_>) -> Result<Vec<FlowSpec>, Wrong> {
    let mut flows = Vec::new();
    for flow in section.sections("flow")? {
        let host =
            |key| flow.need(key, flow.whole(key, 0..=u32::MAX)?, "the number of a host, from 0");
        flows.push(FlowSpec {
            from: host("from")?,
            to: host("to")?,
            bytes: flow.size("size")?.unwrap_or(SIZE),
            start: flow.time("start")?.unwrap_or(Picos::ZERO),
        });
        flow.finish()?;
    }
    if flows.is_empty() {
        let takes = "sections: [[workload.flow]] with from, to, size and start";
        return section.need("flow", None, takes);
    }
    Ok(flows)
}

fn sizes(section: &Section<'_>, folder: &Path) -> Result<SizeDistribution, Wrong> {
    let takes = "the path of a distribution of sizes, from the scenario's folder";
    let name = section.need("sizes", section.text("sizes")?, takes)?;
    let text = text_file(section, "sizes", &folder.join(&name), FILE_MAX)?;
    SizeDistribution::parse(&text)
        .map_err(|error| section.wrong("sizes", &format!("{name}: {error}")))
}
