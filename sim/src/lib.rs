//! A deterministic network in virtual time, and faults for any device.
//!
//! [`Network`] carries datagrams between [`SimDevice`]s with latency, jitter, loss, duplication,
//! reordering, corruption, blackholes and queues, all drawn from one seed. [`FaultDevice`] wraps any
//! [`Device`](sealane_transport::device::Device), sockets included. [`checker`] holds what must be true
//! of every run: no nonce used twice, no payload byte visible on the wire.
//!
//! Nothing here reads a clock or draws entropy of its own; a failing seed replays.
#![forbid(unsafe_code)]

pub mod checker;
pub mod cluster;
pub mod device;
pub mod engine;
pub mod experiment;
pub mod fabric;
pub mod fault;
pub mod host;
pub mod memory;
pub mod network;
pub mod rng;
pub mod scenario;
pub mod swarm;
pub mod topology;
pub mod units;
pub mod workload;
pub mod world;

pub use cluster::{Cluster, ClusterSettings, Node, Stop};
pub use device::{DeviceSettings, SimDevice};
pub use fault::{FaultCounters, FaultDevice, FaultError, Faults};
pub use memory::{OwnedMemory, Placement};
pub use network::{Captured, Counters, LinkSettings, Network, Rate};
