//! What the network can see and do: a tap that listens, and an attacker who sends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "the rate of a storm is reported")]

#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/job.rs"]
mod job;
#[path = "wire/secrecy.rs"]
mod secrecy;
#[path = "wire/tap.rs"]
mod tap;
