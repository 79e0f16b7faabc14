//! Collectives: which algorithm (plan), what it sends and receives (schedule), and a sans-IO machine
//! that carries it out over messages (executor).
//!
//! **Order of reduction.** Every result is the same bit for bit on all ranks, and does not depend on
//! arrival, paths or loss: what is combined with what is fixed by the schedule. The ring combines, for
//! the chunk that ends at rank *e*, the contributions of ranks *e+1, e+2, …, e* in that order, each new
//! one on the left. Recursive doubling combines halves of the ranks, the lower half on the left.
#![forbid(unsafe_code)]

mod buffers;
mod call;
mod error;
mod executor;
mod plan;
pub mod schedule;

pub use buffers::Buffers;
pub use call::{Call, Collective};
pub use error::CollectiveError;
pub use executor::{Completion, Executor, Operands, OperationId, Port};
pub use plan::{Algorithm, Overrides, ParsePlanError, plan};
