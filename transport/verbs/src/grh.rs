//! The 40 bytes before each received datagram: who sent it, and how it was marked.
//!
//! On InfiniBand and on RoCE v2 over IPv6 they are a global routing header, which has the layout of
//! IPv6. On RoCE v2 over IPv4 the first 20 are undefined and the last 20 are the IPv4 header (IBTA
//! annex A17).

use std::net::Ipv4Addr;

use sealane_transport::device::Ecn;

/// Bytes before the payload of every received datagram, whether there is a header in them or not.
pub const GRH_BYTES: usize = 40;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The sender's GID.
    pub gid: [u8; 16],
    /// The mark that the network left.
    pub ecn: Ecn,
}

/// Reads a header; `None` if it is none of the kinds above.
pub fn parse(header: &[u8]) -> Option<Source> {
    let header: &[u8; GRH_BYTES] = header.get(..GRH_BYTES)?.try_into().ok()?;
    let (grh, rest) = header.split_at(20);
    let ipv4: &[u8; 20] = rest.try_into().ok()?;
    let is_six = grh[0] >> 4 == 6;
    let is_four = ipv4[0] == 0x45;
    // The undefined bytes of the one may look like the other: then the IPv4 checksum decides.
    match (is_six, is_four) {
        (true, true) if checksum(ipv4) == 0xffff => Some(from_ipv4(ipv4)),
        (true, _) => {
            let gid = header[8..24].try_into().ok()?;
            Some(Source { gid, ecn: Ecn::from_bits(header[1] >> 4) })
        }
        (false, true) => Some(from_ipv4(ipv4)),
        (false, false) => None,
    }
}

fn from_ipv4(ipv4: &[u8; 20]) -> Source {
    let source = Ipv4Addr::new(ipv4[12], ipv4[13], ipv4[14], ipv4[15]);
    Source { gid: source.to_ipv6_mapped().octets(), ecn: Ecn::from_bits(ipv4[1]) }
}

/// The one's complement sum of a header (RFC 1071): all ones if its checksum is right.
fn checksum(header: &[u8; 20]) -> u16 {
    let sum: u32 =
        header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}
