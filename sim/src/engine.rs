//! The engine: integer picoseconds, and one queue in the total order (time, sequence).
//!
//! A picosecond resolves one byte at 8 Tb/s; 2^64 of them are 213 days. No event time is ever
//! computed in floating point, so a run is the same on every machine.

mod picos;
mod queue;
mod rate;

pub use picos::Picos;
pub use queue::EventQueue;
pub use rate::{Bandwidth, Cost};

#[cfg(test)]
mod tests;
