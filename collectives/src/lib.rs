//! Collectives: which algorithm (plan), what it sends and receives (schedule), and a sans-IO machine
//! that carries it out over messages (executor).
//!
//! **Order of reduction.** Every result is the same bit for bit on all ranks, and does not depend on
//! arrival, paths or loss: what is combined with what is fixed by the schedule.
//!
//! | algorithm | order |
//! | --- | --- |
//! | ring, direct | for the chunk that ends at rank *e*: ranks *e+1, e+2, …, e*, one by one |
//! | recursive doubling, halving-doubling, direct tree | halves of the ranks by the lowest bit first |
//! | double tree | a rank, its lower child's sum, its higher child's sum |
//! | binomial | a rank, its nearest child's sum, and so on to the farthest |
//! | chain | from the rank before the root backwards to the root |
//! | hierarchical | the ranks of each host by chain or binomial; then the hosts by ring or recursive doubling |
//!
//! Of these, recursive doubling, halving-doubling and direct tree add every element in the same order,
//! wherever it lies; [`Overrides::deterministic`] takes no others.
//!
//! **Rounding.** Every addition rounds once to the element type: `f16` and `bf16` are added in `f32`, and
//! the sum rounded. A result is off by at most *((1+u)^k − 1)·Σ|x|*, where *u* is half a unit of the last
//! place (2^-24 for `f32`, 2^-11 for `f16`, 2^-8 for `bf16`) and *k* the additions on the longest way:
//! world − 1 for ring, chain and direct; ⌈log2 world⌉ for the uniform three; at most twice the depth of
//! the double tree; one more for the division of an average, and one for the product of a pre-multiplied
//! sum.
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
pub use executor::{
    CollectiveCounters, Completion, Counters, Executor, Lines, Mismatch, Operands, OperationId,
    PeerCounters, Port, Record, State,
};
pub use plan::{Algorithm, Overrides, ParsePlanError, Topology};
pub use schedule::peers;
