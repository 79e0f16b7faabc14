//! `[fabric]`, `[queue]` and `[[cable]]`.

use std::path::Path;

use sealane_sim::engine::Picos;
use sealane_sim::fabric::QueueSettings;
use sealane_sim::scenario::{CableOverride, Scenario, Topology};
use sealane_sim::topology::{self, Links};

use super::section::Section;
use super::source::{Wrong, read_bounded};

/// Kinds of topologies.
const KINDS: [&str; 5] = ["fat-tree", "leaf-spine", "dumbbell", "wire", "file"];

/// Bytes of a topology file at most: a million cables.
const FILE_MAX: u64 = 64 << 20;

/// The topology, what its cables are like, and bytes on the wire besides a packet's payload.
pub(super) fn read(
    fabric: &Section<'_>,
    folder: &Path,
    standard: &Scenario,
) -> Result<(Topology, Links, u64), Wrong> {
    let kind = fabric.name("kind", &KINDS)?;
    let usual = standard.links;
    let links = Links {
        rate: fabric.rate("rate")?.unwrap_or(usual.rate),
        delay: fabric.time("delay")?.unwrap_or(usual.delay),
        jitter: fabric.time("jitter")?.unwrap_or(usual.jitter),
    };
    let overhead = fabric.size("overhead")?.unwrap_or(standard.wire_overhead);
    if overhead > 1 << 16 {
        return Err(fabric.wrong("overhead", "a packet has at most 65536 bytes of headers"));
    }
    let number = |key| fabric.whole(key, 1..=65_536_u32);
    let topology = match kind {
        "wire" => Topology::Wire,
        "dumbbell" => Topology::Dumbbell {
            pairs: number("pairs")?.unwrap_or(8),
            bottleneck: fabric.rate("bottleneck")?.unwrap_or(links.rate),
        },
        "leaf-spine" => Topology::LeafSpine {
            leaves: number("leaves")?.unwrap_or(4),
            spines: number("spines")?.unwrap_or(4),
            hosts_per_leaf: number("hosts_per_leaf")?.unwrap_or(4),
        },
        "file" => Topology::Graph(graph(fabric, folder)?),
        _ => Topology::FatTree {
            tiers: fabric.whole("tiers", 2..=3_u32)?.unwrap_or(3),
            radix: number("radix")?.unwrap_or(4),
            oversubscription: number("oversubscription")?.unwrap_or(1),
        },
    };
    Ok((topology, links, overhead))
}

fn graph(fabric: &Section<'_>, folder: &Path) -> Result<topology::Graph, Wrong> {
    let takes = "the path of a topology, from the scenario's folder";
    let name = fabric.need("file", fabric.text("file")?, takes)?;
    let text = text_file(fabric, "file", &folder.join(&name), FILE_MAX)?;
    topology::parse(&text).map_err(|error| fabric.wrong("file", &format!("{name}: {error}")))
}

/// The text of a file that a key names.
pub(super) fn text_file(
    section: &Section<'_>,
    key: &'static str,
    path: &Path,
    longest: u64,
) -> Result<String, Wrong> {
    read_bounded(path, longest)
        .map_err(|error| section.wrong(key, &format!("cannot read {}: {error}", path.display())))
}

/// Limits and marks of a queue.
pub(super) fn queue(section: &Section<'_>, usual: QueueSettings) -> Result<QueueSettings, Wrong> {
    let queue = QueueSettings {
        limit: section.size("limit")?.unwrap_or(usual.limit),
        mark_min: section.size("mark_min")?.unwrap_or(usual.mark_min),
        mark_max: section.size("mark_max")?.unwrap_or(usual.mark_max),
        trim: section.flag("trim")?.unwrap_or(usual.trim),
    };
    if queue.limit == 0 {
        return Err(section.wrong("limit", "a queue holds at least one packet: more than 0"));
    }
    if queue.mark_min > queue.mark_max {
        let problem = format!("{} B lie above mark_max, {} B", queue.mark_min, queue.mark_max);
        return Err(section.wrong("mark_min", &problem));
    }
    Ok(queue)
}

/// A cable that is not like the others.
pub(super) fn cable(section: &Section<'_>, usual: QueueSettings) -> Result<CableOverride, Wrong> {
    let takes = "the names of its ends: [\"host0\", \"edge0.0\"]";
    let [a, b] = section.need("between", section.pair("between")?, takes)?;
    let differs = ["limit", "mark_min", "mark_max", "trim"].iter().any(|key| section.has(key));
    let queue = queue(section, usual)?;
    Ok(CableOverride {
        a,
        b,
        rate: section.rate("rate")?,
        delay: section.time("delay")?,
        jitter: section.time("jitter")?.filter(|jitter| *jitter > Picos::ZERO),
        queue: differs.then_some(queue),
    })
}
