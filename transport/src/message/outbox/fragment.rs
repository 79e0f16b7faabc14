//! Pieces of messages, and the frame that each goes in.

use crate::ids::BufferId;
use crate::limits::GRANULE;
use crate::packet::{
    AtomicRequest, DATA_HEADER_LEN, DataHeader, FrameWriter, ReadRequest, WRITE_HEADER_LEN,
    WriteHeader,
};
use crate::rma::Segment;

use super::super::FragmentRef;
use super::super::outgoing::{Kind, Outgoing, Range};
use super::{Outbox, Owner};

/// By how much the header of a WRITE is longer than that of DATA.
const WRITE_EXTRA: usize = WRITE_HEADER_LEN - DATA_HEADER_LEN;

/// Room for payload behind a DATA header in which any message makes progress.
pub const FRAGMENT_ROOM_MIN: usize = GRANULE as usize + WRITE_EXTRA;

/// A piece of a message, to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// For the ledger.
    pub reference: FragmentRef,
    /// Whose message it is of.
    pub owner: Owner,
    /// The frame that it goes in.
    pub header: FragmentHeader,
    /// Where its bytes lie.
    pub buffer: BufferId,
    /// From which offset.
    pub offset: u64,
    /// How many.
    pub length: usize,
    /// They lie in several ranges: see [`Outbox::pieces`] instead.
    pub gathered: bool,
}

/// The frame of a [`Fragment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentHeader {
    /// DATA, payload to follow.
    Data(DataHeader),
    /// WRITE, payload to follow.
    Write(WriteHeader),
    /// READ.
    Read(ReadRequest),
    /// ATOMIC.
    Atomic(AtomicRequest),
}

impl FragmentHeader {
    /// Writes it; `false` if there is no room.
    pub fn put(&self, writer: &mut FrameWriter<'_>) -> bool {
        match self {
            Self::Data(header) => writer.put_data_header(header),
            Self::Write(header) => writer.put_write_header(header),
            Self::Read(request) => writer.put_read(request),
            Self::Atomic(request) => writer.put_atomic(request),
        }
    }
}

impl Outgoing {
    /// The next bytes to send, where a DATA header would leave room for `capacity` bytes.
    pub(super) fn take_behind_header(&mut self, capacity: usize) -> Option<Range> {
        let extra = if matches!(self.kind, Kind::Write { .. }) { WRITE_EXTRA } else { 0 };
        self.take(capacity.saturating_sub(extra) as u64)
    }

    fn header(&self, start: u64, end: u64) -> Option<FragmentHeader> {
        let request = &self.request;
        let message = self.id?;
        let eager = start < self.eager_end;
        // A sender that may be out of budget waits for the answer, and so may its caller at the last
        // piece.
        let ack_now =
            if end == request.length { !request.deferred_ack } else { end == self.eager_end };
        Some(match self.kind {
            Kind::Send | Kind::Answer { .. } => FragmentHeader::Data(DataHeader {
                eager,
                ack_now,
                message,
                tag: request.tag,
                length: request.length,
                offset: start,
                immediate: request.immediate,
            }),
            Kind::Write { address, immediate } => FragmentHeader::Write(WriteHeader {
                eager,
                ack_now,
                message,
                address,
                length: request.length,
                offset: start,
                immediate,
            }),
            Kind::Read { address, length, .. } => {
                FragmentHeader::Read(ReadRequest { message, address, length })
            }
            Kind::Atomic { address, operation } => {
                FragmentHeader::Atomic(AtomicRequest { message, address, operation })
            }
        })
    }
}

impl Outbox {
    pub(super) fn fragment(&mut self, slot: u32, start: u64, end: u64) -> Option<Fragment> {
        let outgoing = self.get(slot)?;
        let length = (end - start) as u32;
        let use_count = outgoing.use_count;
        Some(Fragment {
            reference: FragmentRef { slot, use_count, offset: start, length },
            owner: outgoing.owner,
            header: outgoing.header(start, end)?,
            buffer: outgoing.request.buffer,
            offset: outgoing.base + start,
            length: length as usize,
            gathered: outgoing.gather.is_some(),
        })
    }

    /// The ranges that a gathered fragment is made of, in order.
    pub fn pieces(&self, fragment: FragmentRef) -> impl Iterator<Item = Segment> + '_ {
        let outgoing = self.slots.get(fragment.slot as usize).and_then(Option::as_ref);
        let gather = outgoing
            .filter(|outgoing| outgoing.use_count == fragment.use_count)
            .and_then(|outgoing| outgoing.gather.as_ref());
        let length = u64::from(fragment.length);
        gather.into_iter().flat_map(move |gather| gather.pieces(fragment.offset, length))
    }
}
