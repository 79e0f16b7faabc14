//! Reductions on raw bytes, and the table of user memory that messages are placed into.
//!
//! This crate has the only unsafe code of the collectives: calls of functions compiled for wider
//! vectors, and slices over memory that a caller has lent for the time of an operation.

pub mod arena;
mod buffer;
mod dtype;
mod element;
pub mod lend;
mod op;
pub mod reduce;
mod small;

pub use arena::{Arena, Placement, RegionId, ViewId};
pub use buffer::HostBuffer;
pub use dtype::{Dtype, ParseError};
pub use element::Element;
pub use num_complex::Complex;
pub use op::{ReduceOp, Scale, Unsupported};
pub use small::{Bool, F8E4m3, F8E5m2};
