//! The driver of the runtime under a model checker: the very file that ships, compiled against loom's
//! locks and threads and against a model of the engine and the device. Loom runs each test in every order
//! in which its threads may get the locks, up to a number of preemptions; its waits never time out, so
//! that a wake-up that only a time limit would make up for is found as a deadlock.
//!
//! `cargo test -p sealane-handoff`; `LOOM_MAX_PREEMPTIONS=4` looks further, `LOOM_LOG=trace` and
//! `LOOM_LOCATION=1` tell what happened.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "no model asks the driver for its clock")]
#[path = "../../../src/runtime/driver.rs"]
mod driver;

mod clock;
mod engine;
mod sync;
mod wire;

mod tests;
