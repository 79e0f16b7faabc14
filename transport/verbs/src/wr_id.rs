//! Work-request ids: what a completion says about itself.

/// What a work request was: of which queue pair, in which of its lives, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrId {
    /// A receive, or the last request of a posted train.
    pub receive: bool,
    /// How often the queue pair had been reset when it was posted, modulo 2^15: completions of a former
    /// life are told by it.
    pub life: u16,
    /// Index of the queue pair.
    pub queue: u16,
    /// The slot of a receive, or the number of the train.
    pub item: u32,
}

/// Lives are counted modulo this.
const LIVES: u16 = 1 << 15;

impl WrId {
    /// As the 64 bits that verbs carry: `receive 1 ‖ life 15 ‖ queue 16 ‖ item 32`.
    pub const fn pack(self) -> u64 {
        ((self.receive as u64) << 63)
            | ((self.life as u64 % LIVES as u64) << 48)
            | ((self.queue as u64) << 32)
            | self.item as u64
    }

    /// The same back.
    pub const fn unpack(bits: u64) -> Self {
        Self {
            receive: bits >> 63 == 1,
            life: (bits >> 48) as u16 % LIVES,
            queue: (bits >> 32) as u16,
            item: bits as u32,
        }
    }
}

/// The life after this one.
pub const fn next_life(life: u16) -> u16 {
    (life + 1) % LIVES
}
