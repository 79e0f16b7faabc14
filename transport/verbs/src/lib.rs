//! Sealane's device over libibverbs: unreliable-datagram (UD) queue pairs, on InfiniBand and on RoCE v2.
//!
//! One `VerbsDevice` owns S queue pairs; S local × R remote queue pairs are S×R paths. Packets leave
//! as chains of work requests, one doorbell per chain, from slots that are registered once; they
//! arrive in slots that are registered once, behind the 40 bytes of the global routing header, which
//! says who sent them. Nothing is allocated per packet.
//!
//! *Control* (finding a device, protection domain, completion queue, queue-pair transitions, address
//! handles) is apart from the *data path* (post, poll). What does not touch the hardware — addresses,
//! the choice of a port, the routing header, bookkeeping of what is posted, the meaning of completion
//! codes — builds without rdma-core; the device itself needs the feature `rdma-core`.
//!
//! See `docs/VERBS.md` and PROTOCOL §13.

mod address;
mod choose;
mod config;
mod error;
mod stats;

// Of use to the device alone, but tested everywhere.
#[cfg(any(test, feature = "rdma-core"))]
mod completion;
#[cfg(any(test, feature = "rdma-core"))]
mod grh;
#[cfg(any(test, feature = "rdma-core"))]
mod ring;
#[cfg(any(test, feature = "rdma-core"))]
mod wr_id;

#[cfg(feature = "rdma-core")]
mod control;
#[cfg(feature = "rdma-core")]
mod datapath;
#[cfg(feature = "rdma-core")]
mod device;
#[cfg(feature = "rdma-core")]
mod report;
#[cfg(feature = "rdma-core")]
mod sys;
#[cfg(feature = "rdma-core")]
mod waiter;

#[cfg(test)]
mod tests;

pub use address::{ROCE_PORT, VerbsAddress};
pub use choose::{Candidate, Choice, GidKind, Link, PortState, choose};
pub use config::{Selection, SelectionError, VerbsConfig};
pub use error::VerbsError;
pub use stats::VerbsStats;

#[cfg(feature = "rdma-core")]
pub use control::list::candidates;
#[cfg(feature = "rdma-core")]
pub use device::VerbsDevice;
#[cfg(feature = "rdma-core")]
pub use waiter::{Waiter, Wakeup};
