//! Sealing and opening packets: suites, keys, nonces, replay (PROTOCOL §4).

pub mod suite;

pub use suite::{KEY_LEN, Suite, TAG_LEN};
