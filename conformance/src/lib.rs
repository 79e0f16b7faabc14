//! What every device, and the transport over it, must do. One suite that runs unchanged on the simulator,
//! on UDP sockets and on verbs: whoever has a device implements [`Factory`] and calls [`run`].
//!
//! A case opens the devices that it needs and drives them itself, in one thread. Faults are put in by the
//! suite, around the device, so that they are the same everywhere. Limits of time are there so that nothing
//! hangs; nothing is measured.
#![forbid(unsafe_code)]

mod carrier;
mod cases;
mod factory;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use factory::{Factory, Options, Sleeper};

use stage::Stage;

/// How a case ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// It makes no sense on this device.
    Skipped(&'static str),
}

/// What is wrong, in words.
type Outcome = Result<Verdict, String>;

/// A name and what to do.
type Case = (&'static str, fn(&mut Stage<'_>) -> Outcome);

/// Goes on if a condition holds; otherwise the case fails with the text.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

pub(crate) use ensure;

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub case: &'static str,
    /// What was wrong.
    pub what: String,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that passed.
    pub passed: Vec<&'static str>,
    /// Cases that make no sense on this device, and why.
    pub skipped: Vec<(&'static str, &'static str)>,
    /// Cases that failed.
    pub failed: Vec<Failure>,
}

/// Every case's name, in order.
pub fn cases() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

fn all() -> impl Iterator<Item = &'static Case> {
    [cases::device::CASES, cases::transport::CASES, cases::rma::CASES, cases::refusals::CASES]
        .into_iter()
        .flatten()
}

/// Runs every case whose name contains `filter` on devices of `factory`, and prints a line for each.
/// Everything random comes from `seed`.
pub fn run(factory: &mut dyn Factory, filter: &str, seed: u64) -> Report {
    let mut report = Report::default();
    for (name, case) in all().filter(|(name, _)| name.contains(filter)) {
        // A panic in a device or the core is a failure of the case, not of those behind it.
        let outcome = catch_unwind(AssertUnwindSafe(|| case(&mut Stage::new(factory, seed))));
        let outcome = outcome.unwrap_or_else(|_| Err("panicked".to_owned()));
        let on = factory.name().to_owned();
        match outcome {
            Ok(Verdict::Passed) => {
                println!("{on} {name}: ok");
                report.passed.push(name);
            }
            Ok(Verdict::Skipped(why)) => {
                println!("{on} {name}: skipped, {why}");
                report.skipped.push((name, why));
            }
            Err(what) => {
                println!("{on} {name}: FAILED: {what} (seed {seed})");
                report.failed.push(Failure { case: name, what });
            }
        }
        factory.reset();
    }
    report
}
