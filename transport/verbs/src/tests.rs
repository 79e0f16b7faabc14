#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod addresses;
mod choosing;
mod codes;
mod headers;
#[cfg(feature = "rdma-core")]
mod real;
mod rings;
mod selections;
