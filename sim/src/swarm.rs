//! Swarm testing: a seed draws everything (topology, faults, traffic, configuration), and checkers look
//! at all that happens.
//!
//! What must be true of every run: each message arrives whole and once; no nonce is used twice; no
//! packet is accepted twice; collectives come to the same bits on all ranks, and the right ones; nobody
//! holds more memory than the limits say; and when everything has healed, everything ends.

mod draw;
mod watch;

pub use draw::{Case, Mishap, draw};
pub use watch::SwarmWatch;

use serde::Serialize;

use crate::scenario::{self, Outcome};
use crate::world::{Ended, Observer};

/// What a seed came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What it drew, in a line.
    pub summary: String,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    /// Events handled.
    pub events: u64,
    /// The run's digest, in hexadecimal.
    pub digest: String,
}

impl Verdict {
    /// Whether nothing was wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

/// The command that runs a seed again.
#[must_use]
pub fn replay_command(seed: u64) -> String {
    format!("sealane sim replay --swarm {seed}")
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64) -> Verdict {
    run_watched(seed, &mut crate::world::Silent)
}

/// Runs a seed, and passes on to `observer` all that happens.
#[must_use]
pub fn run_watched(seed: u64, observer: &mut dyn Observer) -> Verdict {
    judge(&draw(seed), observer)
}

/// Runs a case that was drawn, or changed since.
#[must_use]
pub fn judge(case: &Case, observer: &mut dyn Observer) -> Verdict {
    let mut watch = SwarmWatch::new(case, observer);
    let result = scenario::run(&case.scenario, case.seed, &mut watch);
    let mut verdict = Verdict {
        seed: case.seed,
        summary: case.summary(),
        violations: watch.into_violations(),
        events: 0,
        digest: String::new(),
    };
    match result {
        Ok(outcome) => {
            verdict.events = outcome.events;
            verdict.digest.clone_from(&outcome.digest);
            verdict.violations.extend(complaints(case, &outcome));
        }
        Err(error) => verdict.violations.push(format!("it cannot be run: {error}")),
    }
    verdict
}

/// What the outcome itself says against the run.
fn complaints(case: &Case, outcome: &Outcome) -> Vec<String> {
    let mut wrong = outcome.violations.clone();
    if outcome.hosts.broken > 0 {
        wrong.push(format!("{} packets of honest peers broke the protocol", outcome.hosts.broken));
    }
    match outcome.ended {
        Ended::Done | Ended::Interrupted => {}
        ended => {
            let (done, all) = outcome.done;
            wrong.push(format!("{ended:?} at {} with {done} of {all} done", outcome.time));
        }
    }
    if outcome.ended == Ended::Interrupted {
        return wrong;
    }
    for flow in &outcome.flows {
        let crashed = case.crashed.iter().any(|host| [flow.spec.from, flow.spec.to].contains(host));
        let whole = flow.received.is_some() && flow.acknowledged.is_some() && !flow.failed;
        if !whole && !crashed {
            let (from, to, bytes) = (flow.spec.from, flow.spec.to, flow.spec.bytes);
            wrong.push(format!("{bytes} B from {from} to {to} did not arrive, nobody crashed"));
        }
    }
    if case.crashed.is_empty() {
        wrong.extend(outcome.errors.iter().cloned());
    }
    wrong
}

#[cfg(test)]
mod tests;
