//! Frames of one-sided operations: WRITE, READ, ATOMIC and RESULT (PROTOCOL §12).
//!
//! Requests begin alike: which message, which key, where, in which epoch. A WRITE takes the rest of its
//! packet; the others have fixed lengths.

use std::fmt;

use super::data::check_payload;
use super::wire::{put, put_u48, u16_at, u32_at, u48_at, u64_at};
use super::{Frame, PacketError, kind};
use crate::ids::MessageId;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::rma::{Atomic, RemoteAddress, RemoteKey};

/// Bytes of the WRITE header; the payload follows to the end of the packet.
pub const WRITE_HEADER_LEN: usize = write::LEN;
/// Bytes of a READ frame.
pub const READ_LEN: usize = read::LEN;
/// Bytes of an ATOMIC frame.
pub const ATOMIC_LEN: usize = atomic::LEN;
/// Bytes of a RESULT frame.
pub const RESULT_LEN: usize = result::LEN;

/// How requests begin.
mod request {
    pub const TYPE: usize = 0;
    pub const SECOND: usize = 1;
    pub const MESSAGE: usize = 2;
    pub const KEY: usize = 8;
    pub const OFFSET: usize = 16;
    pub const EPOCH: usize = 24;
}

mod write {
    pub const LENGTH: usize = 28;
    pub const OFFSET: usize = 34;
    pub const IMMEDIATE: usize = 40;
    pub const LEN: usize = 44;
}

mod read {
    pub const LENGTH: usize = 28;
    pub const LEN: usize = 34;
}

mod atomic {
    pub const OPERAND: usize = 28;
    pub const COMPARE: usize = 36;
    pub const LEN: usize = 44;
}

mod result {
    pub const MESSAGE: usize = 1;
    pub const STATUS: usize = 7;
    pub const VALUE: usize = 9;
    pub const LEN: usize = 17;
}

const FLAG_EAGER: u8 = 1 << 0;
const FLAG_ACK_NOW: u8 = 1 << 1;
const FLAG_NOTIFY: u8 = 1 << 2;
const FLAGS_KNOWN: u8 = FLAG_EAGER | FLAG_ACK_NOW | FLAG_NOTIFY;

const FETCH_ADD: u8 = 1;
const COMPARE_SWAP: u8 = 2;

/// The WRITE header: a piece of a write that can be placed without any other packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteHeader {
    /// These bytes are charged to the eager budget.
    pub eager: bool,
    /// The sender asks for an acknowledgement at once.
    pub ack_now: bool,
    /// Which message; below 2^47.
    pub message: MessageId,
    /// Where byte 0 of the write goes.
    pub address: RemoteAddress,
    /// Bytes of the whole write, at most 2^40.
    pub length: u64,
    /// Where in the write the payload belongs, in bytes; a multiple of 64.
    pub offset: u64,
    /// What to tell the target when all is placed, if anything.
    pub immediate: Option<u32>,
}

/// A READ: asks for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Which message; below 2^47.
    pub message: MessageId,
    /// Where the bytes are.
    pub address: RemoteAddress,
    /// How many, at most 2^40.
    pub length: u64,
}

/// An ATOMIC: asks for eight bytes to be changed in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtomicRequest {
    /// Which message; below 2^47.
    pub message: MessageId,
    /// Where they are.
    pub address: RemoteAddress,
    /// How.
    pub operation: Atomic,
}

fn put_request(out: &mut [u8], kind: u8, second: u8, message: MessageId, address: &RemoteAddress) {
    out[request::TYPE] = kind;
    out[request::SECOND] = second;
    put_u48(out, request::MESSAGE, message.0);
    put(out, request::KEY, address.key.0.to_be_bytes());
    put(out, request::OFFSET, address.offset.to_be_bytes());
    put(out, request::EPOCH, address.epoch.to_be_bytes());
}

/// Message and address of a request, whose length the caller has checked.
fn parse_request(bytes: &[u8]) -> Result<(MessageId, RemoteAddress), PacketError> {
    let message = MessageId(u48_at(bytes, request::MESSAGE));
    if message.request().is_some() {
        return Err(PacketError::RequestId(message.0));
    }
    let address = RemoteAddress {
        key: RemoteKey(u64_at(bytes, request::KEY)),
        offset: u64_at(bytes, request::OFFSET),
        epoch: u32_at(bytes, request::EPOCH),
    };
    Ok((message, address))
}

impl WriteHeader {
    pub(super) fn encode(&self, out: &mut [u8; WRITE_HEADER_LEN]) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.eager, FLAG_EAGER)
            | flag(self.ack_now, FLAG_ACK_NOW)
            | flag(self.immediate.is_some(), FLAG_NOTIFY);
        put_request(out, kind::WRITE, flags, self.message, &self.address);
        put_u48(out, write::LENGTH, self.length);
        put_u48(out, write::OFFSET, self.offset);
        put(out, write::IMMEDIATE, self.immediate.unwrap_or(0).to_be_bytes());
    }

    /// The WRITE frame that takes all of `frame`.
    pub(super) fn parse(frame: &[u8]) -> Result<(Self, &[u8]), PacketError> {
        let (bytes, payload) = frame
            .split_first_chunk::<WRITE_HEADER_LEN>()
            .ok_or(PacketError::Truncated("the WRITE header"))?;
        let flags = bytes[request::SECOND];
        let immediate = u32_at(bytes, write::IMMEDIATE);
        let notify = flags & FLAG_NOTIFY != 0;
        if flags & !FLAGS_KNOWN != 0 || !notify && immediate != 0 {
            return Err(PacketError::Reserved("WRITE"));
        }
        let (message, address) = parse_request(bytes)?;
        let header = Self {
            eager: flags & FLAG_EAGER != 0,
            ack_now: flags & FLAG_ACK_NOW != 0,
            message,
            address,
            length: u48_at(bytes, write::LENGTH),
            offset: u48_at(bytes, write::OFFSET),
            immediate: notify.then_some(immediate),
        };
        check_payload(header.length, header.offset, payload.len())?;
        Ok((header, payload))
    }
}

impl ReadRequest {
    pub(super) fn encode(&self, out: &mut [u8; READ_LEN]) {
        put_request(out, kind::READ, 0, self.message, &self.address);
        put_u48(out, read::LENGTH, self.length);
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<(Frame<'_>, usize), PacketError> {
        let bytes = bytes.first_chunk::<READ_LEN>().ok_or(PacketError::Truncated("READ"))?;
        if bytes[request::SECOND] != 0 {
            return Err(PacketError::Reserved("READ"));
        }
        let (message, address) = parse_request(bytes)?;
        let length = u48_at(bytes, read::LENGTH);
        if length > MESSAGE_BYTES_MAX {
            return Err(PacketError::MessageLength(length));
        }
        Ok((Frame::Read(Self { message, address, length }), READ_LEN))
    }
}

impl AtomicRequest {
    pub(super) fn encode(&self, out: &mut [u8; ATOMIC_LEN]) {
        let (code, operand, compare) = match self.operation {
            Atomic::FetchAdd { add } => (FETCH_ADD, add, 0),
            Atomic::CompareSwap { compare, swap } => (COMPARE_SWAP, swap, compare),
        };
        put_request(out, kind::ATOMIC, code, self.message, &self.address);
        put(out, atomic::OPERAND, operand.to_be_bytes());
        put(out, atomic::COMPARE, compare.to_be_bytes());
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<(Frame<'_>, usize), PacketError> {
        let bytes = bytes.first_chunk::<ATOMIC_LEN>().ok_or(PacketError::Truncated("ATOMIC"))?;
        let operand = u64_at(bytes, atomic::OPERAND);
        let compare = u64_at(bytes, atomic::COMPARE);
        let operation = match (bytes[request::SECOND], compare) {
            (FETCH_ADD, 0) => Atomic::FetchAdd { add: operand },
            (COMPARE_SWAP, compare) => Atomic::CompareSwap { compare, swap: operand },
            _ => return Err(PacketError::Reserved("ATOMIC")),
        };
        let (message, address) = parse_request(bytes)?;
        Ok((Frame::Atomic(Self { message, address, operation }), ATOMIC_LEN))
    }
}

pub(super) fn parse_result(bytes: &[u8]) -> Result<(Frame<'_>, usize), PacketError> {
    let bytes = bytes.first_chunk::<RESULT_LEN>().ok_or(PacketError::Truncated("RESULT"))?;
    let message = MessageId(u48_at(bytes, result::MESSAGE));
    if message.request().is_some() {
        return Err(PacketError::RequestId(message.0));
    }
    let (status, value) = (u16_at(bytes, result::STATUS), u64_at(bytes, result::VALUE));
    Ok((Frame::Result { message, status, value }, RESULT_LEN))
}

pub(super) fn encode_result(
    out: &mut [u8; RESULT_LEN],
    message: MessageId,
    status: u16,
    value: u64,
) {
    out[0] = kind::RESULT;
    put_u48(out, result::MESSAGE, message.0);
    put(out, result::STATUS, status.to_be_bytes());
    put(out, result::VALUE, value.to_be_bytes());
}

impl fmt::Display for WriteHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, address, length, offset, .. } = self;
        write!(f, "WRITE {message} to {} offset {offset} of {length}", address.offset)?;
        if let Some(immediate) = self.immediate {
            write!(f, " immediate {immediate}")?;
        }
        f.write_str(if self.eager { " eager" } else { "" })?;
        f.write_str(if self.ack_now { " ack-now" } else { "" })
    }
}

impl fmt::Display for ReadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "READ {} of {} from {}", self.message, self.length, self.address.offset)
    }
}

impl fmt::Display for AtomicRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, address, operation } = self;
        let name = match operation {
            Atomic::FetchAdd { .. } => "fetch-add",
            Atomic::CompareSwap { .. } => "compare-swap",
        };
        write!(f, "ATOMIC {message} {name} at {}", address.offset)
    }
}
