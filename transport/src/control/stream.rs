//! Frames on the control stream: `type u8 | length u32 | body` (PROTOCOL §2.2).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::limits;

/// Bytes before a body.
const HEADER: usize = 5;

/// PARAMETERS.
pub(super) const PARAMETERS: u8 = 0x01;

/// APPLICATION: `kind u16`, then the application's bytes.
pub(super) const APPLICATION: u8 = 0x02;

/// Body bytes of the longest APPLICATION frame.
const APPLICATION_MAX: usize = 2 + limits::CONTROL_FRAME_MAX;

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawFrame {
    pub(super) kind: u8,
    pub(super) body: Bytes,
}

/// A frame announced more bytes than its receiver is ready to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oversized;

/// Cuts a byte stream into frames. Holds at most one frame's bytes and what was pushed last; a
/// length alone reserves nothing.
#[derive(Debug)]
pub(super) struct FrameDecoder {
    buffer: BytesMut,
    body_max: usize,
}

impl FrameDecoder {
    /// A decoder that takes bodies of up to `body_max` bytes.
    pub(super) fn new(body_max: usize) -> Self {
        Self { buffer: BytesMut::new(), body_max }
    }

    /// The peer is known now: it may send frames of any allowed length.
    pub(super) const fn trust(&mut self) {
        self.body_max = APPLICATION_MAX;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    ///
    /// [`Oversized`]; the stream cannot be read further then.
    pub(super) fn next(&mut self) -> Result<Option<RawFrame>, Oversized> {
        let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let [kind, a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(|_| Oversized)?;
        if length > self.body_max {
            return Err(Oversized);
        }
        if self.buffer.len() < HEADER + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        Ok(Some(RawFrame { kind, body: self.buffer.split_to(length).freeze() }))
    }
}

/// Header of a frame with a body of `length` bytes.
fn header(kind: u8, length: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEADER + 2);
    out.put_u8(kind);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out
}

/// A PARAMETERS frame.
pub(super) fn parameters_frame(body: &[u8]) -> Bytes {
    let mut out = header(PARAMETERS, body.len());
    out.extend_from_slice(body);
    out.freeze()
}

/// An APPLICATION frame in two parts: what goes before `body`, and `body` itself, not copied.
/// `None` if it is too long.
pub(super) fn application_frame(kind: u16, body: Bytes) -> Option<[Bytes; 2]> {
    if body.len() > limits::CONTROL_FRAME_MAX {
        return None;
    }
    let mut out = header(APPLICATION, 2 + body.len());
    out.put_u16(kind);
    Some([out.freeze(), body])
}

/// Kind and bytes of an APPLICATION body; `None` if it is too short for a kind.
pub(super) fn split_application(mut body: Bytes) -> Option<(u16, Bytes)> {
    let kind = body.try_get_u16().ok()?;
    Some((kind, body))
}
