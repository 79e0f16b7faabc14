//! Which path the next train takes.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::SprayPolicy;
use crate::ids::PathId;
use crate::time::Time;

use super::{Health, Path};

/// Entropies that came back clean are kept in a ring of so many: REPS, EuroSys '26.
const RING: usize = 8;

/// Every so manieth choice explores although clean entropies wait, so that all paths get known.
const EXPLORE_EVERY: u32 = 8;

/// See the module's text.
pub(super) struct Spray {
    policy: SprayPolicy,
    ecn: bool,
    rng: SmallRng,
    clean: VecDeque<PathId>,
    /// After a timeout only known-clean entropies are used, again and again, until then.
    frozen_until: Option<Time>,
    choices: u32,
    cursor: usize,
}

impl Spray {
    pub(super) fn new(policy: SprayPolicy, ecn: bool, seed: u64) -> Self {
        Self {
            policy,
            ecn,
            rng: SmallRng::seed_from_u64(seed),
            clean: VecDeque::with_capacity(RING),
            frozen_until: None,
            choices: 0,
            cursor: 0,
        }
    }

    /// A path; suspect ones only when there is nothing else.
    pub(super) fn choose(&mut self, now: Time, paths: &mut [Path]) -> Option<PathId> {
        match paths.len() {
            0 => None,
            1 => Some(PathId(0)),
            _ => Some(match self.policy {
                SprayPolicy::Single => first_usable(paths),
                SprayPolicy::Random => self.explore(paths),
                SprayPolicy::Recycle if self.ecn => self.recycle(now, paths),
                SprayPolicy::Recycle => self.better_of_two(paths),
            }),
        }
    }

    /// A random path; one that was marked is passed over once, and forgiven by that.
    fn explore(&mut self, paths: &mut [Path]) -> PathId {
        for _ in 0..8 {
            let index = self.rng.random_range(0..paths.len());
            match paths[index].health {
                Health::Good => return PathId(index as u16),
                Health::Skip => paths[index].health = Health::Good,
                Health::Suspect => {}
            }
        }
        // Nearly all are suspect: take them in turn, so that any that works is found.
        for _ in 0..paths.len() {
            self.cursor = (self.cursor + 1) % paths.len();
            if paths[self.cursor].health != Health::Suspect {
                return PathId(self.cursor as u16);
            }
        }
        self.cursor = (self.cursor + 1) % paths.len();
        PathId(self.cursor as u16)
    }

    fn recycle(&mut self, now: Time, paths: &mut [Path]) -> PathId {
        let frozen = self.frozen_until.is_some_and(|until| now < until);
        self.choices = self.choices.wrapping_add(1);
        if !frozen && self.choices.is_multiple_of(EXPLORE_EVERY) {
            return self.explore(paths);
        }
        while let Some(path) = self.clean.pop_front() {
            if paths[usize::from(path.0)].health == Health::Good {
                if frozen {
                    self.clean.push_back(path);
                }
                return path;
            }
        }
        self.explore(paths)
    }

    /// The power of two choices, by round-trip time: where congestion marks cannot be seen.
    fn better_of_two(&mut self, paths: &mut [Path]) -> PathId {
        let (a, b) = (self.explore(paths), self.explore(paths));
        let rtt = |path: PathId| paths[usize::from(path.0)].rtt.smoothed;
        if rtt(b) < rtt(a) { b } else { a }
    }

    /// A packet on `path` was acknowledged.
    pub(super) fn on_acked(&mut self, path: PathId, ce: bool) {
        if ce {
            self.clean.retain(|clean| *clean != path);
        } else {
            if self.clean.len() == RING {
                self.clean.pop_front();
            }
            self.clean.push_back(path);
        }
    }

    /// `path` timed out.
    pub(super) fn on_timeout(&mut self, now: Time, path: PathId, pto: Duration) {
        self.clean.retain(|clean| *clean != path);
        self.frozen_until = Some(now + pto);
    }
}

fn first_usable(paths: &[Path]) -> PathId {
    let usable = paths.iter().position(|path| path.health != Health::Suspect);
    PathId(usable.unwrap_or(0) as u16)
}
