//! Encrypted transport and collectives for distributed training.
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod runtime;

pub use sealane_sim::fault::Faults;
pub use sealane_transport::{Rank, Suite, Tag};
