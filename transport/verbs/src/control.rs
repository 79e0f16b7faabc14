//! Finding a device and setting it up: everything that happens seldom.

pub mod handles;
pub mod list;
pub mod open;
mod resolver;
