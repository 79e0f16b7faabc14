//! One rank of a peer that is written in Rust: takes orders, measures, reports.

mod quinn_ring;
mod ring;
mod rustls_ring;
mod sealane_rank;

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use crate::Failure;
use crate::control::{Order, Orders, Report, Task};
use crate::options::{Kind, Rank};

pub use rustls_ring::NAME;

/// What a peer can do.
trait Peer {
    /// Adds up the values of all ranks.
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), Failure>;

    /// Rank 0's values to rank 1, while earlier ones are still under way. Only Sealane is asked.
    fn stream(&mut self, _values: &[f32]) -> Result<(), Failure> {
        Err("it does not stream".into())
    }

    /// Waits for all that is under way, and gives the values of the last.
    fn drain(&mut self) -> Result<&[f32], Failure> {
        Ok(&[])
    }
}

/// Runs until there are no more orders.
pub fn run(options: &Rank) -> Result<(), Failure> {
    match options.kind {
        Kind::Rustls => {
            let peer = rustls_ring::connect(options)?;
            serve(options, &version("rustls"), peer)
        }
        Kind::Quinn => {
            let peer = quinn_ring::connect(options)?;
            serve(options, &version("quinn"), peer)
        }
        _ => {
            let peer = sealane_rank::connect(options)?;
            serve(options, &version("sealane"), peer)
        }
    }
}

/// What the lock file says of a package.
pub fn version(package: &str) -> String {
    let lock = include_str!("../../../Cargo.lock");
    let name = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split_once(&name).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or_else(|| package.to_owned(), |(version, _)| format!("{package} {version}"))
}

fn serve(options: &Rank, version: &str, mut peer: impl Peer) -> Result<(), Failure> {
    let mut orders = Orders::connect(&options.control, options.rank, version)?;
    while let Some(order) = orders.next()? {
        let report = obey(&mut peer, options, &order)?;
        orders.report(&report)?;
    }
    Ok(())
}

fn obey(peer: &mut impl Peer, options: &Rank, order: &Order) -> Result<Report, Failure> {
    let world = options.addresses.len();
    let mut values = vec![(options.rank + 1) as f32; order.bytes / 4];
    match order.task {
        Task::AllReduce => {
            peer.all_reduce(&mut values)?;
            let expected = (world * (world + 1) / 2) as f32;
            if values.iter().any(|value| *value != expected) {
                return Err("a sum is wrong".into());
            }
        }
        Task::Stream => {
            peer.stream(&values)?;
            if peer.drain()?.iter().any(|value| *value != 1.0) {
                return Err("a value is wrong".into());
            }
        }
    }
    values.fill(0.0);
    for _ in 0..order.warmup {
        act(peer, order.task, &mut values)?;
    }
    peer.drain()?;
    // All ranks are here, and none has begun.
    peer.all_reduce(&mut [0.0])?;
    let (mut report, before) = (Report::default(), cpu());
    report.nanos.reserve(order.iterations);
    for _ in 0..order.iterations {
        let begin = Instant::now();
        act(peer, order.task, &mut values)?;
        report.nanos.push(begin.elapsed().as_nanos() as u64);
    }
    // What is still under way counts, too.
    let begin = Instant::now();
    peer.drain()?;
    if let Some(last) = report.nanos.last_mut() {
        *last += begin.elapsed().as_nanos() as u64;
    }
    report.cpu = cpu() - before;
    Ok(report)
}

fn act(peer: &mut impl Peer, task: Task, values: &mut [f32]) -> Result<(), Failure> {
    match task {
        Task::AllReduce => peer.all_reduce(values),
        Task::Stream => peer.stream(values),
    }
}

/// Seconds of processor time of this process so far, user and system.
fn cpu() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
