//! What a generation of the job goes through, alike on all ranks.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::load::Load;

/// Ranks of the job. One of them is the process of the test.
pub const WORLD: u32 = 4;
pub const OBSERVER: u32 = 1;

/// What becomes of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Killed,
    /// For good.
    Stopped,
    /// Stopped until the others have gone on without it.
    Revived,
}

/// Who dies, before which operation of the observer, how.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    pub victim: u32,
    pub before: u32,
    pub fate: Fate,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Generation {
    pub load: Load,
    pub deaths: Vec<Death>,
    /// In which order the ranks are dealt anew: by rank in the job.
    pub order: Vec<u32>,
}

impl Generation {
    pub fn draw(seed: u64, number: u32) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ u64::from(number) << 32);
        let operations = rng.random_range(5..40);
        let load = Load { seed: rng.random(), operations };
        let mut processes: Vec<u32> = (0..WORLD).filter(|rank| *rank != OBSERVER).collect();
        processes.shuffle(&mut rng);
        processes.truncate(if rng.random_bool(0.25) { 2 } else { 1 });
        let deaths = processes.into_iter().map(|victim| Death {
            victim,
            before: rng.random_range(0..operations),
            fate: [Fate::Killed, Fate::Killed, Fate::Stopped, Fate::Revived]
                [rng.random_range(0..4_usize)],
        });
        let deaths = deaths.collect();
        let mut order: Vec<u32> = (0..WORLD).collect();
        order.shuffle(&mut rng);
        Self { load, deaths, order }
    }

    pub fn death_of(&self, rank: u32) -> Option<&Death> {
        self.deaths.iter().find(|death| death.victim == rank)
    }
}
