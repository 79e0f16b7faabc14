//! Frames out of an opened packet.

use std::iter::FusedIterator;

use super::{
    AckView, AtomicRequest, DataHeader, Frame, PacketError, ReadRequest, WriteHeader, control,
    kind, remote,
};

/// Iterates over the frames of an opened packet. After an error it ends: a peer that sends
/// malformed frames inside an authenticated packet has broken the protocol.
#[derive(Clone, Debug)]
pub struct FrameReader<'a> {
    rest: &'a [u8],
}

impl<'a> FrameReader<'a> {
    /// Reads `plaintext`, all of it.
    #[must_use]
    pub const fn new(plaintext: &'a [u8]) -> Self {
        Self { rest: plaintext }
    }

    fn frame(bytes: &'a [u8], kind: u8) -> Result<(Frame<'a>, usize), PacketError> {
        match kind {
            kind::DATA => {
                let (header, payload) = DataHeader::parse(bytes)?;
                Ok((Frame::Data(header, payload), bytes.len()))
            }
            kind::ACK => {
                let ack = AckView::parse(bytes)?;
                Ok((Frame::Ack(ack), ack.encoded_len()))
            }
            kind::WRITE => {
                let (header, payload) = WriteHeader::parse(bytes)?;
                Ok((Frame::Write(header, payload), bytes.len()))
            }
            kind::PING => Ok((Frame::Ping, 1)),
            kind::CREDIT => control::parse_credit(bytes),
            kind::GRANT => control::parse_grant(bytes),
            kind::PROBE => control::parse_probe(bytes),
            kind::CLOSE => control::parse_close(bytes),
            kind::CANCEL => control::parse_cancel(bytes),
            kind::REFUSE => control::parse_refuse(bytes),
            kind::RESULT => remote::parse_result(bytes),
            kind::READ => ReadRequest::parse(bytes),
            kind::ATOMIC => AtomicRequest::parse(bytes),
            unknown => Err(PacketError::UnknownFrame(unknown)),
        }
    }
}

impl<'a> Iterator for FrameReader<'a> {
    type Item = Result<Frame<'a>, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        let start = bytes.iter().position(|byte| *byte != kind::PADDING)?;
        let bytes = &bytes[start..];
        match Self::frame(bytes, bytes[0]) {
            Ok((frame, length)) => {
                self.rest = &bytes[length..];
                Some(Ok(frame))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl FusedIterator for FrameReader<'_> {}
