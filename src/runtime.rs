//! What drives the core: the clock, the device, the lock, and who polls.

pub mod clock;
pub(crate) mod driver;
pub(crate) mod engine;
pub(crate) mod net;
mod notice;
pub(crate) mod slot;
mod sync;
mod wire;

pub use engine::rma::Immediate;
pub use slot::{Done, Received};
pub use wire::Wire;
