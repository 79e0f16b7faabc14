#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod granules;
mod harness;
mod hostile;
mod properties;
