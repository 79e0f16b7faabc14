//! libibverbs through the shim in `shim.c`: the only unsafe code of the crate.
//!
//! Objects own what they were made from (`Arc`), so that they are destroyed in the order that verbs
//! wants: work on queue pairs before completion queues, those before the protection domain, that
//! before the device.
//!
//! *Why not `rdma-sys`:* its 0.3.0 generates bindings with bindgen 0.59, which panics under libclang 19
//! (Debian 13) on an anonymous union of `ib_user_ioctl_verbs.h`; it makes a Rust enum of
//! `ibv_event_type`, so that an event of a newer library is undefined behaviour; and it links
//! librdmacm, of which nothing is used here. The shim needs a C compiler and the header, and cannot
//! drift from it.

mod context;
mod memory;
mod queue;
mod raw;

pub use context::{Context, DeviceList, Domain};
pub use memory::{Slot, SlotPool};
pub use queue::{AddressHandle, ChainedSend, Channel, CompletionQueue, QueuePair};
pub use raw::{Caps, Completion, Destination, HAS_GRH, Port, Receive};

use std::io;

/// The error of a call that returns a negative errno.
fn check(status: std::ffi::c_int) -> io::Result<std::ffi::c_int> {
    if status < 0 { Err(io::Error::from_raw_os_error(-status)) } else { Ok(status) }
}
