//! What drives the core: the clock, the device, the lock, and who polls.

pub mod clock;
pub(crate) mod driver;
pub(crate) mod engine;
pub(crate) mod net;
mod notice;
mod wire;

pub use wire::Wire;
