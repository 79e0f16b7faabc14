//! From a bare process to an endpoint that knows all of its peers: who we are (environment), how we
//! prove it (identity), where the others are (rendezvous).

pub mod environment;
pub mod identity;
pub mod rendezvous;

pub use environment::{EnvironmentError, Launch, Launcher, Master};
pub use identity::{Credentials, CredentialsError};
pub use rendezvous::RendezvousError;
