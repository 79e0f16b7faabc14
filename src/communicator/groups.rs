//! Communicators made of this one: split off, duplicated, shrunk to those who are left.

use std::time::Duration;

use sealane_collectives::{Collective, Counts};
use sealane_kernels::Dtype;
use sealane_transport::Rank;

use super::request::Request;
use super::{Communicator, Work};
use crate::bootstrap::Master;
use crate::bootstrap::rendezvous::wire::Place;
use crate::error::{Error, Operation};
use crate::membership::door::Door;
use crate::membership::{Decision, Outcome, Purpose, Site, fresh_epoch};
use crate::runtime::engine::Engine;

/// How many operation timeouts a shrink may take: one for ranks that do not call it, two for a rank that is
/// to decide and does not, and as much again for the next.
const PATIENCE: u32 = 5;

/// What a rank says of itself in a split: colour u32 | key u32 | whether there is a colour u8 | place.
const HEADER: usize = 9;

/// Where a rank of a split goes.
struct Entry {
    colour: Option<u32>,
    key: i32,
    place: Place,
}

impl Communicator {
    /// Parts of this communicator: all ranks of one colour make one, in the order of their keys, and of
    /// their ranks here where keys are equal. Without a colour a rank joins none and gets `None`. All
    /// ranks must call it, in the same order as collectives.
    ///
    /// Each part has sockets, sessions and keys of its own (PROTOCOL §10.6): it runs and fails apart from
    /// this one and from the others, and nobody else can read what it sends.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(4, |communicator| {
    ///     let me = communicator.rank().0;
    ///     let pair = communicator.split(Some(me % 2), me as i32)?.unwrap();
    ///     let mut sum = [me];
    ///     pair.all_reduce(&mut sum, ReduceOp::Sum)?;
    ///     assert_eq!((pair.size(), pair.rank().0, sum), (2, me / 2, [[2], [4]][me as usize % 2]));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn split(&self, colour: Option<u32>, key: i32) -> Result<Option<Self>, Error> {
        let site = Site::open(&self.setup, &self.driver.inspect(|engine| engine.ips()))?;
        let (entries, call) =
            self.exchange_entries(&Entry { colour, key, place: site.place.clone() })?;
        let Some(colour) = colour else { return Ok(None) };
        let mut group: Vec<Rank> = (0..self.world).map(Rank).collect();
        group.retain(|rank| entries[rank.0 as usize].colour == Some(colour));
        group.sort_by_key(|rank| (entries[rank.0 as usize].key, rank.0));
        let leader = group.first().copied().unwrap_or(self.rank);
        let decision = if leader == self.rank {
            let place = |rank: &Rank| entries[rank.0 as usize].place.clone();
            let members =
                group.iter().map(|rank| (self.driver.inspect(|e| e.job(*rank)), place(rank)));
            let decision = Decision {
                purpose: Purpose::Split,
                call,
                epoch: fresh_epoch(self.epoch + 1)?,
                members: members.collect(),
            };
            self.driver.command(|engine| {
                for rank in group.iter().filter(|rank| **rank != leader) {
                    engine.send_decision(*rank, &decision);
                }
            });
            decision
        } else {
            let within = self.operation_timeout;
            self.await_decision(leader, (Purpose::Split, call), "split", within)?
        };
        self.enter(site, &decision, "split").map(Some)
    }

    /// The same ranks once more, with sockets, sessions and keys of their own; see
    /// [`split`](Self::split).
    ///
    /// ```
    /// sealane::local::run(2, |communicator| {
    ///     let twin = communicator.duplicate()?;
    ///     // Calls on the one are not ordered against calls on the other.
    ///     let there = twin.barrier_start()?;
    ///     communicator.barrier()?;
    ///     there.wait()
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`split`](Self::split).
    pub fn duplicate(&self) -> Result<Self, Error> {
        let twin = self.split(Some(0), 0)?;
        twin.ok_or_else(|| self.failed("duplicate", "this rank is not in it"))
    }

    /// The ranks that are left after a failure, in their order. All survivors must call it; what is still
    /// under way on any of them ends. A rank that is lost meanwhile is left out; so is one that
    /// the others take for lost, and one that lives but has not called it when the operation timeout of
    /// the rank that decides, the first of them, has passed: such a rank gets [`Error::Excluded`] when it
    /// does. They learn of each other over the sessions that still stand.
    ///
    /// ```
    /// use sealane::{Crash, Error, Rank, ReduceOp, local};
    ///
    /// local::run(3, |communicator| {
    ///     communicator.barrier()?;
    ///     if communicator.rank() == Rank(1) {
    ///         communicator.simulate_crash(Crash::Silent);
    ///         return Ok(());
    ///     }
    ///     let Err(Error::PeerLost { rank: Rank(1), .. }) = communicator.barrier() else { panic!() };
    ///     let rest = communicator.shrink()?;
    ///     let mut sum = [1];
    ///     rest.all_reduce(&mut sum, ReduceOp::Sum)?;
    ///     assert_eq!((rest.size(), sum), (2, [2]));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Excluded`]; [`Error::Timeout`] if one rank after the other came to decide and did not.
    pub fn shrink(&self) -> Result<Self, Error> {
        let site = Site::open(&self.setup, &self.driver.inspect(|engine| engine.ips()))?;
        let (place, epoch) = (site.place.clone(), fresh_epoch(self.epoch + 1)?);
        let within = self.operation_timeout;
        self.driver.command(|engine| engine.begin_shrink(place, epoch));
        let mut outcome = None;
        for _ in 0..PATIENCE {
            let deadline = self.driver.clock().now() + within;
            outcome = self.driver.run(deadline, |_| {}, Engine::shrink_outcome);
            if outcome.is_some() {
                break;
            }
            self.driver.command(|engine| engine.leave_out_the_late(within));
        }
        match outcome {
            Some(Outcome::Member(decision)) => self.enter(site, &decision, "shrink"),
            Some(Outcome::Excluded) => Err(Error::Excluded { rank: self.rank }),
            None => {
                let waiting_for = self.driver.command(Engine::give_up_shrink);
                let operation = Operation { name: "shrink", sequence: 0 };
                Err(Error::Timeout { operation, within, waiting_for })
            }
        }
    }

    /// This communicator and newcomers: those of the job's ranks `newcomers` that knock at `at` within
    /// `wait`, after the present ranks and in the order given. They call
    /// [`Builder::join`](super::Builder::join), with the same address, and [`job_rank`](Self::job_rank)
    /// of our rank 0, which opens the door. A newcomer's rank in the job may be that of a rank that was
    /// lost. All ranks must call it alike, in the same order as collectives.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sealane::bootstrap::{Credentials, Launch, Master};
    /// use sealane::{Communicator, Rank, ReduceOp, local};
    ///
    /// let (job, meeting, door) = ("grow", local::free_port()?, local::free_port()?);
    /// let at = |port| Master { host: "127.0.0.1".to_owned(), port };
    /// let builder = |rank: u32, port: u16| {
    ///     let lookup = |name: &str| match name {
    ///         "SEALANE_RANK" => Some(rank.to_string()),
    ///         "SEALANE_WORLD_SIZE" => Some(if rank < 2 { "2" } else { "8" }.to_owned()),
    ///         "SEALANE_MASTER" => Some(format!("127.0.0.1:{port}")),
    ///         _ => None,
    ///     };
    ///     let text = "at least sixteen bytes".to_owned().into();
    ///     let credentials = Credentials::Secret { text, origin: "an example".to_owned() };
    ///     let launch = Launch::detect(&lookup)?;
    ///     Ok::<_, sealane::Error>(Communicator::builder().launch(launch).credentials(credentials).job(job))
    /// };
    /// let sum = |communicator: Communicator| {
    ///     let mut one = [1];
    ///     communicator.all_reduce(&mut one, ReduceOp::Sum)?;
    ///     Ok::<_, sealane::Error>(one[0])
    /// };
    /// let sums = std::thread::scope(|scope| {
    ///     let late = scope.spawn(|| sum(builder(7, door)?.join(Rank(0))?));
    ///     let ranks = [0, 1].map(|rank| {
    ///         scope.spawn(move || {
    ///             let two = builder(rank, meeting)?.connect()?;
    ///             sum(two.grow(&[Rank(7)], &at(door), Duration::from_secs(60))?)
    ///         })
    ///     });
    ///     ranks.into_iter().chain([late]).map(|rank| rank.join().unwrap()).collect::<Vec<_>>()
    /// });
    /// assert!(sums.iter().all(|sum| matches!(sum, Ok(3))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]. Newcomers that did not come are none: [`size`](Self::size) tells.
    pub fn grow(&self, newcomers: &[Rank], at: &Master, wait: Duration) -> Result<Self, Error> {
        let site = Site::open(&self.setup, &self.driver.inspect(|engine| engine.ips()))?;
        let own = Entry { colour: Some(0), key: 0, place: site.place.clone() };
        let (entries, call) = self.exchange_entries(&own)?;
        let jobs: Vec<Rank> = self.driver.inspect(|engine| engine.jobs().to_vec());
        if let Some(rank) = newcomers.iter().find(|rank| jobs.contains(rank)) {
            return Err(Error::Argument(format!("grow: {rank} of the job is here already")));
        }
        let decision = if self.rank == Rank(0) {
            let deadline = self.driver.clock().now() + wait;
            let door = Door::open(&self.setup, at, newcomers, deadline)?;
            let present = jobs.into_iter().zip(entries.into_iter().map(|entry| entry.place));
            let members = present.chain(door.newcomers(newcomers)).collect();
            let epoch = fresh_epoch(self.epoch + 1)?;
            let decision = Decision { purpose: Purpose::Grow, call, epoch, members };
            self.driver.command(|engine| {
                for rank in (1..self.world).map(Rank) {
                    engine.send_decision(rank, &decision);
                }
            });
            door.tell(&decision);
            decision
        } else {
            let within = wait + self.operation_timeout;
            self.await_decision(Rank(0), (Purpose::Grow, call), "grow", within)?
        };
        self.enter(site, &decision, "grow")
    }

    /// Our rank in the job, which certificates name: that of the job's own communicator.
    #[must_use]
    pub fn job_rank(&self) -> Rank {
        self.setup.identity.rank()
    }

    /// How many communicators lie between the job's, whose epoch is 0, and this one.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Everyone's entry, by rank, and the number of the call.
    fn exchange_entries(&self, own: &Entry) -> Result<(Vec<Entry>, u32), Error> {
        let mut record = own.colour.unwrap_or(0).to_be_bytes().to_vec();
        record.extend_from_slice(&own.key.to_be_bytes());
        record.push(u8::from(own.colour.is_some()));
        record.extend(own.place.encode());
        let mut lengths = vec![0_u64; self.world as usize];
        self.all_gather_into(&[record.len() as u64], &mut lengths)?;
        let total = lengths.iter().sum::<u64>() as usize;
        let request =
            Request::out_of_place(Collective::AllGather, Dtype::U8, 0, record, vec![0_u8; total]);
        let work = self.submit(request.counts(Counts::Uneven(lengths.clone().into())))?;
        let call = work.sequence().unwrap_or(0) as u32;
        let (_, all) = Work::unpacked(work, super::work::both::<u8>).wait()?;
        let mut rest = &all[..];
        let mut entries = Vec::with_capacity(lengths.len());
        for (rank, length) in lengths.iter().enumerate() {
            let (record, after) = rest.split_at(*length as usize);
            rest = after;
            let entry = Entry::decode(record);
            let wrong = || self.failed("split", &format!("rank {rank} sent a malformed entry"));
            entries.push(entry.ok_or_else(wrong)?);
        }
        Ok((entries, call))
    }

    /// Waits for what another rank decides.
    pub(super) fn await_decision(
        &self,
        from: Rank,
        (purpose, call): (Purpose, u32),
        name: &'static str,
        within: Duration,
    ) -> Result<Decision, Error> {
        let operation = Operation { name, sequence: u64::from(call) };
        let deadline = self.driver.clock().now() + within;
        let ready = |engine: &mut Engine| match engine.take_decision(from, purpose, call) {
            Some(decision) => Some(Ok(decision)),
            None => engine.broken(operation).map(Err),
        };
        let timeout = || Err(Error::Timeout { operation, within, waiting_for: vec![from] });
        self.driver.run(deadline, |_| {}, ready).unwrap_or_else(timeout)
    }

    /// Enters an epoch that was decided.
    pub(super) fn enter(
        &self,
        site: Site,
        decision: &Decision,
        name: &'static str,
    ) -> Result<Self, Error> {
        let meeting = site.enter(&self.setup, decision)?;
        let meeting = meeting.ok_or_else(|| self.failed(name, "this rank is not in it"))?;
        Self::assemble(meeting, &self.setup, self.plan.clone(), self.operation_timeout)
    }

    pub(super) fn failed(&self, name: &'static str, cause: &str) -> Error {
        let operation = Operation { name, sequence: 0 };
        Error::Failed { operation, cause: cause.to_owned() }
    }
}

impl Entry {
    fn decode(record: &[u8]) -> Option<Self> {
        let (header, place) = record.split_first_chunk::<HEADER>()?;
        let (colour, rest) = header.split_first_chunk::<4>()?;
        let (key, flag) = rest.split_first_chunk::<4>()?;
        Some(Self {
            colour: (flag == [1]).then_some(u32::from_be_bytes(*colour)),
            key: i32::from_be_bytes(*key),
            place: Place::decode(place, "SPLIT").ok()?,
        })
    }
}
