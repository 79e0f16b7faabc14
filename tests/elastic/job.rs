//! The processes of the job: started, struck, reaped and replaced.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sealane::local;

use crate::draw::{Death, Fate, Generation, OBSERVER, WORLD};
use crate::member::Member;

/// How a rank begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub seed: u64,
    pub generation: u32,
    pub rank: u32,
    /// Where rank 0 is, or the door of the leader.
    pub port: u32,
    /// Who opens the door, by its rank in the job.
    pub leader: Option<u32>,
}

const START: &str = "SEALANE_ELASTIC_START";

impl Start {
    pub fn from_environment() -> Option<Self> {
        let text = std::env::var(START).ok()?;
        let mut words = text.split(' ');
        let mut word = || words.next();
        Some(Self {
            seed: word()?.parse().unwrap(),
            generation: word()?.parse().unwrap(),
            rank: word()?.parse().unwrap(),
            port: word()?.parse().unwrap(),
            leader: word().map(|leader| leader.parse().unwrap()),
        })
    }

    fn spawn(&self) -> Child {
        let Self { seed, generation, rank, port, leader } = self;
        let leader = leader.map(|leader| format!(" {leader}")).unwrap_or_default();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_rank_of_the_job", "--ignored", "--nocapture"])
            .env(START, format!("{seed} {generation} {rank} {port}{leader}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub generations: u32,
    pub killed: u32,
    pub stopped: u32,
    pub revived: u32,
}

/// See the module's text. No process outlives it.
pub struct Job {
    seed: u64,
    number: u32,
    generation: Generation,
    /// Deaths to come in this generation.
    waiting: Vec<Death>,
    children: BTreeMap<u32, Child>,
    pub tally: Tally,
}

impl Drop for Job {
    fn drop(&mut self) {
        for child in self.children.values_mut() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

impl Job {
    /// Starts all processes, and the rank that this one is.
    pub fn start(seed: u64) -> (Self, Member) {
        let port = local::free_port().unwrap().into();
        let start = |rank| Start { seed, generation: 0, rank, port, leader: None };
        let others = (0..WORLD).filter(|rank| *rank != OBSERVER);
        let children = others.map(|rank| (rank, start(rank).spawn())).collect();
        let generation = Generation::draw(seed, 0);
        let waiting = generation.deaths.clone();
        let job = Self { seed, number: 0, generation, waiting, children, tally: Tally::default() };
        (job, Member::start(&start(OBSERVER)))
    }

    /// Lets those die whose time has come.
    pub fn strike(&mut self, operation: u32) {
        for death in self.waiting.extract_if(.., |death| death.before <= operation) {
            let blow = if death.fate == Fate::Killed { Signal::KILL } else { Signal::STOP };
            signal(&self.children[&death.victim], blow);
        }
    }

    /// Reaps the victims, and starts others in their places.
    pub fn replace(&mut self, leader: u32, door: u32) {
        for death in &self.generation.deaths {
            let child = self.children.get_mut(&death.victim).unwrap();
            match death.fate {
                Fate::Killed => self.tally.killed += 1,
                Fate::Stopped => {
                    child.kill().unwrap();
                    self.tally.stopped += 1;
                }
                Fate::Revived => {
                    signal(child, Signal::CONT);
                    self.tally.revived += 1;
                }
            }
            let ended = child.wait().unwrap();
            assert_eq!(ended.success(), death.fate == Fate::Revived, "{death:?}: {ended}");
        }
        self.number += 1;
        for death in &self.generation.deaths {
            let (seed, generation, rank) = (self.seed, self.number, death.victim);
            let start = Start { seed, generation, rank, port: door, leader: Some(leader) };
            self.children.insert(rank, start.spawn());
        }
        self.generation = Generation::draw(self.seed, self.number);
        self.waiting.clone_from(&self.generation.deaths);
        self.tally.generations += 1;
    }

    /// All processes end by themselves.
    pub fn end(&mut self) {
        for (rank, child) in &mut self.children {
            assert!(child.wait().unwrap().success(), "rank {rank}");
        }
        self.children.clear();
    }
}
