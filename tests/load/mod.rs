//! Random operations, the same on all ranks, whose results every rank checks.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane::{Communicator, Error, Rank, ReduceOp, Work};

/// Elements of a call: none, one, less than a packet, several packets, many.
const COUNTS: [usize; 6] = [0, 1, 17, 1000, 30_000, 200_000];

/// Operations that nobody waits for yet.
const UNDER_WAY: usize = 4;

/// What the environment says of a run: how long, or by which seed.
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub seed: u64,
    pub operations: u32,
}

/// One operation, and what every rank gives.
struct Call<'a> {
    load: &'a Load,
    communicator: &'a Communicator,
    number: u32,
    count: usize,
}

impl Load {
    /// Runs all of it, unless `go_on`, asked before every operation, says no; returns how many operations
    /// this rank completed.
    pub fn run(
        &self,
        communicator: &Communicator,
        mut go_on: impl FnMut(u32) -> Result<bool, Error>,
    ) -> Result<u32, Error> {
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let mut under_way: Vec<(Work<Vec<i64>>, Vec<i64>)> = Vec::new();
        for number in 0..self.operations {
            if !go_on(number)? {
                return Ok(number);
            }
            let count = COUNTS[rng.random_range(0..COUNTS.len())];
            let root = rng.random_range(0..communicator.size());
            let call = Call { load: self, communicator, number, count };
            match rng.random_range(0..5) {
                0 => under_way.push(call.all_reduce()?),
                1 => call.broadcast(Rank(root))?,
                2 => call.all_gather()?,
                3 => call.reduce_scatter()?,
                _ => call.all_to_all()?,
            }
            if under_way.len() > UNDER_WAY || number + 1 == self.operations {
                for (work, expected) in under_way.drain(..) {
                    assert!(work.wait()? == expected, "{self:?}");
                }
            }
        }
        Ok(self.operations)
    }
}

impl Call<'_> {
    fn world(&self) -> usize {
        self.communicator.size() as usize
    }

    fn rank(&self) -> usize {
        self.communicator.rank().0 as usize
    }

    /// Elements of each rank's block.
    fn each(&self) -> usize {
        self.count / self.world()
    }

    /// What a rank gives at an index.
    fn value(&self, rank: usize, index: usize) -> i64 {
        (rank * 7 + index % 13 + self.number as usize) as i64
    }

    fn sum(&self, index: usize) -> i64 {
        (0..self.world()).map(|rank| self.value(rank, index)).sum()
    }

    fn mine(&self, count: usize) -> Vec<i64> {
        (0..count).map(|index| self.value(self.rank(), index)).collect()
    }

    fn check(&self, output: &[i64], expected: impl Fn(usize) -> i64) {
        let right = output.iter().enumerate().all(|(at, value)| *value == expected(at));
        assert!(right, "operation {} of {:?}", self.number, self.load);
    }

    fn all_reduce(&self) -> Result<(Work<Vec<i64>>, Vec<i64>), Error> {
        let work = self.communicator.all_reduce_start(self.mine(self.count), ReduceOp::Sum)?;
        Ok((work, (0..self.count).map(|index| self.sum(index)).collect()))
    }

    fn broadcast(&self, root: Rank) -> Result<(), Error> {
        let mut data = self.mine(self.count);
        self.communicator.broadcast(&mut data, root)?;
        self.check(&data, |at| self.value(root.0 as usize, at));
        Ok(())
    }

    fn all_gather(&self) -> Result<(), Error> {
        let each = self.each();
        let mut all = vec![0; each * self.world()];
        self.communicator.all_gather_into(&self.mine(each), &mut all)?;
        self.check(&all, |at| self.value(at / each, at % each));
        Ok(())
    }

    fn reduce_scatter(&self) -> Result<(), Error> {
        let each = self.each();
        let mut own = vec![0; each];
        let all = self.mine(each * self.world());
        self.communicator.reduce_scatter_into(&all, &mut own, ReduceOp::Sum)?;
        self.check(&own, |at| self.sum(self.rank() * each + at));
        Ok(())
    }

    fn all_to_all(&self) -> Result<(), Error> {
        let each = self.each();
        let mut came = vec![0; each * self.world()];
        self.communicator.all_to_all_into(&self.mine(each * self.world()), &mut came)?;
        self.check(&came, |at| self.value(at / each, self.rank() * each + at % each));
        Ok(())
    }
}
