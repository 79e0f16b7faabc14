//! `sealane perf write|read|write_imm|fetch_add`: what perftest measures, over sealed datagrams, with
//! every value checked. Ranks form pairs, 0 with 1, 2 with 3; the first of each uses memory of the
//! second, and with `--bidirectional` the other way round too.

mod latency;
mod measure;
mod table;

use std::fs::File;
use std::path::Path;

use sealane::runtime::clock::Clock;
use sealane::{Communicator, Error, Rank, ReduceOp};
use serde::Serialize;

use super::carried::Carried;
use super::options::{Collective, Perf, Plan};
use super::session::{Link, Run};
use super::{json, table as collectives};
use crate::cli::Failure;

use measure::Bench;
use table::Row;

/// Everything that a run has to say. Units are in the names.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: &'static str,
    operation: Collective,
    ranks: u32,
    hosts: usize,
    bidirectional: bool,
    inflight: usize,
    link: &'a Link,
    rows: &'a [Row],
    wrong: u64,
    rank_0: &'a Carried,
}

/// What this rank does in its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// The other one; none for a last rank without a partner.
    partner: Option<Rank>,
    initiates: bool,
    serves: bool,
}

impl Part {
    fn of(rank: Rank, world: u32, bidirectional: bool) -> Self {
        let partner = Some(Rank(rank.0 ^ 1)).filter(|partner| partner.0 < world);
        let first = rank.0.is_multiple_of(2);
        let with = |side: bool| partner.is_some() && (side || bidirectional);
        Self { partner, initiates: with(first), serves: with(!first) }
    }
}

/// Runs `plan`; returns the exit status.
pub(super) fn run(
    perf: &Perf,
    plan: &Plan,
    communicator: &Communicator,
    file: Option<(&Path, File)>,
) -> Result<u8, Failure> {
    if communicator.size() < 2 {
        return Err(Failure::Usage(format!(
            "{} needs two ranks: give -n 2",
            plan.collective.name()
        )));
    }
    let rank = communicator.rank();
    let named = |error: Error| Failure::Runtime(format!("{rank}: {error}"));
    let clock = Clock::start();
    let run = Run { perf, plan, communicator, clock };
    let (link, rows) = all(&run).map_err(named)?;
    let wrong = rows.iter().filter_map(|row| row.wrong).sum::<u64>();
    run.print(&collectives::verdict(wrong));
    let carried = Carried::new(&communicator.stats(), communicator.injected_faults());
    run.print(&carried.lines());
    if let Some((path, file)) = file {
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            operation: plan.collective,
            ranks: communicator.size(),
            hosts: communicator.hosts(),
            bidirectional: perf.bidirectional,
            inflight: perf.inflight(),
            link: &link,
            rows: &rows,
            wrong,
            rank_0: &carried,
        };
        json::write(path, file, &report)?;
    }
    Ok(u8::from(wrong > 0))
}

fn all(run: &Run<'_>) -> Result<(Link, Vec<Row>), Error> {
    let (perf, communicator) = (run.perf, run.communicator);
    let part = Part::of(communicator.rank(), communicator.size(), perf.bidirectional);
    let mut sizes = run.plan.sizes.clone();
    if run.plan.collective == Collective::FetchAdd {
        sizes = vec![8];
    }
    communicator.barrier()?;
    let mut link = None;
    let mut rows = Vec::new();
    for size in sizes {
        let bench = Bench::new(run, part, size);
        let link = match &link {
            Some(link) => link,
            None => {
                // After the warm-up sessions stand and the path MTU is found.
                bench.warm_up()?;
                let found = run.link();
                run.print(&header(run, &found));
                link.insert(found)
            }
        };
        debug_assert!(!link.device.is_empty());
        let row = row(run, &bench, size)?;
        run.print(&row.line());
        rows.push(row);
    }
    Ok((link.unwrap_or_else(|| run.link()), rows))
}

/// Measures one size; the figures of all ranks together, the latencies of rank 0.
fn row(run: &Run<'_>, bench: &Bench<'_>, size: u64) -> Result<Row, Error> {
    let latency = bench.latency()?;
    let throughput = bench.throughput()?;
    let mut sums = [throughput.operations_per_second, throughput.bytes_per_second];
    run.communicator.all_reduce(&mut sums, ReduceOp::Sum)?;
    let mut counts =
        [throughput.wrong.unwrap_or(0) + latency.wrong.unwrap_or(0), throughput.retried];
    run.communicator.all_reduce(&mut counts, ReduceOp::Sum)?;
    Ok(Row {
        size,
        operations: throughput.operations,
        bandwidth_gbps: sums[1] / 1e9,
        rate_mops: sums[0] / 1e6,
        latency: latency.figures,
        not_ready: counts[1],
        wrong: (run.perf.check > 0).then_some(counts[0]),
    })
}

fn header(run: &Run<'_>, link: &Link) -> String {
    let way = if run.perf.bidirectional { "bidirectional" } else { "unidirectional" };
    format!(
        "{}# {way}, {} in flight; latencies are of one at a time, at rank 0\n{}",
        run.heading(link),
        run.perf.inflight(),
        table::heading()
    )
}

#[cfg(test)]
mod tests;
