//! Scatter/gather lists: the local memory of a one-sided operation.

use crate::ids::BufferId;
use crate::limits::{MESSAGE_BYTES_MAX, SEGMENTS_MAX};

/// A range of local memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which buffer.
    pub buffer: BufferId,
    /// Bytes from its start.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// A checked list of segments, end to end one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// Each with the offset in the message at which it starts; none is empty.
    list: Box<[(u64, Segment)]>,
    length: u64,
}

impl Segments {
    /// `None` when they are too many, or longer than a message, or one of them is no range.
    pub(crate) fn new(segments: &[Segment]) -> Option<Self> {
        if segments.len() > SEGMENTS_MAX {
            return None;
        }
        let mut length = 0_u64;
        let mut list = Vec::with_capacity(segments.len());
        for segment in segments.iter().filter(|segment| segment.length > 0) {
            segment.offset.checked_add(segment.length)?;
            list.push((length, *segment));
            length = length.checked_add(segment.length)?;
        }
        (length <= MESSAGE_BYTES_MAX).then_some(Self { list: list.into(), length })
    }

    /// Bytes in all.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Buffer and offset of the whole, if it is one range.
    pub(crate) fn single(&self) -> Option<(BufferId, u64)> {
        match &*self.list {
            [] => Some((BufferId::default(), 0)),
            [(_, segment)] => Some((segment.buffer, segment.offset)),
            _ => None,
        }
    }

    /// The ranges that make up `length` bytes at `offset` of the message, which must have them.
    pub(crate) fn pieces(&self, offset: u64, length: u64) -> impl Iterator<Item = Segment> + '_ {
        let end = offset + length;
        let first = self.list.partition_point(|(start, segment)| start + segment.length <= offset);
        self.list[first..].iter().take_while(move |(start, _)| *start < end).map(
            move |(start, segment)| {
                let from = offset.max(*start);
                let to = end.min(start + segment.length);
                let offset = segment.offset + (from - start);
                Segment { buffer: segment.buffer, offset, length: to - from }
            },
        )
    }
}
