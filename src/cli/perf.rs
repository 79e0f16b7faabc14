//! `sealane perf`: what nccl-tests measures, over sealed datagrams, with every value checked.

mod carried;
mod json;
mod local;
mod one_sided;
mod options;
mod session;
mod size;
mod table;
mod values;
mod workload;

#[cfg(test)]
mod tests;

use super::Failure;

pub use options::Perf;

/// Runs `sealane perf`; returns the exit status: 1 when values were wrong.
///
/// # Errors
///
/// [`Failure`] for options that contradict each other, and for everything that ends the run.
pub fn run(perf: &Perf) -> Result<u8, Failure> {
    let plan = perf.plan()?;
    if local::wanted(perf) { local::run(perf) } else { session::run(perf, &plan) }
}
