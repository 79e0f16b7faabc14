#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corners;
mod epochs;
mod formats;
mod harness;
mod hostile;
mod identities;
mod opening;
