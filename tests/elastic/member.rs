//! One rank of the job.

use std::time::Duration;

use sealane::bootstrap::{Credentials, Launch, Master};
use sealane::{Communicator, Error, Faults, Rank, ReduceOp};

use crate::draw::{Generation, WORLD};
use crate::job::Start;

/// No wait may take longer; a hang fails here.
const LIMIT: Duration = Duration::from_secs(60);

/// After how much silence a rank is lost: more than a busy machine may keep one from its core.
const SILENCE: Duration = Duration::from_millis(2500);

/// What packets suffer all the while.
const FAULTS: Faults =
    Faults { loss: 0.005, reorder: 0.02, duplicate: 0.01, corrupt: 0.005, ..Faults::NONE };

/// Who goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Us,
    Others,
    Nobody,
}

/// See the module's text.
pub struct Member {
    communicator: Communicator,
    /// By rank in the communicator: the rank in the job.
    names: Vec<u32>,
    seed: u64,
    generation: u32,
}

pub fn address(port: u32) -> Master {
    Master { host: "127.0.0.1".to_owned(), port: port as u16 }
}

impl Member {
    /// Meets the others, or joins those that are at work.
    pub fn start(start: &Start) -> Self {
        let lookup = |name: &str| match name {
            "RANK" => Some(start.rank.to_string()),
            "WORLD_SIZE" => Some(WORLD.to_string()),
            "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
            "MASTER_PORT" => Some(start.port.to_string()),
            "SEALANE_SECRET" => Some("a secret for tests, of enough bytes".to_owned()),
            _ => None,
        };
        let builder = Communicator::builder()
            .launch(Launch::detect(&lookup).unwrap())
            .credentials(Credentials::from_environment(Rank(start.rank), &lookup).unwrap())
            .faults(FAULTS, u64::from(start.generation) << 8 | u64::from(start.rank))
            .peer_timeout(SILENCE)
            .operation_timeout(LIMIT)
            .timeout(LIMIT);
        let communicator = match start.leader {
            None => builder.connect().unwrap(),
            Some(leader) => builder.join(Rank(leader)).unwrap(),
        };
        let joined = start.leader.is_some();
        let mut member = Self {
            communicator,
            names: Vec::new(),
            seed: start.seed,
            generation: start.generation,
        };
        if joined {
            member.deal(start.generation - 1);
        } else {
            member.learn_names();
        }
        member
    }

    fn generation(&self) -> Generation {
        Generation::draw(self.seed, self.generation)
    }

    fn me(&self) -> u32 {
        self.communicator.job_rank().0
    }

    /// Whose rank is 0, by its rank in the job.
    pub fn leader(&self) -> u32 {
        self.names[0]
    }

    fn learn_names(&mut self) {
        self.names = vec![0; self.communicator.size() as usize];
        self.communicator.all_gather_into(&[self.me()], &mut self.names).unwrap();
    }

    /// The largest of what the ranks say.
    pub fn agree(&self, value: u32) -> u32 {
        let mut largest = [value];
        self.communicator.all_reduce(&mut largest, ReduceOp::Max).unwrap();
        largest[0]
    }

    /// If any rank wishes to go on: works until the victims of this generation are gone, and goes on
    /// without.
    pub fn work(&mut self, wish: bool, mut before: impl FnMut(u32)) -> Left {
        let generation = self.generation();
        let context = format!("rank {} of {:?} in {generation:?}", self.me(), self.names);
        let mut wishes = [u32::from(wish)];
        let ended = match self.communicator.all_reduce(&mut wishes, ReduceOp::Max) {
            Ok(()) if wishes == [0] => return Left::Nobody,
            Ok(()) => generation.load.run(&self.communicator, |number| {
                before(number);
                Ok(true)
            }),
            // Others have gone on, and the first is dead already.
            Err(error) => Err(error),
        };
        before(u32::MAX);
        let error = ended.err().unwrap_or_else(|| self.barriers());
        if generation.death_of(self.me()).is_some() {
            self.is_left_alone(&generation, &context);
            return Left::Others;
        }
        self.check(&generation, &error, &context);
        self.shrink(&generation, &context);
        Left::Us
    }

    /// To those who are no victims.
    fn shrink(&mut self, generation: &Generation, context: &str) {
        loop {
            let rest = self.communicator.shrink().unwrap_or_else(|e| panic!("{context}: {e}"));
            self.communicator = rest;
            // A second victim may have lived just long enough to be among them.
            if self.communicator.size() as usize == WORLD as usize - generation.deaths.len() {
                break;
            }
            let error = self.barriers();
            assert!(matches!(error, Error::PeerLost { .. }), "{context}: {error}");
        }
        self.learn_names();
        let gone = |name: &u32| generation.death_of(*name).is_some();
        assert!(!self.names.iter().any(gone), "{context}: {:?} are left", self.names);
    }

    /// Calls barriers until one fails.
    fn barriers(&self) -> Error {
        loop {
            if let Err(error) = self.communicator.barrier() {
                return error;
            }
        }
    }

    /// A survivor's error names a victim.
    fn check(&self, generation: &Generation, error: &Error, context: &str) {
        let Error::PeerLost { rank, .. } = error else { panic!("{context}: {error}") };
        let name = self.names[rank.0 as usize];
        assert!(generation.death_of(name).is_some(), "{context}: {error}");
    }

    /// A process that was stopped finds the others gone, perhaps only after it has gone on with them once
    /// more. Whom it may yet meet are other victims.
    fn is_left_alone(&mut self, generation: &Generation, context: &str) {
        loop {
            match self.communicator.shrink() {
                Err(Error::Excluded { .. } | Error::Timeout { .. }) => return,
                Ok(rest) if rest.size() as usize <= generation.deaths.len() => return,
                Ok(rest) => self.communicator = rest,
                Err(error) => panic!("{context}: {error}"),
            }
            self.barriers();
        }
    }

    /// Lets new processes in, in the places of the victims.
    pub fn replace(&mut self, door: u32) {
        let victims: Vec<Rank> =
            self.generation().deaths.iter().map(|death| Rank(death.victim)).collect();
        self.communicator = self.communicator.grow(&victims, &address(door), LIMIT).unwrap();
        self.deal(self.generation);
        self.generation += 1;
    }

    /// Deals the ranks anew, so that everyone is first, last and root at times.
    fn deal(&mut self, generation: u32) {
        assert_eq!(self.communicator.size(), WORLD);
        let order = Generation::draw(self.seed, generation).order;
        let key = order.iter().position(|rank| *rank == self.me()).unwrap();
        self.communicator = self.communicator.split(Some(0), key as i32).unwrap().unwrap();
        self.learn_names();
        assert_eq!(self.names, order);
    }
}
