//! Collectives: which algorithm (plan), what it sends and receives (schedule), and a sans-IO machine
//! that carries it out over messages (executor).
//!
//! **Order of reduction.** Every result is the same bit for bit on all ranks, and does not depend on
//! arrival, paths or loss: what is combined with what is fixed by the schedule.
//!
//! | algorithm | order |
//! | --- | --- |
//! | ring, direct | for the chunk that ends at rank *e*: ranks *e+1, e+2, …, e*, one by one |
//! | recursive doubling | halves of the ranks by the lowest bit first, whole vectors |
//! | halving, doubling | halves of the ranks by the highest bit first |
//! | double tree | a rank, its lower child's sum, its higher child's sum |
//! | binomial | a rank, its nearest child's sum, and so on to the farthest |
//! | chain | from the rank before the root backwards to the root |
#![forbid(unsafe_code)]

mod blocks;
mod buffers;
mod call;
mod error;
mod executor;
mod plan;
mod schedule;
mod shape;

pub use blocks::Counts;
pub use buffers::Buffers;
pub use call::{Call, Collective};
pub use error::CollectiveError;
pub use executor::{Completion, Executor, Operands, OperationId, Port};
pub use plan::{Algorithm, Overrides, ParsePlanError};
pub use schedule::peers;
