//! What the core costs, without sockets, threads or clocks: endpoints joined in memory.
//!
//! A [`Star`] is one endpoint in the middle and its peers around it, with sessions from a given secret.
//! Posted trains are handed over in place, so that nothing but the core is counted. Benches count
//! instructions and time with it, tests count allocations and bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for benches and tests")]
#![forbid(unsafe_code)]

mod collective;
mod slots;
mod star;

pub use collective::AllReduce;
pub use slots::Slots;
pub use star::{Node, Shape, Star};
