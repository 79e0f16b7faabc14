//! Verbs addresses inside socket addresses (PROTOCOL §13.2).

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::choose::Link;

/// What stands for the LID where there is none: the UDP port of RoCE v2 (IBTA annex A17). A port of 0
/// would mean that there is no address at all.
pub const ROCE_PORT: u16 = 4791;

/// The largest queue-pair number: 24 bits.
const QPN_MAX: u32 = 0x00ff_ffff;

/// Where a queue pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerbsAddress {
    /// The port's global identifier. On RoCE v2 over IPv4 an IPv4-mapped IPv6 address.
    pub gid: [u8; 16],
    /// The port's local identifier; 0 on RoCE.
    pub lid: u16,
    /// The queue pair's number, 24 bits.
    pub qpn: u32,
}

impl VerbsAddress {
    /// The socket address that stands for it: GID as address, LID (4791 on RoCE) as port, queue-pair
    /// number as scope.
    #[must_use]
    pub fn to_socket(self) -> SocketAddr {
        let port = if self.lid == 0 { ROCE_PORT } else { self.lid };
        SocketAddrV6::new(Ipv6Addr::from(self.gid), port, 0, self.qpn).into()
    }

    /// The address behind a socket address, on a fabric of kind `link`; `None` for one that no queue
    /// pair can have (IPv4, the zero GID, more than 24 bits of queue-pair number, LID 0).
    #[must_use]
    pub fn from_socket(address: SocketAddr, link: Link) -> Option<Self> {
        let SocketAddr::V6(v6) = address else { return None };
        let lid = match link {
            Link::Ethernet => 0,
            Link::InfiniBand if v6.port() == 0 => return None,
            Link::InfiniBand => v6.port(),
        };
        let qpn = v6.scope_id();
        let valid = qpn <= QPN_MAX && !v6.ip().is_unspecified();
        valid.then(|| Self { gid: v6.ip().octets(), lid, qpn })
    }
}
