//! Memory that holds no bytes: messages are checked as they are placed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sealane_collectives::Buffers;
use sealane_transport::limits::GRANULE;
use sealane_transport::{BufferId, Memory};

use crate::rng::Rng;

/// The largest slice that is ever lent: a packet's payload.
const SLICE_MAX: usize = 1 << 16;

/// Where the pattern of a message repeats.
const PERIOD: u64 = SLICE_MAX as u64;

/// What all messages consist of, each from a place of its own.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut pattern = vec![0; SLICE_MAX];
    Rng::new(0, 0x0070_6174).fill(&mut pattern);
    pattern.extend_from_within(..);
    pattern
});

/// A message that is being received.
#[derive(Debug)]
struct Incoming {
    length: u64,
    placed: u64,
    /// One bit per granule.
    granules: Vec<u64>,
}

/// Checks that every byte of every message is placed once, and, if payloads are real, that it is the
/// right byte.
#[derive(Debug, Default)]
pub struct FlowMemory {
    /// Payloads are real.
    full: bool,
    incoming: BTreeMap<u64, Incoming>,
    violations: Vec<String>,
}

/// Complaints that are kept.
const VIOLATIONS_MAX: usize = 16;

impl FlowMemory {
    /// Whose payloads are real, or not.
    #[must_use]
    pub fn new(full: bool) -> Self {
        Self { full, ..Self::default() }
    }

    /// A message of `length` bytes will be placed into `buffer`.
    pub fn expect(&mut self, buffer: BufferId, length: u64) {
        let words = length.div_ceil(GRANULE).div_ceil(64) as usize;
        let incoming = Incoming { length, placed: 0, granules: vec![0; words] };
        self.incoming.insert(buffer.0, incoming);
    }

    /// The message of `buffer` is complete, or was given up: forgets it.
    pub fn finish(&mut self, buffer: BufferId, complete: bool) {
        let Some(incoming) = self.incoming.remove(&buffer.0) else {
            self.complain(format!("buffer {} completed twice", buffer.0));
            return;
        };
        if complete && incoming.placed != incoming.length {
            let Incoming { placed, length, .. } = incoming;
            self.complain(format!("buffer {} is complete with {placed} of {length} B", buffer.0));
        }
    }

    /// What went wrong so far.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    fn complain(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }
}

/// The bytes of a message.
fn pattern(buffer: u64, offset: u64, length: usize) -> Option<&'static [u8]> {
    let start = (buffer.wrapping_mul(GRANULE).wrapping_add(offset) % PERIOD) as usize;
    PATTERN.get(start..start + length.min(SLICE_MAX + 1))
}

impl Memory for FlowMemory {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        pattern(buffer.0, if self.full { offset } else { 0 }, length)
    }

    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        let Some(incoming) = self.incoming.get_mut(&buffer.0) else {
            self.complain(format!("bytes were placed into buffer {} after its end", buffer.0));
            return false;
        };
        let length = payload.len() as u64;
        let end = offset + length;
        let aligned = offset.is_multiple_of(GRANULE);
        if !aligned || end > incoming.length {
            self.complain(format!("{length} B at {offset} do not fit buffer {}", buffer.0));
            return false;
        }
        let mut again = false;
        for granule in offset / GRANULE..end.div_ceil(GRANULE) {
            let (word, bit) = ((granule / 64) as usize, 1 << (granule % 64));
            again |= incoming.granules[word] & bit != 0;
            incoming.granules[word] |= bit;
        }
        incoming.placed += length;
        if again {
            self.complain(format!("{length} B at {offset} of buffer {} came twice", buffer.0));
        }
        if self.full && pattern(buffer.0, offset, payload.len()) != Some(payload) {
            self.complain(format!("{length} B at {offset} of buffer {} are wrong", buffer.0));
        }
        true
    }
}

/// The memory of a host.
#[derive(Debug)]
pub enum HostMemory {
    /// Messages between hosts.
    Flows(FlowMemory),
    /// Operands of collectives.
    Operands {
        /// The executor's own table.
        buffers: Buffers,
        /// Payloads are lengths: nothing is read, placed or reduced.
        phantom: bool,
    },
}

impl Memory for HostMemory {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        match self {
            Self::Flows(flows) => flows.source(buffer, offset, length),
            Self::Operands { phantom: true, .. } => pattern(0, 0, length),
            Self::Operands { buffers, .. } => buffers.source(buffer, offset, length),
        }
    }

    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        match self {
            Self::Flows(flows) => flows.place(buffer, offset, payload),
            Self::Operands { phantom: true, .. } => true,
            Self::Operands { buffers, .. } => buffers.place(buffer, offset, payload),
        }
    }
}
