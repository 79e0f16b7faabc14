//! Why a device could not be opened: the cause, and what to do about it.

use std::io;

/// A verbs device could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerbsError {
    /// This host has no RDMA device.
    #[error(
        "no verbs device on this host: load the card's driver, or make a software one (`rdma link add \
         rxe0 type rxe netdev eth0`); docs/VERBS.md has the steps"
    )]
    NoDevices,
    /// Nothing fits what was asked for.
    #[error(
        "no verbs device fits `{wanted}`: this host has {present}; `sealane devices` says more"
    )]
    NotFound {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// What was asked for, or all that there is, cannot be used.
    #[error("verbs device {name} cannot be used: {why}")]
    Unusable {
        /// Device, port and GID.
        name: String,
        /// The reason, and the remedy.
        why: String,
    },
    /// The operating system refused, by privilege or by a security policy.
    #[error(
        "no permission to use verbs device {device}: open /dev/infiniband/uverbs* to this user (or \
         pass it into the container: `--device /dev/infiniband`)"
    )]
    Permission {
        /// The device.
        device: String,
    },
    /// Memory that may be locked is used up.
    #[error(
        "cannot register {bytes} bytes with verbs device {device}: raise the limit of locked memory \
         (`ulimit -l unlimited`; LimitMEMLOCK= in a unit, --ulimit memlock=-1 in a container)"
    )]
    LockedMemory {
        /// The device.
        device: String,
        /// How much was to be registered.
        bytes: usize,
    },
    /// The settings contradict themselves.
    #[error("invalid verbs configuration: {what}")]
    InvalidConfig {
        /// What is wrong, and what would be right.
        what: &'static str,
    },
    /// Any other failure of a call.
    #[error("{what} failed on verbs device {device}: {source}")]
    System {
        /// The step that failed.
        what: &'static str,
        /// The device.
        device: String,
        /// The operating system's answer.
        source: io::Error,
    },
}
