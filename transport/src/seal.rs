//! Sealing and opening packets: suites, keys, nonces, replay (PROTOCOL §4).

mod aead;
mod error;
mod keys;
mod limit;
mod nonce;
mod opener;
mod sealer;
pub mod suite;
mod window;

#[cfg(test)]
mod tests;

pub use error::{OpenError, SealError};
pub use keys::{DirectionSecret, SessionKeys};
pub use limit::confidentiality_limit;
pub use nonce::FreshNumber;
pub use opener::Opener;
pub use sealer::Sealer;
pub use suite::{KEY_LEN, Suite, TAG_LEN};
pub use window::ReplayWindow;
