//! What drives the core: the clock, the device, the lock, and who polls.

pub mod clock;
pub(crate) mod net;
pub(crate) mod wire;

pub use wire::Wire;
