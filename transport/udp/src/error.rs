//! Why a device could not be opened: the cause, and what to do about it.

use std::io;
use std::net::SocketAddr;

/// A UDP device could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// Another socket holds the port.
    #[error(
        "UDP port {address} is already in use: stop the process that holds it \
         (`ss -ulpn` names it), or choose another port"
    )]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// No interface of this host has the address.
    #[error(
        "{address} is not an address of this host: `ip address` lists those that are; \
         in a container, give the container's own address"
    )]
    AddressNotAvailable {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The kernel has no such address family (IPv6 switched off).
    #[error(
        "this kernel does not speak the address family of {address}: use an IPv4 address, or \
         enable IPv6 (`sysctl net.ipv6.conf.all.disable_ipv6=0`)"
    )]
    FamilyNotSupported {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system refused, by privilege or by a security policy.
    #[error(
        "no permission to open UDP {address}: choose a port above 1023, or allow sockets in the \
         sandbox or container policy"
    )]
    Permission {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The process or the system is out of file descriptors.
    #[error(
        "out of file descriptors after {opened} of {wanted} sockets (limit {limit}): raise it \
         (`ulimit -n`), or use fewer sockets"
    )]
    TooManyFiles {
        /// Sockets already open when it ran out.
        opened: usize,
        /// Sockets asked for.
        wanted: usize,
        /// `RLIMIT_NOFILE` of this process.
        limit: u64,
    },
    /// The settings contradict themselves.
    #[error("invalid UDP configuration: {what}")]
    InvalidConfig {
        /// What is wrong, and what would be right.
        what: &'static str,
    },
    /// Any other failure of a system call.
    #[error("{what} failed for UDP {address}: {source}")]
    System {
        /// The step that failed.
        what: &'static str,
        /// The address being opened.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// Where in opening a device a system call failed; turns its error into a [`UdpError`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub address: SocketAddr,
    pub opened: usize,
    pub wanted: usize,
}

impl Opening {
    pub(crate) fn error(self, what: &'static str, source: io::Error) -> UdpError {
        let address = self.address;
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => UdpError::PortInUse { address },
            Some(libc::EADDRNOTAVAIL) => UdpError::AddressNotAvailable { address },
            Some(libc::EAFNOSUPPORT) => UdpError::FamilyNotSupported { address },
            Some(libc::EACCES | libc::EPERM) => UdpError::Permission { address },
            Some(libc::EMFILE | libc::ENFILE) => UdpError::TooManyFiles {
                opened: self.opened,
                wanted: self.wanted,
                limit: crate::sys::option::descriptor_limit(),
            },
            _ => UdpError::System { what, address, source },
        }
    }
}
