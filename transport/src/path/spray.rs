//! Which path the next train takes.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::SprayPolicy;
use crate::ids::PathId;
use crate::time::Time;

use super::{Health, Path, Turn};

/// Entropies that came back clean are kept in a ring of so many: REPS, EuroSys '26.
const RING: usize = 8;

/// Every so manieth choice explores although better paths are known, so that all get known, and none
/// is judged for ever by what it was once.
const EXPLORE_EVERY: u32 = 8;

/// See the module's text.
pub(super) struct Spray {
    policy: SprayPolicy,
    ecn: bool,
    rng: SmallRng,
    /// All paths, shuffled: exploring in turn reaches each, and no two sessions in step.
    order: Vec<PathId>,
    cursor: usize,
    clean: VecDeque<PathId>,
    /// After a timeout only known-clean entropies are used, again and again, until then.
    frozen_until: Option<Time>,
    choices: u32,
}

impl Spray {
    pub(super) fn new(policy: SprayPolicy, ecn: bool, seed: u64) -> Self {
        Self {
            policy,
            ecn,
            rng: SmallRng::seed_from_u64(seed),
            order: Vec::new(),
            cursor: 0,
            clean: VecDeque::with_capacity(RING),
            frozen_until: None,
            choices: 0,
        }
    }

    /// There are `paths` paths now.
    pub(super) fn set_paths(&mut self, paths: usize) {
        self.order = (0..paths).map(|index| PathId(index as u16)).collect();
        self.order.shuffle(&mut self.rng);
        self.cursor = 0;
        self.clean.clear();
    }

    /// A path; unusable ones only when there is nothing else.
    pub(super) fn choose(&mut self, now: Time, paths: &mut [Path]) -> Option<PathId> {
        self.choices = self.choices.wrapping_add(1);
        let explore = self.choices.is_multiple_of(EXPLORE_EVERY);
        match paths.len() {
            0 => None,
            1 => Some(PathId(0)),
            _ => Some(match self.policy {
                SprayPolicy::Single => first_usable(paths),
                SprayPolicy::Random => self.random(paths),
                SprayPolicy::Recycle if self.ecn => self.recycle(now, explore, paths),
                SprayPolicy::Recycle if explore => self.explore(paths),
                SprayPolicy::Recycle => self.better_of_two(paths),
            }),
        }
    }

    /// The next path in shuffled order; one to be passed over is passed over, and forgiven by that.
    fn explore(&mut self, paths: &mut [Path]) -> PathId {
        let mut last_resort = None;
        // Twice around, since the first time may do nothing but forgive.
        for _ in 0..2 * self.order.len() {
            let path = self.order[self.cursor];
            self.cursor = (self.cursor + 1) % self.order.len();
            let state = &mut paths[usize::from(path.0)];
            match state.turn() {
                Turn::Take => return path,
                Turn::Pass => state.health = Health::Good,
                Turn::Avoid => last_resort = last_resort.or(Some(path)),
                Turn::Never => {}
            }
        }
        // Nothing is usable: suspect paths in turn, so that any that works is found.
        let Some(path) = last_resort else { return self.order[self.cursor] };
        let found = self.order.iter().position(|candidate| *candidate == path);
        self.cursor = found.map_or(0, |index| (index + 1) % self.order.len());
        path
    }

    /// A random path, tried a few times to find one that is usable.
    fn random(&mut self, paths: &mut [Path]) -> PathId {
        for _ in 0..8 {
            let index = self.rng.random_range(0..paths.len());
            match paths[index].turn() {
                Turn::Take => return PathId(index as u16),
                Turn::Pass => paths[index].health = Health::Good,
                Turn::Avoid | Turn::Never => {}
            }
        }
        self.explore(paths)
    }

    fn recycle(&mut self, now: Time, explore: bool, paths: &mut [Path]) -> PathId {
        let frozen = self.frozen_until.is_some_and(|until| now < until);
        if explore && !frozen {
            return self.explore(paths);
        }
        while let Some(path) = self.clean.pop_front() {
            if paths[usize::from(path.0)].turn() == Turn::Take {
                if frozen {
                    self.clean.push_back(path);
                }
                return path;
            }
        }
        self.explore(paths)
    }

    /// The power of two choices, by round-trip time: where congestion marks cannot be seen. What was
    /// never tried counts as best.
    fn better_of_two(&mut self, paths: &mut [Path]) -> PathId {
        let (a, b) = (self.random(paths), self.random(paths));
        let rtt = |path: PathId| {
            let rtt = &paths[usize::from(path.0)].rtt;
            if rtt.is_sampled() { rtt.smoothed } else { Duration::ZERO }
        };
        if rtt(b) < rtt(a) { b } else { a }
    }

    /// Packets on `path` came back without a mark: once per acknowledgement, however many they were.
    pub(super) fn on_clean(&mut self, path: PathId) {
        if self.clean.contains(&path) {
            return;
        }
        if self.clean.len() == RING {
            self.clean.pop_front();
        }
        self.clean.push_back(path);
    }

    /// Packets on `path` were marked or lost.
    pub(super) fn on_dirty(&mut self, path: PathId) {
        self.clean.retain(|clean| *clean != path);
    }

    /// `path` timed out: until `until` only what is known to work is used.
    pub(super) fn on_timeout(&mut self, path: PathId, until: Time) {
        self.on_dirty(path);
        self.frozen_until = Some(until);
    }
}

fn first_usable(paths: &[Path]) -> PathId {
    let usable = paths.iter().position(|path| path.health.is_usable());
    let suspect = || paths.iter().position(|path| path.health == Health::Suspect);
    PathId(usable.or_else(suspect).unwrap_or(0) as u16)
}

#[cfg(test)]
mod tests;
