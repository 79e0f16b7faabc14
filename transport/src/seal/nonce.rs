//! The only place that mints packet numbers and makes nonces of them (PROTOCOL §4.3).
//!
//! A nonce is IV XOR (lane ‖ packet number), the construction of multipath QUIC. So under one key
//! it is unique as long as no number is sealed twice: a [`FreshNumber`] is made only here, cannot
//! be copied, and is consumed by sealing.

use crate::ids::Lane;
use crate::limits::PACKET_NUMBER_MAX;

use super::SealError;

/// Bytes of every suite's nonce and IV.
pub(super) const NONCE_LEN: usize = 12;

/// Where the packet number starts in the nonce; the lane comes before it.
const NUMBER_AT: usize = 4;

/// A packet number that nothing has been sealed under. Not `Clone`: sealing uses it up.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a number that is not sealed is a gap that the peer takes for a loss"]
pub struct FreshNumber(u64);

impl FreshNumber {
    /// The number, for the clear header.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.0
    }
}

/// The packet numbers of one lane and direction, from 0, over all generations.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u64,
}

impl Numbers {
    /// Starts late, so that tests reach the last number.
    #[cfg(test)]
    pub(super) const fn starting_at(next: u64) -> Self {
        Self { next }
    }

    /// The number that [`mint`](Self::mint) would return.
    pub(super) const fn peek(&self) -> u64 {
        self.next
    }

    /// A number that was never returned before.
    pub(super) const fn mint(&mut self) -> Result<FreshNumber, SealError> {
        if self.next > PACKET_NUMBER_MAX {
            return Err(SealError::Numbers);
        }
        let number = FreshNumber(self.next);
        self.next += 1;
        Ok(number)
    }
}

/// The nonce of `number` in `lane`: IV XOR (lane as u32 ‖ number as u64), in network order.
pub(super) fn nonce(iv: &[u8; NONCE_LEN], lane: Lane, number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = *iv;
    nonce[NUMBER_AT - 1] ^= lane.0;
    for (byte, number) in nonce[NUMBER_AT..].iter_mut().zip(number.to_be_bytes()) {
        *byte ^= number;
    }
    nonce
}
