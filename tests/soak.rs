//! Random operations with random faults, for as long as one likes: every result right, every end in time,
//! and the process holds in the end what it held before.
//!
//! `SEALANE_SOAK_SECONDS=600 cargo test --release --test soak -- --nocapture` is the long one; the default
//! is a few seconds. `SEALANE_SEED=n` begins with another draw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a soak lasts for real time")]

mod footprint;
mod load;

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane::local;
use sealane::{Communicator, Crash, Error, Faults, Rank, ReduceOp};

use footprint::{Footprint, is_frugal};
use load::{Load, number};

/// Rounds after which all that is made once has been.
const WARM: u32 = 6;

/// What a round does, alike on all ranks.
#[derive(Clone, Debug)]
struct Round {
    world: u32,
    faults: Faults,
    load: Load,
    /// A rank that gives up, and after how many operations.
    abort: Option<(u32, u32)>,
    /// A rank that dies, after how many operations, and how.
    death: Option<(u32, u32, Crash)>,
}

impl Round {
    fn draw(rng: &mut SmallRng) -> Self {
        let world = rng.random_range(2..=4);
        let mut chance =
            |most: f64| if rng.random_bool(0.5) { rng.random_range(0.0..most) } else { 0.0 };
        let faults = Faults {
            loss: chance(0.03),
            reorder: chance(0.1),
            duplicate: chance(0.05),
            corrupt: chance(0.01),
            ..Faults::NONE
        };
        let operations = rng.random_range(5..40);
        let abort = rng.random_bool(0.3);
        let abort = abort.then(|| (rng.random_range(0..world), rng.random_range(0..operations)));
        let dies = abort.is_none() && rng.random_bool(0.4);
        let death = dies.then(|| {
            let how =
                [Crash::Closed, Crash::Silent, Crash::Blackholed][rng.random_range(0..3_usize)];
            (rng.random_range(0..world), rng.random_range(0..operations), how)
        });
        let load = Load { seed: rng.random(), operations };
        Self { world, faults, load, abort, death }
    }

    /// One rank's part. Whoever is left after a death learns whose it was, and goes on without.
    fn live(&self, communicator: &Communicator) -> Result<u32, Error> {
        let ended = self.run(communicator);
        let Some((victim, _, how)) = self.death else { return ended };
        if communicator.rank().0 == victim {
            communicator.simulate_crash(how);
            return Ok(0);
        }
        let error = match ended {
            Err(error) => error,
            // It had all of its part before the death.
            Ok(_) => loop {
                if let Err(error) = communicator.barrier() {
                    break error;
                }
            },
        };
        let lost = matches!(error, Error::PeerLost { rank, .. } if rank == Rank(victim));
        assert!(lost, "{self:?}: {error}");
        let rest = communicator.shrink()?;
        let mut sum = [1_u32];
        rest.all_reduce(&mut sum, ReduceOp::Sum)?;
        assert_eq!(sum, [self.world - 1], "{self:?}");
        Ok(0)
    }

    /// Returns how many operations this rank completed.
    fn run(&self, communicator: &Communicator) -> Result<u32, Error> {
        let me = communicator.rank().0;
        // Whoever dies does so when all have met: before, it is the rendezvous that fails, and only in time.
        communicator.barrier()?;
        self.load.run(communicator, |number| {
            if self.abort == Some((me, number)) {
                return Err(Error::Argument("this rank has had enough".to_owned()));
            }
            Ok(match self.death {
                Some((victim, last, how)) if (victim, last) == (me, number) => {
                    communicator.simulate_crash(how);
                    false
                }
                _ => true,
            })
        })
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rounds: u32,
    operations: u64,
    aborted: u32,
    deaths: u32,
}

impl Tally {
    /// Runs a round.
    fn run(&mut self, round: &Round) {
        let ended = local::run_with(
            round.world,
            |rank, builder| builder.faults(round.faults, round.load.seed ^ u64::from(rank.0)),
            |communicator| round.live(communicator),
        );
        match (&round.abort, ended) {
            (None, Ok(counts)) => {
                self.deaths += u32::from(round.death.is_some());
                self.operations += counts.iter().map(|one| u64::from(*one)).sum::<u64>();
            }
            (Some(_), Err(Error::Argument(text))) => {
                assert_eq!(text, "this rank has had enough");
                self.aborted += 1;
            }
            (_, ended) => panic!("{round:?}: {ended:?}"),
        }
        self.rounds += 1;
    }
}

#[test]
fn random_operations_under_random_faults_leave_nothing_behind() {
    if !is_frugal("random_operations_under_random_faults_leave_nothing_behind") {
        return;
    }
    let limit = Duration::from_secs(number("SEALANE_SOAK_SECONDS").unwrap_or(4));
    let mut rng = SmallRng::seed_from_u64(number("SEALANE_SEED").unwrap_or(1));
    let (begun, mut told, mut tally) = (Instant::now(), 0, Tally::default());
    let mut level = None;
    while begun.elapsed() < limit || tally.rounds <= WARM {
        let round = Round::draw(&mut rng);
        tally.run(&round);
        match &level {
            Some(before) => Footprint::assert_no_more_than(before, &format!("{round:?}")),
            None if tally.rounds == WARM => level = Some(Footprint::now()),
            None => {}
        }
        if begun.elapsed().as_secs() >= told + 30 {
            told = begun.elapsed().as_secs();
            println!("{told} s: {tally:?}, {}", Footprint::now());
        }
    }
    println!("{tally:?}; {}", Footprint::now());
}
