//! DATA: a piece of a message that can be placed without any other packet (PROTOCOL §5.9).

use std::fmt;

use super::wire::{put, put_u48, u32_at, u48_at, u64_at};
use super::{PacketError, kind};
use crate::ids::{MessageId, Tag};
use crate::limits::{GRANULE, MESSAGE_BYTES_MAX};

/// Bytes of the DATA header; the payload follows to the end of the packet.
pub const DATA_HEADER_LEN: usize = field::LEN;

/// Layout of the DATA header.
mod field {
    pub const TYPE: usize = 0;
    pub const FLAGS: usize = 1;
    pub const MESSAGE: usize = 2;
    pub const TAG: usize = 8;
    pub const LENGTH: usize = 16;
    pub const OFFSET: usize = 22;
    pub const IMMEDIATE: usize = 28;
    pub const LEN: usize = 32;
}

const FLAG_EAGER: u8 = 1 << 0;
const FLAG_ACK_NOW: u8 = 1 << 1;
const FLAGS_KNOWN: u8 = FLAG_EAGER | FLAG_ACK_NOW;

/// The DATA header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataHeader {
    /// These bytes are charged to the eager budget.
    pub eager: bool,
    /// The sender asks for an acknowledgement at once.
    pub ack_now: bool,
    /// Which message; below 2^47, or the answer to one.
    pub message: MessageId,
    /// What the receive is matched by.
    pub tag: Tag,
    /// Bytes of the whole message, at most 2^40.
    pub length: u64,
    /// Where in the message the payload belongs, in bytes; a multiple of 64.
    pub offset: u64,
    /// A value delivered with the completion.
    pub immediate: u32,
}

impl DataHeader {
    pub(super) fn encode(&self, out: &mut [u8; DATA_HEADER_LEN]) {
        out[field::TYPE] = kind::DATA;
        out[field::FLAGS] =
            if self.eager { FLAG_EAGER } else { 0 } | if self.ack_now { FLAG_ACK_NOW } else { 0 };
        put_u48(out, field::MESSAGE, self.message.0);
        put(out, field::TAG, self.tag.0.to_be_bytes());
        put_u48(out, field::LENGTH, self.length);
        put_u48(out, field::OFFSET, self.offset);
        put(out, field::IMMEDIATE, self.immediate.to_be_bytes());
    }

    /// The DATA frame that takes all of `frame`.
    pub(super) fn parse(frame: &[u8]) -> Result<(Self, &[u8]), PacketError> {
        let (bytes, payload) = frame
            .split_first_chunk::<DATA_HEADER_LEN>()
            .ok_or(PacketError::Truncated("the DATA header"))?;
        let flags = bytes[field::FLAGS];
        if flags & !FLAGS_KNOWN != 0 {
            return Err(PacketError::Reserved("DATA"));
        }
        let header = Self {
            eager: flags & FLAG_EAGER != 0,
            ack_now: flags & FLAG_ACK_NOW != 0,
            message: MessageId(u48_at(bytes, field::MESSAGE)),
            tag: Tag(u64_at(bytes, field::TAG)),
            length: u48_at(bytes, field::LENGTH),
            offset: u48_at(bytes, field::OFFSET),
            immediate: u32_at(bytes, field::IMMEDIATE),
        };
        check_payload(header.length, header.offset, payload.len())?;
        Ok((header, payload))
    }
}

/// Whether a payload of `payload` bytes belongs at `offset` of a message of `length`.
pub(super) fn check_payload(length: u64, offset: u64, payload: usize) -> Result<(), PacketError> {
    if length > MESSAGE_BYTES_MAX {
        return Err(PacketError::MessageLength(length));
    }
    if !offset.is_multiple_of(GRANULE) {
        return Err(PacketError::Offset(offset));
    }
    let bytes = payload as u64;
    // No overflow: the offset has 48 bits and a slice at most 63.
    let end = offset + bytes;
    let whole = bytes.is_multiple_of(GRANULE) || end == length;
    // Nothing is said by an empty payload in the middle of a message.
    let announces = bytes > 0 || offset == 0;
    if end > length || !whole || !announces {
        return Err(PacketError::Payload(payload));
    }
    Ok(())
}

impl fmt::Display for DataHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, tag, length, offset, immediate, .. } = self;
        write!(f, "DATA {message} {tag} offset {offset} of {length} immediate {immediate}")?;
        f.write_str(if self.eager { " eager" } else { "" })?;
        f.write_str(if self.ack_now { " ack-now" } else { "" })
    }
}
