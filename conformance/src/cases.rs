//! The cases.

pub(crate) mod device;
pub(crate) mod refusals;
pub(crate) mod rma;
pub(crate) mod transport;
