//! The transmit pool: train buffers lent to the core, most recently used first.

/// Bytes of one buffer: any UDP train fits (16-bit length field).
pub const SLOT_BYTES: usize = 1 << 16;

/// A fixed set of train buffers. The last one returned is lent first, while it is in cache.
#[derive(Debug)]
pub struct Pool {
    memory: Box<[u8]>,
    free: Vec<u32>,
}

impl Pool {
    /// A pool of `slots` buffers. Pages are touched only once they are lent.
    pub fn new(slots: u32) -> Self {
        let memory = vec![0; slots as usize * SLOT_BYTES].into_boxed_slice();
        Self { memory, free: (0..slots).rev().collect() }
    }

    /// Takes a buffer, or `None` when all are in use.
    pub fn take(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Returns a buffer taken before. The list never grows: it was built at full length.
    pub fn give(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Whether all buffers are in use.
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }

    /// How many buffers are free.
    #[cfg(test)]
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// The bytes of a buffer.
    pub fn bytes(&self, slot: u32) -> &[u8] {
        let start = slot as usize * SLOT_BYTES;
        &self.memory[start..start + SLOT_BYTES]
    }

    /// The bytes of a buffer, to write.
    pub fn bytes_mut(&mut self, slot: u32) -> &mut [u8] {
        let start = slot as usize * SLOT_BYTES;
        &mut self.memory[start..start + SLOT_BYTES]
    }
}
