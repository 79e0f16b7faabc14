//! What the network can see and do: a tap that listens, and an attacker who sends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "the rate of a storm, and certificates of today")]

#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/job.rs"]
mod job;
#[path = "wire/needles.rs"]
mod needles;
#[path = "wire/recorded.rs"]
mod recorded;
#[path = "wire/secrecy.rs"]
mod secrecy;
#[path = "wire/tap.rs"]
mod tap;
