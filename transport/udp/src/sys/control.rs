//! Ancillary data (`cmsg(3)`): encoded and decoded as bytes, every length checked.

use sealane_transport::device::Ecn;

/// Control messages are aligned to, and their length field is as wide as, a machine word.
const WORD: usize = size_of::<usize>();
const HEADER: usize = size_of::<libc::cmsghdr>();

const fn align(length: usize) -> usize {
    length.next_multiple_of(WORD)
}

/// A control buffer of `N` bytes, aligned for the kernel.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Control<const N: usize> {
    pub bytes: [u8; N],
}

impl<const N: usize> Control<N> {
    pub const fn new() -> Self {
        Self { bytes: [0; N] }
    }

    /// Appends one message after the first `used` bytes; returns the bytes used then. A message
    /// that does not fit is left out.
    fn put(&mut self, used: usize, level: i32, kind: i32, data: &[u8]) -> usize {
        let end = used + align(HEADER + data.len());
        let Some(room) = self.bytes.get_mut(used..end) else { return used };
        room[..WORD].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
        room[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
        room[WORD + 4..WORD + 8].copy_from_slice(&kind.to_ne_bytes());
        room[HEADER..HEADER + data.len()].copy_from_slice(data);
        end
    }

    /// Encodes what a transmitted message needs; returns the bytes used, 0 for nothing.
    pub fn encode(&mut self, ipv4: bool, ecn: Ecn, stride: Option<u16>) -> usize {
        let mut used = 0;
        if ecn != Ecn::NotEct {
            let (level, kind) = if ipv4 {
                (libc::IPPROTO_IP, libc::IP_TOS)
            } else {
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)
            };
            used = self.put(used, level, kind, &(ecn as i32).to_ne_bytes());
        }
        if let Some(stride) = stride {
            used = self.put(used, libc::SOL_UDP, libc::UDP_SEGMENT, &stride.to_ne_bytes());
        }
        used
    }
}

/// One control message: level, type, data.
pub struct Item<'a> {
    pub level: i32,
    pub kind: i32,
    pub data: &'a [u8],
}

/// Walks the control messages of a buffer; stops at the first one whose length is impossible.
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let header = self.rest.get(..HEADER)?;
        let length = usize::from_ne_bytes(*header.first_chunk()?);
        let level = i32::from_ne_bytes(*header[WORD..].first_chunk()?);
        let kind = i32::from_ne_bytes(*header[WORD + 4..].first_chunk()?);
        let data = self.rest.get(HEADER..length)?;
        // The last message may lack its padding.
        self.rest = self.rest.get(align(length)..).unwrap_or(&[]);
        Some(Item { level, kind, data })
    }
}

/// What the kernel said about one received datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancillary {
    pub ecn: Ecn,
    /// Segment length of a coalesced batch; `None` if it is one datagram.
    pub stride: Option<usize>,
    /// Messages that this socket dropped so far for want of buffer, if the kernel said.
    pub overflows: Option<u32>,
}

/// Decodes the control messages of a received datagram.
pub fn decode(bytes: &[u8]) -> Ancillary {
    let mut found = Ancillary::default();
    for item in Items::new(bytes) {
        match (item.level, item.kind) {
            // IPv4 delivers one byte, IPv6 a C int.
            (libc::IPPROTO_IP, libc::IP_TOS) => {
                found.ecn = item.data.first().map_or(Ecn::NotEct, |b| Ecn::from_bits(*b));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                let class = item.data.first_chunk().map(|b| i32::from_ne_bytes(*b));
                found.ecn = class.map_or(Ecn::NotEct, |c| Ecn::from_bits((c & 0xff) as u8));
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let size = item.data.first_chunk().map(|b| i32::from_ne_bytes(*b));
                found.stride = size.and_then(|s| usize::try_from(s).ok()).filter(|s| *s > 0);
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                found.overflows = item.data.first_chunk().map(|b| u32::from_ne_bytes(*b));
            }
            _ => {}
        }
    }
    found
}

/// The fields of `struct sock_extended_err` that matter: errno, origin, info (an MTU).
pub fn decode_error(bytes: &[u8]) -> Option<(i32, u8, u32)> {
    let item = Items::new(bytes).find(|item| {
        matches!(
            (item.level, item.kind),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        )
    })?;
    let data = item.data.get(..size_of::<libc::sock_extended_err>())?;
    let errno = u32::from_ne_bytes(*data.first_chunk()?);
    let info = u32::from_ne_bytes(*data[8..].first_chunk()?);
    Some((i32::try_from(errno).ok()?, data[4], info))
}

#[cfg(test)]
mod tests;
