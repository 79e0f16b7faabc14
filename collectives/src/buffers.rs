//! The arena, as the memory that the transport reads from and places into.

use sealane_kernels::{Arena, ViewId};
use sealane_transport::{BufferId, Memory};

/// See the module's text. Buffer ids are view ids.
#[derive(Debug, Default)]
pub struct Buffers(pub Arena);

impl Memory for Buffers {
    fn source(&self, buffer: BufferId, offset: u64, length: usize) -> Option<&[u8]> {
        self.0.source(ViewId(buffer.0), offset, length)
    }

    fn place(&mut self, buffer: BufferId, offset: u64, payload: &[u8]) -> bool {
        self.0.place(ViewId(buffer.0), offset, payload)
    }
}
