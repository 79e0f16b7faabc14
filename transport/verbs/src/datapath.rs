//! Posting and polling: what happens per packet.

pub mod receive;
pub mod transmit;

use crate::sys::QueuePair;

/// A queue pair in use.
#[derive(Debug)]
pub struct Pair {
    pub pair: QueuePair,
    /// How often it was reset, modulo 2^15.
    pub life: u16,
    /// Errors since a packet last came through.
    pub failures: u32,
    pub state: PairState,
}

/// Whether a queue pair carries anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairState {
    /// It does.
    Ready,
    /// It is in error, and to be set up anew.
    Broken,
    /// It was given up.
    Dead,
}

impl Pair {
    /// Marks it for setting up anew.
    pub fn fail(&mut self) {
        if self.state == PairState::Ready {
            self.state = PairState::Broken;
        }
    }
}
