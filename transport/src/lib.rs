//! The protocol core of Sealane: sealed, reliable, unordered, multipath datagrams. Sans-IO.
//!
//! `now`, received datagrams and commands go in; datagrams to post, events and the next deadline come
//! out. The core has no clock, no sockets, no threads, and no entropy of its own.
//!
//! Data goes down `endpoint → session → message → packet → seal → device` and back up
//! `device → seal → packet → message → endpoint`.
#![forbid(unsafe_code)]

pub mod close;
pub mod config;
pub mod congestion;
pub mod control;
pub mod device;
pub mod endpoint;
mod epoch;
pub mod error;
pub mod event;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod memory;
pub mod message;
pub mod packet;
pub mod path;
pub mod recovery;
pub mod rma;
pub mod seal;
mod session;
pub mod stats;
pub mod time;

pub use config::{Config, CongestionPolicy, LossPolicy, SprayPolicy};
pub use endpoint::{Endpoint, EndpointSettings, PeerInfo};
pub use epoch::Epoch;
pub use error::{Error, HandshakeError, LossCause, OperationError};
pub use event::Event;
pub use ids::{BufferId, Lane, MessageId, PathId, Rank, RecvId, RmaId, SendId, SessionId, Tag};
pub use memory::Memory;
pub use message::{RecvRequest, SendRequest};
pub use path::PathInfo;
pub use seal::Suite;
pub use time::Time;
