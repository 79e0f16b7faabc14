//! The small frames: CREDIT, GRANT, PROBE, CLOSE, CANCEL, REFUSE (PROTOCOL §5.4–§5.8).
//!
//! Each parser takes the bytes from the frame's type to the end of the plaintext and returns the
//! frame with its length.

use super::wire::{put, put_u48, u16_at, u32_at, u48_at, u64_at};
use super::{Frame, PacketError, kind};
use crate::ids::MessageId;
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_IDS_END};

/// Bytes of a CREDIT frame.
pub const CREDIT_LEN: usize = credit::LEN;
/// Bytes of a GRANT frame.
pub const GRANT_LEN: usize = grant::LEN;
/// Bytes of a PROBE frame.
pub const PROBE_LEN: usize = probe::LEN;
/// Bytes of a CLOSE frame before its reason.
pub const CLOSE_HEADER_LEN: usize = close::LEN;
/// The longest close reason, in bytes of UTF-8.
pub const CLOSE_REASON_MAX: usize = u8::MAX as usize;
/// Bytes of a CANCEL frame.
pub const CANCEL_LEN: usize = cancel::LEN;
/// Bytes of a REFUSE frame.
pub const REFUSE_LEN: usize = refuse::LEN;

mod credit {
    pub const EAGER_LIMIT: usize = 1;
    pub const MESSAGE_LIMIT: usize = 9;
    pub const LEN: usize = 17;
}

mod grant {
    pub const MESSAGE: usize = 1;
    pub const LIMIT: usize = 7;
    pub const LEN: usize = 13;
}

mod probe {
    pub const ID: usize = 1;
    pub const LEN: usize = 5;
}

mod close {
    pub const CODE: usize = 1;
    pub const REASON_LEN: usize = 3;
    pub const LEN: usize = 4;
}

mod cancel {
    pub const MESSAGE: usize = 1;
    pub const LEN: usize = 7;
}

mod refuse {
    pub const MESSAGE: usize = 1;
    pub const CODE: usize = 7;
    pub const LEN: usize = 9;
}

type Parsed<'a> = Result<(Frame<'a>, usize), PacketError>;

pub(super) fn parse_credit(bytes: &[u8]) -> Parsed<'_> {
    let bytes = bytes.first_chunk::<{ credit::LEN }>().ok_or(PacketError::Truncated("CREDIT"))?;
    let eager_limit = u64_at(bytes, credit::EAGER_LIMIT);
    let message_limit = u64_at(bytes, credit::MESSAGE_LIMIT);
    if message_limit > MESSAGE_IDS_END {
        return Err(PacketError::MessageLimit(message_limit));
    }
    Ok((Frame::Credit { eager_limit, message_limit }, credit::LEN))
}

pub(super) fn encode_credit(out: &mut [u8; CREDIT_LEN], eager_limit: u64, message_limit: u64) {
    out[0] = kind::CREDIT;
    put(out, credit::EAGER_LIMIT, eager_limit.to_be_bytes());
    put(out, credit::MESSAGE_LIMIT, message_limit.to_be_bytes());
}

pub(super) fn parse_grant(bytes: &[u8]) -> Parsed<'_> {
    let bytes = bytes.first_chunk::<{ grant::LEN }>().ok_or(PacketError::Truncated("GRANT"))?;
    let message = MessageId(u48_at(bytes, grant::MESSAGE));
    let limit = u48_at(bytes, grant::LIMIT);
    if limit > MESSAGE_BYTES_MAX {
        return Err(PacketError::MessageLength(limit));
    }
    Ok((Frame::Grant { message, limit }, grant::LEN))
}

pub(super) fn encode_grant(out: &mut [u8; GRANT_LEN], message: MessageId, limit: u64) {
    out[0] = kind::GRANT;
    put_u48(out, grant::MESSAGE, message.0);
    put_u48(out, grant::LIMIT, limit);
}

pub(super) fn parse_probe(bytes: &[u8]) -> Parsed<'_> {
    let bytes = bytes.first_chunk::<{ probe::LEN }>().ok_or(PacketError::Truncated("PROBE"))?;
    Ok((Frame::Probe { id: u32_at(bytes, probe::ID) }, probe::LEN))
}

pub(super) fn encode_probe(out: &mut [u8; PROBE_LEN], id: u32) {
    out[0] = kind::PROBE;
    put(out, probe::ID, id.to_be_bytes());
}

pub(super) fn parse_close(bytes: &[u8]) -> Parsed<'_> {
    let (head, rest) =
        bytes.split_first_chunk::<{ close::LEN }>().ok_or(PacketError::Truncated("CLOSE"))?;
    let length = usize::from(head[close::REASON_LEN]);
    let reason = rest.get(..length).ok_or(PacketError::Truncated("CLOSE"))?;
    let reason = std::str::from_utf8(reason).map_err(|_| PacketError::Reason)?;
    Ok((Frame::Close { code: u16_at(head, close::CODE), reason }, close::LEN + length))
}

/// Writes a CLOSE frame of at most `out` bytes, which are at least [`CLOSE_HEADER_LEN`]; returns
/// its length. A reason that does not fit is cut at a character's end.
pub(super) fn encode_close(out: &mut [u8], code: u16, reason: &str) -> usize {
    let room = out.len().saturating_sub(close::LEN).min(CLOSE_REASON_MAX);
    let mut length = reason.len().min(room);
    while !reason.is_char_boundary(length) {
        length -= 1;
    }
    out[0] = kind::CLOSE;
    put(out, close::CODE, code.to_be_bytes());
    // At most 255 by `room`.
    out[close::REASON_LEN] = length as u8;
    out[close::LEN..close::LEN + length].copy_from_slice(&reason.as_bytes()[..length]);
    close::LEN + length
}

pub(super) fn parse_cancel(bytes: &[u8]) -> Parsed<'_> {
    let bytes = bytes.first_chunk::<{ cancel::LEN }>().ok_or(PacketError::Truncated("CANCEL"))?;
    Ok((Frame::Cancel { message: MessageId(u48_at(bytes, cancel::MESSAGE)) }, cancel::LEN))
}

pub(super) fn encode_cancel(out: &mut [u8; CANCEL_LEN], message: MessageId) {
    out[0] = kind::CANCEL;
    put_u48(out, cancel::MESSAGE, message.0);
}

pub(super) fn parse_refuse(bytes: &[u8]) -> Parsed<'_> {
    let bytes = bytes.first_chunk::<{ refuse::LEN }>().ok_or(PacketError::Truncated("REFUSE"))?;
    let message = MessageId(u48_at(bytes, refuse::MESSAGE));
    Ok((Frame::Refuse { message, code: u16_at(bytes, refuse::CODE) }, refuse::LEN))
}

pub(super) fn encode_refuse(out: &mut [u8; REFUSE_LEN], message: MessageId, code: u16) {
    out[0] = kind::REFUSE;
    put_u48(out, refuse::MESSAGE, message.0);
    put(out, refuse::CODE, code.to_be_bytes());
}
