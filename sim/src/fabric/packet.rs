//! Packets in flight, in a pool that reuses their memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Index, IndexMut};

use crate::rng::mix;

/// The port of a host's first socket.
const PORT_BASE: u16 = 49_152;

/// Bytes that a packet keeps in place: header, an acknowledgement, DATA header and tag.
const INLINE: usize = 128;

/// A socket of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The host.
    pub host: u32,
    /// Which of its sockets, from 0.
    pub port: u16,
}

impl Address {
    /// As the protocol writes it: 10.x.y.z for host x.y.z + 1.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        let [_, x, y, z] = (self.host + 1).to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, x, y, z)), PORT_BASE + self.port)
    }

    /// The reverse of [`socket`](Self::socket); `None` for addresses that no host has.
    #[must_use]
    pub const fn of(socket: SocketAddr) -> Option<Self> {
        let SocketAddr::V4(v4) = socket else { return None };
        let [ten, x, y, z] = v4.ip().octets();
        let Some(host) = u32::from_be_bytes([0, x, y, z]).checked_sub(1) else { return None };
        let Some(port) = v4.port().checked_sub(PORT_BASE) else { return None };
        if ten == 10 { Some(Self { host, port }) } else { None }
    }
}

/// A packet's place in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketId(u32);

/// A packet: where it comes from and goes to, and its bytes. Of a packet without payload only the
/// first bytes are kept, and the last [`TAIL`](Self::TAIL).
#[derive(Clone, Debug)]
pub struct Packet {
    /// Where it came from.
    pub from: Address,
    /// Where it goes.
    pub to: Address,
    kept: u32,
    short: [u8; INLINE],
    long: Vec<u8>,
}

impl Packet {
    /// Bytes kept of the end of a packet without payload: its tag.
    pub const TAIL: usize = 16;

    const fn empty() -> Self {
        let nobody = Address { host: 0, port: 0 };
        Self { from: nobody, to: nobody, kept: 0, short: [0; INLINE], long: Vec::new() }
    }

    /// Keeps `head` and `tail`, one behind the other.
    pub fn set_bytes(&mut self, head: &[u8], tail: &[u8]) {
        let kept = head.len() + tail.len();
        self.kept = kept as u32;
        if kept <= INLINE {
            self.short[..head.len()].copy_from_slice(head);
            self.short[head.len()..kept].copy_from_slice(tail);
        } else {
            self.long.clear();
            self.long.extend_from_slice(head);
            self.long.extend_from_slice(tail);
        }
    }

    /// The bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let kept = self.kept as usize;
        if kept <= INLINE { &self.short[..kept] } else { &self.long }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let kept = self.kept as usize;
        if kept <= INLINE { &mut self.short[..kept] } else { &mut self.long }
    }

    /// Flips a bit of a packet of `length` bytes. One that is not kept counts as one of the tag:
    /// either way, it does not open.
    pub fn flip(&mut self, bit: u32, length: usize) {
        let bytes = self.bytes_mut();
        let (byte, last) = ((bit / 8) as usize, bytes.len().saturating_sub(1));
        let tail = bytes.len().saturating_sub(Self::TAIL);
        let place = if byte < tail || bytes.len() == length { byte } else { last };
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Keeps the first `length` bytes and spoils the last: a packet that was cut does not open, whether
    /// it has a payload or only the length of one.
    pub fn cut(&mut self, length: usize) {
        let kept = self.bytes().len().min(length);
        if self.kept as usize > INLINE {
            self.short[..kept.min(INLINE)].copy_from_slice(&self.long[..kept.min(INLINE)]);
        }
        self.kept = kept.min(INLINE) as u32;
        if let Some(last) = self.bytes_mut().last_mut() {
            *last ^= 1;
        }
    }

    /// Writes the packet to `out`, which is as long as it; a payload that is not there is left as
    /// it is. Of a packet that was trimmed, `out` gets the beginning.
    pub fn write_to(&self, out: &mut [u8]) {
        let bytes = self.bytes();
        if bytes.len() >= out.len() {
            out.copy_from_slice(&bytes[..out.len()]);
        } else if let Some((head, tail)) = bytes.split_last_chunk::<{ Self::TAIL }>() {
            out[..head.len()].copy_from_slice(head);
            let end = out.len() - Self::TAIL;
            out[end..].copy_from_slice(tail);
        }
    }
}

/// The hash of a five-tuple (the protocol is always UDP).
#[must_use]
pub const fn flow_hash(from: Address, to: Address) -> u32 {
    let hosts = (from.host as u64) << 32 | to.host as u64;
    let ports = (from.port as u64) << 16 | to.port as u64;
    (mix(mix(hosts) ^ ports) >> 32) as u32
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct PacketPool {
    packets: Vec<Packet>,
    free: Vec<u32>,
}

impl PacketPool {
    /// A packet.
    pub fn take(&mut self, from: Address, to: Address, head: &[u8], tail: &[u8]) -> PacketId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.packets.push(Packet::empty());
            self.packets.len() as u32 - 1
        });
        let packet = &mut self.packets[id as usize];
        (packet.from, packet.to) = (from, to);
        packet.set_bytes(head, tail);
        PacketId(id)
    }

    /// A copy of a packet.
    pub fn duplicate(&mut self, id: PacketId) -> PacketId {
        let original = self[id].clone();
        self.take(original.from, original.to, original.bytes(), &[])
    }

    /// Takes a packet's memory back.
    pub fn free(&mut self, id: PacketId) {
        self.free.push(id.0);
    }

    /// Packets in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len() - self.free.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Index<PacketId> for PacketPool {
    type Output = Packet;
    fn index(&self, id: PacketId) -> &Packet {
        &self.packets[id.0 as usize]
    }
}

impl IndexMut<PacketId> for PacketPool {
    fn index_mut(&mut self, id: PacketId) -> &mut Packet {
        &mut self.packets[id.0 as usize]
    }
}
