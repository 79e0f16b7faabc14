//! pcapng (draft-ietf-opsawg-pcapng): one section, an interface for each host, nanoseconds, and for each
//! packet whether it left or came.

use std::net::SocketAddr;

use sealane_sim::engine::Picos;
use sealane_sim::fabric::Packet;
use sealane_sim::topology::Graph;
use sealane_transport::device::Ecn;

use super::Sink;

/// Section header, interface description, enhanced packet: types of blocks.
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

/// Says how bytes are ordered: as written.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;

/// LINKTYPE_RAW: packets begin with an IP header.
const LINK_RAW: u16 = 101;

/// Options of blocks.
const END: u16 = 0;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const FLAGS: u16 = 2;

/// 10^-9 s.
const NANOSECONDS: u8 = 9;

/// IPv4 and UDP headers.
const HEADERS: usize = 28;

/// Which way a packet passed its host's interface: values of the flags option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Inbound = 1,
    Outbound = 2,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Pcapng {
    pub sink: Sink,
    block: Vec<u8>,
}

impl Pcapng {
    pub const fn new(sink: Sink) -> Self {
        Self { sink, block: Vec::new() }
    }

    /// Writes the section's header and the interfaces.
    pub fn begin(&mut self, graph: &Graph) {
        let mut body = Vec::new();
        body.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        body.extend_from_slice(&[1, 0, 0, 0]);
        // The section's length is not known.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        let application = concat!("sealane sim ", env!("CARGO_PKG_VERSION"));
        option(&mut body, APPLICATION, application.as_bytes());
        option(&mut body, END, &[]);
        self.write(SECTION, &body);
        for host in 0..graph.hosts {
            body.clear();
            body.extend_from_slice(&LINK_RAW.to_le_bytes());
            // Reserved, and no limit on the length of packets.
            body.extend_from_slice(&[0; 6]);
            option(&mut body, NAME, format!("host{host}").as_bytes());
            option(&mut body, RESOLUTION, &[NANOSECONDS]);
            option(&mut body, END, &[]);
            self.write(INTERFACE, &body);
        }
    }

    /// Writes a packet at the interface of the host that it leaves or reaches.
    pub fn packet(
        &mut self,
        now: Picos,
        packet: &Packet,
        length: u16,
        ecn: Ecn,
        direction: Direction,
    ) {
        let host = match direction {
            Direction::Outbound => packet.from.host,
            Direction::Inbound => packet.to.host,
        };
        let kept = kept(packet, usize::from(length));
        let (whole, captured) = (HEADERS + usize::from(length), HEADERS + kept.len());
        let nanos = now.0 / 1000;
        let mut body = std::mem::take(&mut self.block);
        body.clear();
        for word in [host, (nanos >> 32) as u32, nanos as u32, captured as u32, whole as u32] {
            body.extend_from_slice(&word.to_le_bytes());
        }
        headers(&mut body, packet.from.socket(), packet.to.socket(), length, ecn);
        body.extend_from_slice(kept);
        pad(&mut body);
        option(&mut body, FLAGS, &(direction as u32).to_le_bytes());
        option(&mut body, END, &[]);
        self.write(PACKET, &body);
        self.block = body;
    }

    fn write(&mut self, kind: u32, body: &[u8]) {
        let length = (body.len() as u32 + 12).to_le_bytes();
        for piece in [&kind.to_le_bytes()[..], &length, body, &length] {
            self.sink.write(piece);
        }
    }
}

/// The bytes of a packet from its beginning on; a payload that is not there is not made up.
fn kept(packet: &Packet, length: usize) -> &[u8] {
    let bytes = packet.bytes();
    if bytes.len() >= length {
        return &bytes[..length];
    }
    &bytes[..bytes.len().saturating_sub(Packet::TAIL)]
}

/// IPv4 and UDP headers. UDP's checksum is 0: "none was computed" (RFC 768).
fn headers(body: &mut Vec<u8>, from: SocketAddr, to: SocketAddr, length: u16, ecn: Ecn) {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else { return };
    let begins = body.len();
    let udp = length.saturating_add(8);
    body.extend_from_slice(&[0x45, ecn as u8]);
    body.extend_from_slice(&udp.saturating_add(20).to_be_bytes());
    // Identification 0, do not fragment, 64 hops, UDP, and a checksum to come.
    body.extend_from_slice(&[0, 0, 0x40, 0, 64, 17, 0, 0]);
    body.extend_from_slice(&from.ip().octets());
    body.extend_from_slice(&to.ip().octets());
    let checksum = checksum(&body[begins..]);
    body[begins + 10..begins + 12].copy_from_slice(&checksum.to_be_bytes());
    for word in [from.port(), to.port(), udp, 0] {
        body.extend_from_slice(&word.to_be_bytes());
    }
}

/// RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let sum = (sum & 0xFFFF) + (sum >> 16);
    !(((sum & 0xFFFF) + (sum >> 16)) as u16)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// Blocks and options are whole 32-bit words.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
