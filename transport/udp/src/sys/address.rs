//! Socket addresses as the kernel lays them out (`sockaddr_in`, `sockaddr_in6`).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

const FAMILY_V4: u16 = libc::AF_INET as u16;
const FAMILY_V6: u16 = libc::AF_INET6 as u16;
const LENGTH_V4: usize = size_of::<libc::sockaddr_in>();
const LENGTH_V6: usize = size_of::<libc::sockaddr_in6>();

/// Room for either kind of address, aligned as the kernel wants it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(8))]
pub struct Name {
    pub bytes: [u8; LENGTH_V6],
}

impl Name {
    /// Encodes `address`; the second value is the length in bytes.
    pub fn encode(address: &SocketAddr) -> (Self, u32) {
        let mut name = Self::default();
        let b = &mut name.bytes;
        b[2..4].copy_from_slice(&address.port().to_be_bytes());
        let length = match address {
            SocketAddr::V4(v4) => {
                b[..2].copy_from_slice(&FAMILY_V4.to_ne_bytes());
                b[4..8].copy_from_slice(&v4.ip().octets());
                LENGTH_V4
            }
            SocketAddr::V6(v6) => {
                b[..2].copy_from_slice(&FAMILY_V6.to_ne_bytes());
                b[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
                b[8..24].copy_from_slice(&v6.ip().octets());
                b[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                LENGTH_V6
            }
        };
        (name, length as u32)
    }
}

/// Bytes of an address of `family`, or `None` for a family other than IPv4 and IPv6.
pub fn length_of(family: u16) -> Option<usize> {
    match family {
        FAMILY_V4 => Some(LENGTH_V4),
        FAMILY_V6 => Some(LENGTH_V6),
        _ => None,
    }
}

/// Decodes an address that the kernel wrote. `None` if it is of another family or cut off.
pub fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let b = bytes.get(..length_of(family)?)?;
    let port = u16::from_be_bytes([b[2], b[3]]);
    if family == FAMILY_V4 {
        let ip = Ipv4Addr::new(b[4], b[5], b[6], b[7]);
        return Some(SocketAddr::V4(SocketAddrV4::new(ip, port)));
    }
    let octets: [u8; 16] = *b[8..].first_chunk()?;
    // The flow label is no part of a peer's identity: a route must compare equal without it.
    let scope = u32::from_ne_bytes(*b[24..].first_chunk()?);
    Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(octets), port, 0, scope)))
}
