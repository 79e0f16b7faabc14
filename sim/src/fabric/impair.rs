//! What a bad link does, as ordered stages with the names of Linux' netem (tc-netem(8)).

use crate::engine::{Bandwidth, Picos};
use crate::rng::{Rng, mix};

/// One stage. Probabilities are 0..=1. Stages act in the order in which they stand, each on every copy
/// that the ones before it have left.
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
    /// `rate RATE`: packets leave one after the other at this speed.
    Rate(Bandwidth),
}

/// Copies of one packet at most, itself included: two stages that duplicate.
const COPIES: usize = 4;

/// What becomes of one copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// The bit to flip.
    pub flip: Option<u32>,
    /// How much later than usual it joins the queue's other end.
    pub delay: Picos,
}

/// What the stages decided for one packet: the copies that go on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    copies: [Fate; COPIES],
    count: usize,
    /// Copies that were lost.
    pub lost: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Copies that were held back.
    pub held: u64,
}

impl Fates {
    /// A packet that nothing has happened to.
    pub const fn untouched() -> Self {
        let fate = Fate { flip: None, delay: Picos::ZERO };
        Self { copies: [fate; COPIES], count: 1, lost: 0, duplicated: 0, held: 0 }
    }

    /// The copies that go on.
    pub fn copies(&self) -> &[Fate] {
        &self.copies[..self.count]
    }

    /// A digest of what was drawn.
    pub fn digest(&self) -> u64 {
        let one = |digest: u64, fate: &Fate| {
            let flip = fate.flip.map_or(0, |bit| u64::from(bit) + 1);
            mix(digest ^ flip << 40 ^ fate.delay.0)
        };
        self.copies().iter().fold(self.lost << 32 | self.count as u64, one)
    }

    fn retain(&mut self, mut keep: impl FnMut() -> bool) {
        let before = self.count;
        let mut kept = 0;
        for index in 0..before {
            if keep() {
                self.copies[kept] = self.copies[index];
                kept += 1;
            }
        }
        self.count = kept;
        self.lost += (before - kept) as u64;
    }

    fn double(&mut self, mut doubles: impl FnMut() -> bool) {
        for index in 0..self.count {
            if doubles() && self.count < COPIES {
                self.copies[self.count] = self.copies[index];
                self.count += 1;
                self.duplicated += 1;
            }
        }
    }
}

/// The stages of a link, with their state.
#[derive(Clone, Debug)]
pub struct Impairments {
    stages: Vec<Stage>,
    /// By stage: the Gilbert-Elliott chain is in its bad state.
    bad: Vec<bool>,
    /// By stage: when its line is free.
    busy_until: Vec<Picos>,
    seen: u32,
    rng: Rng,
}

impl Impairments {
    /// `stages` with a generator of their own.
    #[must_use]
    pub fn new(stages: Vec<Stage>, rng: Rng) -> Self {
        let (bad, busy_until) = (vec![false; stages.len()], vec![Picos::ZERO; stages.len()]);
        Self { stages, bad, busy_until, seen: 0, rng }
    }

    /// Decides the fate of a packet of `length` bytes, `wire` of them on the line.
    pub(super) fn apply(&mut self, now: Picos, length: u16, wire: u64) -> Fates {
        let Self { stages, bad, busy_until, seen, rng } = self;
        let mut fates = Fates::untouched();
        *seen = seen.wrapping_add(1);
        let states = bad.iter_mut().zip(busy_until);
        for (stage, (bad, busy_until)) in stages.iter().zip(states) {
            match *stage {
                Stage::Loss(p) => fates.retain(|| !rng.chance(p)),
                Stage::Gemodel { p, r, bad: in_bad, good } => fates.retain(|| {
                    *bad = if *bad { !rng.chance(r) } else { rng.chance(p) };
                    !rng.chance(if *bad { in_bad } else { good })
                }),
                Stage::Duplicate(p) => fates.double(|| rng.chance(p)),
                Stage::Corrupt(p) => {
                    for fate in &mut fates.copies[..fates.count] {
                        if rng.chance(p) && length > 0 {
                            fate.flip = Some(rng.below(u64::from(length) * 8) as u32);
                        }
                    }
                }
                Stage::Delay { constant, jitter } => {
                    for fate in &mut fates.copies[..fates.count] {
                        fate.delay += constant + Picos(rng.below(jitter.0.saturating_add(1)));
                    }
                }
                Stage::Reorder { probability, gap, by } => {
                    if seen.is_multiple_of(gap.max(1)) {
                        for fate in &mut fates.copies[..fates.count] {
                            let held = rng.chance(probability);
                            fates.held += u64::from(held);
                            fate.delay += if held { by } else { Picos::ZERO };
                        }
                    }
                }
                Stage::Rate(rate) => {
                    for fate in &mut fates.copies[..fates.count] {
                        let begins = (*busy_until).max(now + fate.delay);
                        *busy_until = begins + rate.serialise(wire);
                        fate.delay = busy_until.since(now);
                    }
                }
            }
        }
        fates
    }
}
