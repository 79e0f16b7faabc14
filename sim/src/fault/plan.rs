//! Decides, packet by packet, what goes wrong.

use std::hash::{Hash, Hasher};

use sealane_transport::device::Route;

use super::{FaultCounters, Faults};
use crate::rng::{Rng, mix, unit};

/// The longest that a reordered packet waits, in later packets.
const REORDER_TURNS_MAX: u64 = 8;
/// The longest that a delayed packet waits, in later packets.
const DELAY_TURNS_MAX: u64 = 64;

/// What happens to a packet. Damage has been done in place already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
    /// Pass, and pass a copy after so many turns.
    Repeat(u32),
    /// Pass only after so many turns.
    Hold(u32),
}

/// The draws of one direction.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) faults: Faults,
    pub(super) counters: FaultCounters,
    rng: Rng,
    salt: u64,
}

impl Plan {
    pub(super) fn new(faults: Faults, seed: u64, stream: u64) -> Self {
        let mut rng = Rng::new(seed, stream);
        let salt = rng.next_u64();
        Self { faults, counters: FaultCounters::default(), rng, salt }
    }

    /// Draws the fate of `packet` and damages it where that is its fate.
    pub(super) fn judge(&mut self, route: Route, packet: &mut [u8]) -> Verdict {
        let counters = &mut self.counters;
        counters.packets += 1;
        let faults = &self.faults;
        if faults.blackhole > 0.0 && unit(place(route, self.salt)) < faults.blackhole {
            counters.blackholed += 1;
            return Verdict::Drop;
        }
        if self.rng.chance(faults.loss) {
            counters.lost += 1;
            return Verdict::Drop;
        }
        if !packet.is_empty() && self.rng.chance(faults.corrupt) {
            counters.corrupted += 1;
            let bit = self.rng.index(packet.len() * 8);
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        let longest = if self.rng.chance(faults.delay) {
            DELAY_TURNS_MAX
        } else if self.rng.chance(faults.reorder) {
            REORDER_TURNS_MAX
        } else if self.rng.chance(faults.duplicate) {
            counters.duplicated += 1;
            return Verdict::Repeat(self.rng.below(REORDER_TURNS_MAX) as u32);
        } else {
            return Verdict::Pass;
        };
        counters.held += 1;
        Verdict::Hold(1 + self.rng.below(longest) as u32)
    }
}

/// Where a five-tuple stands, uniformly in 64 bits, by the salt of the seed.
fn place(route: Route, salt: u64) -> u64 {
    struct Fold(u64);
    impl Hasher for Fold {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = mix(self.0 ^ u64::from(*byte));
            }
        }
    }
    let mut hasher = Fold(salt);
    route.hash(&mut hasher);
    hasher.finish()
}
