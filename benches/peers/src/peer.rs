//! Peers that are up and take orders.

mod start;
mod tunnel;

use std::process::Child;

use crate::Failure;
use crate::control::{Line, Order, Report};
use crate::options::Kind;

pub use start::{Bench, start};
use tunnel::Tunnel;

/// A peer whose ranks wait for orders.
pub struct Peer {
    pub kind: Kind,
    /// What it is, with its version.
    pub name: String,
    lines: Vec<Line>,
    children: Vec<Child>,
    /// What its ranks need to reach each other.
    tunnel: Option<Tunnel>,
}

/// What one order came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Seconds per iteration: the mean on the slowest rank.
    pub seconds: f64,
    /// Nanoseconds of each iteration, on rank 0.
    pub nanos: Vec<u64>,
    /// Seconds of processor time per iteration, of all ranks together and of their tunnel.
    pub cpu: f64,
}

impl Peer {
    /// Gives all ranks the same order.
    pub fn obey(&mut self, order: &Order) -> Result<Outcome, Failure> {
        let before = self.tunnel.as_ref().map_or(0.0, Tunnel::cpu);
        for line in &mut self.lines {
            line.send(order)?;
        }
        let reports: Vec<Report> =
            self.lines.iter_mut().map(Line::report).collect::<Result<_, _>>()?;
        let between = self.tunnel.as_ref().map_or(0.0, Tunnel::cpu) - before;
        let iterations = order.iterations.max(1) as f64;
        let total = |report: &Report| report.nanos.iter().sum::<u64>() as f64 / 1e9;
        // The tunnel also carried what was not timed.
        let timed = iterations / (iterations + order.warmup as f64 + 1.0);
        let cpu = reports.iter().map(|report| report.cpu).sum::<f64>() + between * timed;
        Ok(Outcome {
            seconds: reports.iter().map(total).fold(0.0, f64::max) / iterations,
            nanos: reports.into_iter().next().unwrap_or_default().nanos,
            cpu: cpu / iterations,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Ranks end with their lines; what does not is ended.
        self.lines.clear();
        for child in &mut self.children {
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(3);
            while matches!(child.try_wait(), Ok(None)) && std::time::Instant::now() < patience {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
