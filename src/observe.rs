//! Seeing what goes on: counters, the flight recorder, and who may ask for them.
//!
//! - [`Communicator::metrics`](crate::Communicator::metrics) and
//!   [`Communicator::flight_record`](crate::Communicator::flight_record), for programs.
//! - `SEALANE_METRICS=unix:/path/{rank}.sock` or `127.0.0.1:9400`, off by default: Prometheus' text under
//!   `/metrics`, the flight recorder under `/status`, for `curl` and `sealane status`. Only this host can
//!   ask: other addresses than loopback are refused.
//! - SIGUSR1 writes the flight record of every communicator of the process to standard error, or, with
//!   `SEALANE_RECORD=/path/{rank}.log`, to that file, where failures are written as well.
//! - `tracing`: one span `collective` for each call, and one event for its end.
//!
//! None of it has payload or keys in it.

mod address;
mod metrics;
mod prometheus;
mod record;
mod registry;
mod server;

pub use address::Address;
pub use metrics::{Metrics, PeerMetrics};
pub use record::FlightRecord;
pub(crate) use registry::{begin, failed, register};

/// Where to listen, by [`Address`]; nowhere by default.
pub const METRICS: &str = "SEALANE_METRICS";

/// The file that flight records go to; standard error by default.
pub const RECORD: &str = "SEALANE_RECORD";
