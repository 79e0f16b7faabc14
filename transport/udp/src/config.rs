//! What a caller chooses about a UDP device.

use std::net::{IpAddr, Ipv4Addr};

use crate::error::UdpError;

/// The most sockets of one device: 64 local ports already give thousands of five-tuples.
pub const PORTS_MAX: usize = 64;
/// The most local addresses of one device.
pub const ADDRESSES_MAX: usize = 16;
/// Payload bytes that every path carries without probing (RFC 9000 §14).
pub const MTU_BASE: u16 = 1200;

/// Settings of a [`UdpDevice`](crate::UdpDevice).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// Local addresses. Socket `i` is bound to `addresses[i % addresses.len()]`, so several network
    /// cards are all used. Prefer concrete addresses (see [`local_ip_for`](crate::local_ip_for)):
    /// behind an unspecified one the kernel picks the source of every datagram, and peers see
    /// whichever interface address the device reports. All must be of one family.
    pub addresses: Vec<IpAddr>,
    /// Sockets to open, 1 to 64; each is one local port, thus one share of the paths.
    pub ports: usize,
    /// Fixed port of socket 0, for rendezvous. The other sockets take ephemeral ports.
    pub first_port: Option<u16>,
    /// Receive buffer to ask of the kernel per socket, in payload bytes. `SO_RCVBUFFORCE` is tried
    /// first, then `SO_RCVBUF`, which `net.core.rmem_max` caps.
    pub receive_buffer: usize,
    /// Cap on the datagram payload in bytes; `None` takes all that the interfaces allow.
    pub mtu: Option<u16>,
    /// Use segmentation offload for trains where the kernel has it.
    pub gso: bool,
    /// Let the kernel coalesce received datagrams.
    pub gro: bool,
}

impl Default for UdpConfig {
    /// Four sockets on 127.0.0.1, 4 MiB of receive buffer each, offloads on.
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ports: 4,
            first_port: None,
            receive_buffer: 4 << 20,
            mtu: None,
            gso: true,
            gro: true,
        }
    }
}

impl UdpConfig {
    /// Refuses settings that no socket could honour.
    pub(crate) fn validate(&self) -> Result<(), UdpError> {
        let invalid = |what| Err(UdpError::InvalidConfig { what });
        let Some(first) = self.addresses.first() else {
            return invalid("`addresses` is empty: give at least one local address");
        };
        if self.addresses.len() > ADDRESSES_MAX {
            return invalid("`addresses` has more than 16 entries");
        }
        if self.addresses.iter().any(|a| a.is_ipv4() != first.is_ipv4()) {
            return invalid("`addresses` mixes IPv4 and IPv6: a device speaks one of them");
        }
        if self.addresses.iter().any(IpAddr::is_multicast) {
            return invalid("`addresses` has a multicast address");
        }
        if self.ports == 0 || self.ports > PORTS_MAX {
            return invalid("`ports` must be 1 to 64");
        }
        if self.mtu.is_some_and(|mtu| mtu < MTU_BASE) {
            return invalid("`mtu` is below 1200, which every path must carry");
        }
        Ok(())
    }
}
