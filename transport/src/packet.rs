//! Packets on the wire: the clear header and the frames inside the seal (PROTOCOL §3, §5).
//!
//! Each packet type has named offsets, a checked view or a plain representation, and a `Display`.
//! Nothing here allocates, and no input can make it panic.

mod ack;
mod control;
mod data;
mod error;
mod frame;
mod header;
mod reader;
mod remote;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use ack::{ACK_HEADER_LEN, AckRepr, AckView, ack_len};
pub use control::{
    CANCEL_LEN, CLOSE_HEADER_LEN, CLOSE_REASON_MAX, CREDIT_LEN, GRANT_LEN, PROBE_LEN, REFUSE_LEN,
};
pub use data::{DATA_HEADER_LEN, DataHeader};
pub use error::PacketError;
pub use frame::Frame;
pub use header::{CLEAR_HEADER_LEN, ClearHeader, is_data_plane};
pub use reader::FrameReader;
pub use remote::{
    ATOMIC_LEN, AtomicRequest, READ_LEN, RESULT_LEN, ReadRequest, WRITE_HEADER_LEN, WriteHeader,
};
pub use writer::FrameWriter;

/// The first byte of each frame.
mod kind {
    pub const PADDING: u8 = 0x00;
    pub const PING: u8 = 0x01;
    pub const ACK: u8 = 0x02;
    pub const CREDIT: u8 = 0x03;
    pub const GRANT: u8 = 0x04;
    pub const PROBE: u8 = 0x05;
    pub const CLOSE: u8 = 0x06;
    pub const CANCEL: u8 = 0x07;
    pub const REFUSE: u8 = 0x08;
    pub const RESULT: u8 = 0x09;
    pub const DATA: u8 = 0x10;
    pub const WRITE: u8 = 0x11;
    pub const READ: u8 = 0x12;
    pub const ATOMIC: u8 = 0x13;
}
