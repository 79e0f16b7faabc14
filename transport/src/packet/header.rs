//! The clear header: 16 bytes in front of the seal, authenticated as a whole (PROTOCOL §3.2).

use std::fmt;

use super::PacketError;
use super::wire::{put, u16_at, u32_at, u64_at};
use crate::ids::{Lane, SessionId};
use crate::limits::{OUTSTANDING_MAX, PACKET_NUMBER_MAX};

/// Bytes of the clear header.
pub const CLEAR_HEADER_LEN: usize = field::LEN;

/// Layout of the clear header.
mod field {
    /// u8: plane (2 bits), version (2), key generation (2), reserved (2).
    pub const FIRST: usize = 0;
    pub const LANE: usize = 1;
    pub const SPAN: usize = 2;
    pub const SESSION: usize = 4;
    pub const NUMBER: usize = 8;
    pub const LEN: usize = 16;
}

const PLANE_MASK: u8 = 0b1100_0000;
const VERSION_MASK: u8 = 0b0011_0000;
const VERSION_SHIFT: u32 = 4;
const GENERATION_MASK: u8 = 0b0000_1100;
const GENERATION_SHIFT: u32 = 2;
const RESERVED_MASK: u8 = 0b0000_0011;

/// Whether a datagram that starts with `first` belongs to the data plane; QUIC packets have the
/// long-header bit or the fixed bit set (RFC 9443 §2).
#[must_use]
pub const fn is_data_plane(first: u8) -> bool {
    first & PLANE_MASK == 0
}

/// The clear header of a data packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearHeader {
    /// Key generation modulo 4.
    pub generation: u8,
    /// The sealing lane.
    pub lane: Lane,
    /// Distance from the sender's lowest outstanding packet number.
    pub span: u16,
    /// The receiver's name for the session; never 0.
    pub session: SessionId,
    /// The packet number, 62 bits.
    pub number: u64,
}

impl ClearHeader {
    /// Writes it to the first 16 bytes of `packet`; `false` if there are fewer.
    pub fn encode(&self, packet: &mut [u8]) -> bool {
        let Some(out) = packet.first_chunk_mut::<{ field::LEN }>() else { return false };
        out[field::FIRST] = first_byte(self.generation);
        out[field::LANE] = self.lane.0;
        put(out, field::SPAN, self.span.to_be_bytes());
        put(out, field::SESSION, self.session.0.to_be_bytes());
        put(out, field::NUMBER, self.number.to_be_bytes());
        true
    }

    /// Reads it from the start of `packet`.
    ///
    /// # Errors
    ///
    /// When the bytes are too few, of another plane or version, or say what no sender may say.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let bytes = packet
            .first_chunk::<{ field::LEN }>()
            .ok_or(PacketError::Truncated("the clear header"))?;
        let first = bytes[field::FIRST];
        if !is_data_plane(first) {
            return Err(PacketError::NotDataPlane);
        }
        let version = (first & VERSION_MASK) >> VERSION_SHIFT;
        if version != 0 {
            return Err(PacketError::Version(version));
        }
        if first & RESERVED_MASK != 0 {
            return Err(PacketError::Reserved("the clear header"));
        }
        let header = Self {
            generation: (first & GENERATION_MASK) >> GENERATION_SHIFT,
            lane: Lane(bytes[field::LANE]),
            span: u16_at(bytes, field::SPAN),
            session: SessionId(u32_at(bytes, field::SESSION)),
            number: u64_at(bytes, field::NUMBER),
        };
        if header.number > PACKET_NUMBER_MAX {
            return Err(PacketError::Number(header.number));
        }
        let span = u64::from(header.span);
        if span > OUTSTANDING_MAX || span > header.number {
            return Err(PacketError::Span(header.span));
        }
        if header.session.0 == 0 {
            return Err(PacketError::Session);
        }
        Ok(header)
    }

    /// The sender's lowest outstanding packet number.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.number.saturating_sub(u64::from(self.span))
    }

    /// Whether the header bytes of `packet` name this generation, lane and number: what the nonce
    /// and the key are chosen by.
    pub(crate) fn names(packet: &[u8], generation: u8, lane: Lane, number: u64) -> bool {
        packet.first_chunk::<{ field::LEN }>().is_some_and(|bytes| {
            bytes[field::FIRST] == first_byte(generation)
                && bytes[field::LANE] == lane.0
                && u64_at(bytes, field::NUMBER) == number
        })
    }
}

/// Plane, version and reserved bits are all zero in version 1.
const fn first_byte(generation: u8) -> u8 {
    (generation << GENERATION_SHIFT) & GENERATION_MASK
}

impl fmt::Display for ClearHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, lane, span, session, number } = self;
        write!(f, "packet {number} (span {span}) {session} {lane} generation {generation}")
    }
}
