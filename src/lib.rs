//! Encrypted transport and collectives for distributed training.
//!
//! ```no_run
//! use sealane::{Communicator, ReduceOp};
//!
//! // Under `sealane launch -n 4 -- …`, torchrun, mpirun or srun.
//! let communicator = Communicator::from_env()?;
//! let mut gradient = vec![1.0_f32; 1 << 20];
//! communicator.all_reduce(&mut gradient, ReduceOp::Average)?;
//! # Ok::<(), sealane::Error>(())
//! ```
//!
//! Every byte between ranks is sealed; nothing runs without an identity. The layers below are crates
//! of their own: `sealane-collectives`, `sealane-transport`, `sealane-udp`, `sealane-verbs`.
#![forbid(unsafe_code)]

pub mod bootstrap;
mod communicator;
mod device;
mod error;
pub mod local;
mod membership;
pub mod observe;
pub mod runtime;

pub use communicator::{
    Buffers, Builder, Communicator, Crash, Group, Message, Region, Request, Work,
};
pub use device::{DeviceChoice, DeviceChoiceError};
pub use error::{Cause, Error, Operation};
pub use runtime::{Done, Immediate, Received};
pub use sealane_collectives::{Collective, Counts, Overrides, ParsePlanError};
pub use sealane_kernels::{
    Bool, Complex, Dtype, Element, F8E4m3, F8E5m2, HostBuffer, ReduceOp, Scale, Unsupported,
};
pub use sealane_sim::fault::{FaultCounters, Faults};
pub use sealane_transport::rma::{Grant, GrantError, Permissions, Refusal, RemoteKey};
pub use sealane_transport::stats::Stats;
pub use sealane_transport::{LossCause, PeerInfo, Rank, Suite, Tag};
