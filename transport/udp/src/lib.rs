//! Sealane's device over UDP sockets (Linux): many sockets are many paths.
//!
//! One [`UdpDevice`] owns S sockets; S local × R remote sockets give S×R five-tuples. Trains leave
//! with generic segmentation offload (`UDP_SEGMENT`), several per `sendmmsg`, and arrive coalesced
//! (`UDP_GRO`) by `recvmmsg` into buffers that are reused while they are hot in cache. ECN
//! codepoints travel both ways; ICMP errors come from each socket's error queue as
//! [`DeviceEvent`](sealane_transport::device::DeviceEvent)s. Nothing is allocated per packet.
//!
//! Sleeping belongs to the driver: [`UdpDevice::waiter`] gives a handle that sleeps on the sockets
//! and that any thread can wake.
//!
//! `unsafe` is confined to `sys`, which wraps each system call once.

#[cfg(not(target_os = "linux"))]
compile_error!("sealane-udp needs Linux: recvmmsg, UDP_SEGMENT, epoll and IP_RECVERR");

mod config;
mod device;
mod error;
mod list;
mod pool;
mod port;
mod receive;
mod report;
mod stats;
mod sys;
mod transmit;
mod waiter;

#[cfg(test)]
mod tests;

pub use config::UdpConfig;
pub use device::UdpDevice;
pub use error::UdpError;
pub use list::{InterfaceAddress, interfaces};
pub use port::local_ip_for;
pub use stats::UdpStats;
pub use waiter::{Waiter, Wakeup};
