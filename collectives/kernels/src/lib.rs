//! Reductions on raw bytes, and the table of user memory that messages are placed into.
//!
//! This crate has the only unsafe code of the collectives: calls of functions compiled for wider
//! vectors, and slices over memory that a caller has lent for the time of an operation.

pub mod arena;
mod dtype;
mod element;
pub mod lend;
pub mod reduce;

pub use arena::{Arena, Placement, RegionId, ViewId};
pub use dtype::{Dtype, ParseError, ReduceOp};
pub use element::Element;
