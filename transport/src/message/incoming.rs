//! One message on its way in: where its bytes go, and which have.

use std::collections::VecDeque;

use crate::event::Event;
use crate::ids::{BufferId, RecvId, RmaId, Tag};
use crate::memory::Memory;
use crate::packet::DataHeader;
use crate::rma::{Extent, RemoteAddress, Segments};

use super::granules::Granules;

/// Where the bytes of a message go.
#[derive(Debug)]
pub(super) enum Target {
    /// No receive has matched: the eager prefix is kept here.
    Storage(Vec<u8>),
    /// Into the buffer of a receive.
    Buffer { recv: RecvId, buffer: BufferId, progress: bool },
    /// Into memory that we granted.
    Granted(Write),
    /// Into the memory that a read of ours named.
    Read { rma: RmaId, segments: Segments },
}

/// A write of the peer's into granted memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub address: RemoteAddress,
    pub extent: Extent,
    pub immediate: Option<u32>,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Incoming {
    pub tag: Tag,
    pub length: u64,
    pub immediate: u32,
    pub target: Target,
    granules: Granules,
    /// Bytes that have arrived.
    pub arrived: u64,
    /// End of the bytes that came on the eager budget, and so no more than its sender was charged:
    /// what lies before it is stored, or has been, even if it is a hole as yet.
    pub eager: u64,
    /// Bytes from the start that we allowed.
    pub granted: u64,
    /// Its sender waits for the acknowledgement of the whole.
    pub ack_now: bool,
    /// A GRANT waits to be sent.
    pub grant_due: bool,
    /// It stands in the grant pool's queue.
    pub wants: bool,
    /// When it was first heard of, among all messages of the endpoint.
    pub order: u64,
}

impl Incoming {
    /// `reach`: how far beyond its start bytes may come before a receive matches.
    pub(super) fn new(header: &DataHeader, order: u64, reach: u64) -> Self {
        Self {
            tag: header.tag,
            length: header.length,
            immediate: header.immediate,
            target: Target::Storage(Vec::new()),
            granules: Granules::new(header.length, reach),
            arrived: 0,
            eager: 0,
            granted: 0,
            ack_now: false,
            grant_due: false,
            wants: false,
            order,
        }
    }

    /// A message of `length` bytes whose target is known; `reach` as in [`new`](Self::new).
    pub(super) fn aimed(length: u64, order: u64, reach: u64, target: Target) -> Self {
        let header = DataHeader { length, ..DataHeader::default() };
        Self { target, ..Self::new(&header, order, reach) }
    }

    /// Whether `header` speaks of this message as its other packets did.
    pub(super) fn agrees(&self, header: &DataHeader) -> bool {
        self.tag == header.tag && self.length == header.length && self.immediate == header.immediate
    }

    /// Whether no receive takes it.
    pub(super) const fn is_one_sided(&self) -> bool {
        matches!(self.target, Target::Granted(_) | Target::Read { .. })
    }

    pub(super) fn complete(&self) -> bool {
        self.arrived == self.length
    }

    /// Granted bytes that have not arrived.
    pub(super) fn outstanding(&self) -> u64 {
        self.granted.saturating_sub(self.arrived)
    }

    /// How many more bytes could be granted now.
    pub(super) fn grantable(&self) -> u64 {
        self.granules.window_end().min(self.length).saturating_sub(self.granted.max(self.arrived))
    }

    /// Takes in `payload` at `offset`: each byte that is new is placed, once. Returns `false` if the
    /// buffer of the receive is gone.
    pub(super) fn place(
        &mut self,
        offset: u64,
        payload: &[u8],
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> bool {
        let mut present = true;
        let (target, arrived) = (&mut self.target, &mut self.arrived);
        self.granules.insert(offset, offset + payload.len() as u64, |start, end| {
            let piece = &payload[(start - offset) as usize..(end - offset) as usize];
            *arrived += end - start;
            present &= put(target, start, piece, memory, events);
        });
        present
    }

    /// A receive matched: what is stored goes to its buffer. Returns `false` if that is gone.
    pub(super) fn retarget(
        &mut self,
        target: Target,
        memory: &mut dyn Memory,
        events: &mut VecDeque<Event>,
    ) -> bool {
        self.granules.widen();
        let Target::Storage(stored) = std::mem::replace(&mut self.target, target) else {
            return true;
        };
        let mut present = true;
        let target = &mut self.target;
        self.granules.marked(stored.len() as u64, |start, end| {
            let piece = &stored[start as usize..end as usize];
            present &= put(target, start, piece, memory, events);
        });
        present
    }
}

fn put(
    target: &mut Target,
    start: u64,
    piece: &[u8],
    memory: &mut dyn Memory,
    events: &mut VecDeque<Event>,
) -> bool {
    match target {
        Target::Storage(stored) => {
            let (from, to) = (start as usize, start as usize + piece.len());
            if stored.len() < to {
                stored.resize(to, 0);
            }
            stored[from..to].copy_from_slice(piece);
            true
        }
        Target::Buffer { recv, buffer, progress } => {
            let present = memory.place(*buffer, start, piece);
            if present && *progress {
                let length = piece.len() as u64;
                events.push_back(Event::Placed { recv: *recv, offset: start, length });
            }
            present
        }
        Target::Granted(write) => {
            memory.place(write.extent.buffer, write.extent.offset + start, piece)
        }
        Target::Read { segments, .. } => scatter(segments, start, piece, memory),
    }
}

fn scatter(segments: &Segments, start: u64, piece: &[u8], memory: &mut dyn Memory) -> bool {
    let mut rest = piece;
    segments.pieces(start, piece.len() as u64).all(|segment| {
        let (part, behind) = rest.split_at(segment.length as usize);
        rest = behind;
        memory.place(segment.buffer, segment.offset, part)
    })
}
