//! What a bad link does, as ordered stages with the names of Linux' netem (tc-netem(8)).

use crate::engine::Picos;
use crate::rng::{Rng, mix};

/// One stage. Probabilities are 0..=1. Stages act in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// `loss random P`: each packet is lost with probability P.
    Loss(f64),
    /// `loss gemodel p r 1-h 1-k`: Gilbert and Elliott's two states. From good to bad with
    /// probability `p`, back with `r`; lost with `bad` in the bad state and `good` in the good one.
    Gemodel {
        /// Good to bad.
        p: f64,
        /// Bad to good.
        r: f64,
        /// netem's `1-h`: loss in the bad state.
        bad: f64,
        /// netem's `1-k`: loss in the good state.
        good: f64,
    },
    /// `corrupt P`: one bit flips.
    Corrupt(f64),
    /// `duplicate P`: a second copy follows the first.
    Duplicate(f64),
    /// `delay TIME JITTER`: a constant and a uniform part; order is not kept.
    Delay {
        /// Always.
        constant: Picos,
        /// At most so much more.
        jitter: Picos,
    },
    /// `reorder P gap N`, but without netem's need of a delay: every Nth packet is held back by `by`
    /// with probability P.
    Reorder {
        /// Of being held.
        probability: f64,
        /// 1: all packets are candidates.
        gap: u32,
        /// How long.
        by: Picos,
    },
}

/// What the stages decided for one packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    pub lost: bool,
    /// The bit to flip.
    pub flip: Option<u32>,
    pub duplicate: bool,
    pub held: bool,
    pub delay: Picos,
    /// A digest of what was drawn.
    pub draws: u64,
}

/// The stages of a link, with their state.
#[derive(Clone, Debug)]
pub struct Impairments {
    stages: Vec<Stage>,
    /// The Gilbert-Elliott chain is in its bad state.
    bad: bool,
    seen: u32,
    rng: Rng,
}

impl Impairments {
    /// `stages` with a generator of their own.
    #[must_use]
    pub fn new(stages: Vec<Stage>, rng: Rng) -> Self {
        Self { stages, bad: false, seen: 0, rng }
    }

    /// Decides the fate of a packet of `length` bytes.
    pub(super) fn apply(&mut self, length: u16) -> Fate {
        let Self { stages, bad, seen, rng } = self;
        let mut fate = Fate::default();
        *seen = seen.wrapping_add(1);
        for stage in stages.iter() {
            match *stage {
                Stage::Loss(p) => fate.lost |= rng.chance(p),
                Stage::Gemodel { p, r, bad: in_bad, good } => {
                    *bad = if *bad { !rng.chance(r) } else { rng.chance(p) };
                    fate.lost |= rng.chance(if *bad { in_bad } else { good });
                }
                Stage::Corrupt(p) => {
                    if rng.chance(p) && length > 0 {
                        fate.flip = Some(rng.below(u64::from(length) * 8) as u32);
                    }
                }
                Stage::Duplicate(p) => fate.duplicate |= rng.chance(p),
                Stage::Delay { constant, jitter } => {
                    fate.delay += constant + Picos(rng.below(jitter.0.saturating_add(1)));
                }
                Stage::Reorder { probability, gap, by } => {
                    if seen.is_multiple_of(gap.max(1)) && rng.chance(probability) {
                        fate.held = true;
                        fate.delay += by;
                    }
                }
            }
            if fate.lost {
                break;
            }
        }
        let flags = u64::from(fate.lost) | u64::from(fate.duplicate) << 1;
        let flip = fate.flip.map_or(0, |bit| u64::from(bit) + 1);
        fate.draws = mix(flags ^ flip << 2 ^ fate.delay.0.rotate_left(40));
        fate
    }
}
