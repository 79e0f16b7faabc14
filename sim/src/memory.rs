//! Memory that owns its buffers: the safe counterpart of a driver's user memory.

use std::collections::BTreeMap;

use sealane_transport::{BufferId, Memory};

/// How a payload enters a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The payload replaces what is there.
    #[default]
    Copy,
    /// Each byte is added, wrapping: a byte that is placed twice shows.
    Add,
}

#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    placement: Placement,
}

/// Buffers by id.
#[derive(Debug, Default)]
pub struct OwnedMemory {
    next: u64,
    buffers: BTreeMap<BufferId, Buffer>,
}

impl OwnedMemory {
    /// Takes `bytes` in and names them.
    pub fn insert(&mut self, bytes: Vec<u8>, placement: Placement) -> BufferId {
        let id = BufferId(self.next);
        self.next += 1;
        self.buffers.insert(id, Buffer { bytes, placement });
        id
    }

    /// The bytes of a buffer.
    #[must_use]
    pub fn bytes(&self, buffer: BufferId) -> Option<&[u8]> {
        self.buffers.get(&buffer).map(|buffer| buffer.bytes.as_slice())
    }

    /// Takes a buffer out; what the core does with its id afterwards finds nothing.
    pub fn remove(&mut self, buffer: BufferId) -> Option<Vec<u8>> {
        self.buffers.remove(&buffer).map(|buffer| buffer.bytes)
    }

    /// How many buffers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }
}

/// `offset..offset + length` as indices, if they are any.
fn range(offset: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(length)?)
}

impl Memory for OwnedMemory {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        self.bytes(buffer)?.get(range(offset, length)?)
    }

    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        let Some(buffer) = self.buffers.get_mut(&buffer) else { return false };
        let Some(range) = range(offset, payload.len()) else { return false };
        let Some(target) = buffer.bytes.get_mut(range) else { return false };
        match buffer.placement {
            Placement::Copy => target.copy_from_slice(payload),
            Placement::Add => {
                for (sum, byte) in target.iter_mut().zip(payload) {
                    *sum = sum.wrapping_add(*byte);
                }
            }
        }
        true
    }
}
