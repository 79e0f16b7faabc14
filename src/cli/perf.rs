//! `sealane perf`: what nccl-tests measures, over sealed datagrams, with every value checked.

mod carried;
mod json;
mod local;
mod one_sided;
mod options;
mod pipeline;
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
    let plans = perf.plans()?;
    match local::wanted(perf) {
        true if perf.threads => session::run_threads(perf, &plans),
        true => local::run(perf),
        false => session::run(perf, &plans),
    }
}
