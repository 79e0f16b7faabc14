//! Real processes on real sockets: the `sealane` binary, as users run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests of real processes have deadlines in real time"
)]

#[path = "processes/bad_input.rs"]
mod bad_input;
#[path = "processes/certificates.rs"]
mod certificates;
#[path = "processes/death.rs"]
mod death;
#[path = "processes/faults.rs"]
mod faults;
#[path = "processes/harness.rs"]
mod harness;
#[path = "processes/hosts.rs"]
mod hosts;
#[path = "processes/identities.rs"]
mod identities;
#[path = "processes/launching.rs"]
mod launching;
#[path = "processes/limits.rs"]
mod limits;
#[path = "processes/observing.rs"]
mod observing;
#[path = "processes/perf.rs"]
mod perf;
#[path = "processes/simulating.rs"]
mod simulating;
#[path = "processes/training.rs"]
mod training;
