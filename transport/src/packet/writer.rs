//! Frames into a packet that is to be sealed.

use super::{
    ATOMIC_LEN, AckRepr, AtomicRequest, CANCEL_LEN, CREDIT_LEN, DATA_HEADER_LEN, DataHeader,
    GRANT_LEN, PROBE_LEN, READ_LEN, REFUSE_LEN, RESULT_LEN, ReadRequest, WRITE_HEADER_LEN,
    WriteHeader, control, kind, remote,
};
use crate::ids::MessageId;

/// Writes frames one after the other. Each `put` returns `false`, and writes nothing, if there is
/// no room.
#[derive(Debug)]
pub struct FrameWriter<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> FrameWriter<'a> {
    /// Writes to `buffer`: the packet between clear header and tag.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, used: 0 }
    }

    /// Bytes written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes of room left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.buffer.len() - self.used
    }

    fn put<const N: usize>(&mut self, encode: impl FnOnce(&mut [u8; N])) -> bool {
        let Some(out) = self.buffer[self.used..].first_chunk_mut::<N>() else { return false };
        encode(out);
        self.used += N;
        true
    }

    /// Fills the rest with PADDING.
    pub fn pad_to_end(&mut self) {
        self.buffer[self.used..].fill(kind::PADDING);
        self.used = self.buffer.len();
    }

    /// Writes a PING.
    pub fn put_ping(&mut self) -> bool {
        self.put(|out: &mut [u8; 1]| out[0] = kind::PING)
    }

    /// Writes an ACK. Words beyond [`ACK_WORDS_MAX`](crate::limits::ACK_WORDS_MAX) are left out.
    pub fn put_ack(&mut self, ack: &AckRepr<'_>) -> bool {
        let length = ack.encoded_len();
        let Some(out) = self.buffer[self.used..].get_mut(..length) else { return false };
        ack.encode(out);
        self.used += length;
        true
    }

    /// Writes a CREDIT.
    pub fn put_credit(&mut self, eager_limit: u64, message_limit: u64) -> bool {
        self.put(|out: &mut [u8; CREDIT_LEN]| {
            control::encode_credit(out, eager_limit, message_limit);
        })
    }

    /// Writes a GRANT. `limit` is a byte offset into the message.
    pub fn put_grant(&mut self, message: MessageId, limit: u64) -> bool {
        self.put(|out: &mut [u8; GRANT_LEN]| control::encode_grant(out, message, limit))
    }

    /// Writes a PROBE; pad it to the size that is to be tested.
    pub fn put_probe(&mut self, id: u32) -> bool {
        self.put(|out: &mut [u8; PROBE_LEN]| control::encode_probe(out, id))
    }

    /// Writes a CLOSE. A reason longer than 255 bytes or than the room is cut at a character's end.
    pub fn put_close(&mut self, code: u16, reason: &str) -> bool {
        let out = &mut self.buffer[self.used..];
        if out.len() < control::CLOSE_HEADER_LEN {
            return false;
        }
        self.used += control::encode_close(out, code, reason);
        true
    }

    /// Writes a CANCEL.
    pub fn put_cancel(&mut self, message: MessageId) -> bool {
        self.put(|out: &mut [u8; CANCEL_LEN]| control::encode_cancel(out, message))
    }

    /// Writes a REFUSE.
    pub fn put_refuse(&mut self, message: MessageId, code: u16) -> bool {
        self.put(|out: &mut [u8; REFUSE_LEN]| control::encode_refuse(out, message, code))
    }

    /// Writes a DATA header: the last frame. Its payload is not written here; the sealer takes it
    /// from user memory and seals it behind.
    pub fn put_data_header(&mut self, header: &DataHeader) -> bool {
        self.put(|out: &mut [u8; DATA_HEADER_LEN]| header.encode(out))
    }

    /// Writes a WRITE header: the last frame, as DATA is.
    pub fn put_write_header(&mut self, header: &WriteHeader) -> bool {
        self.put(|out: &mut [u8; WRITE_HEADER_LEN]| header.encode(out))
    }

    /// Writes a READ.
    pub fn put_read(&mut self, request: &ReadRequest) -> bool {
        self.put(|out: &mut [u8; READ_LEN]| request.encode(out))
    }

    /// Writes an ATOMIC.
    pub fn put_atomic(&mut self, request: &AtomicRequest) -> bool {
        self.put(|out: &mut [u8; ATOMIC_LEN]| request.encode(out))
    }

    /// Writes a RESULT.
    pub fn put_result(&mut self, message: MessageId, status: u16, value: u64) -> bool {
        self.put(|out: &mut [u8; RESULT_LEN]| remote::encode_result(out, message, status, value))
    }
}
