//! Random operations with random faults, for as long as one likes: every result right, every end in time,
//! memory and descriptors flat.
//!
//! `SEALANE_SOAK_SECONDS=600 cargo test --release --test soak -- --nocapture` is the long one; the default
//! is a few seconds. `SEALANE_SEED=n` begins with another draw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a soak lasts for real time")]

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane::local;
use sealane::{
    Collective, Communicator, Crash, Dtype, Error, Faults, HostBuffer, Rank, ReduceOp, Request,
};

/// Rounds until memory has reached its height: buffers of the allocator, of sockets, of threads.
const WARM: u32 = 6;

/// What memory may grow by afterwards, KiB: the allocator's own play.
const SLACK: u64 = 96 << 10;

/// What a round does, alike on all ranks.
#[derive(Clone, Debug)]
struct Round {
    world: u32,
    faults: Faults,
    seed: u64,
    operations: u32,
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
        Self { world, faults, seed: rng.random(), operations, abort, death }
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
        // The same on all ranks: they must call the same.
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let mut under_way = Vec::new();
        for number in 0..self.operations {
            if self.abort == Some((communicator.rank().0, number)) {
                return Err(Error::Argument("this rank has had enough".to_owned()));
            }
            if let Some((victim, last, how)) = self.death
                && (communicator.rank().0, number) == (victim, last)
            {
                communicator.simulate_crash(how);
                return Ok(number);
            }
            let count = [0, 1, 17, 1000, 30_000, 200_000][rng.random_range(0..6_usize)];
            let (world, rank) = (self.world as usize, communicator.rank().0 as usize);
            let blocks = |count: usize| count / world;
            let value =
                |rank: usize, index: usize| (rank * 7 + index % 13 + number as usize) as i64;
            let mine: Vec<i64> = (0..count).map(|index| value(rank, index)).collect();
            let sum = |index: usize| (0..world).map(|rank| value(rank, index)).sum::<i64>();
            let root = rng.random_range(0..world);
            match rng.random_range(0..5) {
                0 => {
                    let request = Request::in_place(
                        Collective::AllReduce(ReduceOp::Sum),
                        Dtype::I64,
                        count,
                        HostBuffer::from(mine),
                    );
                    let expected: Vec<i64> = (0..count).map(sum).collect();
                    under_way.push((communicator.submit(request)?, expected));
                }
                1 => {
                    let mut data = mine;
                    communicator.broadcast(&mut data, Rank(root as u32))?;
                    assert!((0..count).all(|index| data[index] == value(root, index)), "{self:?}");
                }
                2 => {
                    let each = blocks(count);
                    let mut all = vec![0; each * world];
                    communicator.all_gather_into(&mine[..each], &mut all)?;
                    let right = |at: usize| all[at] == value(at / each, at % each);
                    assert!((0..all.len()).all(right), "{self:?}");
                }
                3 => {
                    let each = blocks(count);
                    let mut own = vec![0; each];
                    communicator.reduce_scatter_into(
                        &mine[..each * world],
                        &mut own,
                        ReduceOp::Sum,
                    )?;
                    assert!((0..each).all(|at| own[at] == sum(rank * each + at)), "{self:?}");
                }
                _ => {
                    let each = blocks(count);
                    let mut came = vec![0; each * world];
                    communicator.all_to_all_into(&mine[..each * world], &mut came)?;
                    let right = |at: usize| came[at] == value(at / each, rank * each + at % each);
                    assert!((0..came.len()).all(right), "{self:?}");
                }
            }
            if under_way.len() > 4 || number + 1 == self.operations {
                for (work, expected) in under_way.drain(..) {
                    let done: Vec<i64> = work.wait()?.output.into_vec().unwrap();
                    assert!(done == expected, "{self:?}");
                }
            }
        }
        Ok(self.operations)
    }
}

/// Resident memory in KiB, and open descriptors.
fn footprint() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (resident, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

#[test]
fn random_operations_under_random_faults_leave_nothing_behind() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let limit = Duration::from_secs(number("SEALANE_SOAK_SECONDS").unwrap_or(4));
    let mut rng = SmallRng::seed_from_u64(number("SEALANE_SEED").unwrap_or(1));
    let (begun, mut rounds, mut operations) = (Instant::now(), 0_u32, 0_u64);
    let (mut aborted, mut deaths, mut told) = (0_u32, 0_u32, 0_u64);
    let mut level = None;
    while begun.elapsed() < limit || rounds <= WARM {
        let round = Round::draw(&mut rng);
        let ended = local::run_with(
            round.world,
            |rank, builder| builder.faults(round.faults, round.seed ^ u64::from(rank.0)),
            |communicator| round.live(communicator),
        );
        match (&round.abort, ended) {
            (None, Ok(counts)) => {
                deaths += u32::from(round.death.is_some());
                operations += counts.iter().map(|one| u64::from(*one)).sum::<u64>();
            }
            (Some(_), Err(Error::Argument(text))) => {
                assert_eq!(text, "this rank has had enough");
                aborted += 1;
            }
            (_, ended) => panic!("{round:?}: {ended:?}"),
        }
        rounds += 1;
        let (resident, descriptors) = footprint();
        if begun.elapsed().as_secs() >= told + 30 {
            told = begun.elapsed().as_secs();
            println!(
                "{told} s: {rounds} rounds, {deaths} deaths, {resident} KiB, {descriptors} descriptors"
            );
        }
        if rounds == WARM {
            level = Some((resident, descriptors));
        }
        if let Some((before, open)) = level {
            assert!(resident <= before + SLACK, "{resident} KiB after {before}: {round:?}");
            assert!(descriptors <= open, "{descriptors} descriptors after {open}: {round:?}");
        }
    }
    let (resident, descriptors) = footprint();
    println!(
        "{rounds} rounds, {operations} operations, {aborted} aborted, {deaths} deaths; {resident} KiB, {descriptors} \
         descriptors after {level:?}"
    );
}
