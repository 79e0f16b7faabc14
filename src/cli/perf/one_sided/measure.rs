//! One size: operations one at a time for their latency, many in flight for their throughput, and a
//! check of every byte and value that they leave.

use std::collections::VecDeque;
use std::time::Duration;

use sealane::runtime::clock::Clock;
use sealane::{Communicator, Error, Grant, Permissions, Rank, Refusal, Region, Work};
use sealane_transport::Time;

use super::super::options::{Collective, Perf};
use super::super::session::Run;
use super::Part;
use super::latency::Figures;

/// Memory that the slots of all operations in flight may take.
const SLOTS_BYTES_MAX: u64 = 256 << 20;

/// Payload of a measurement, beyond which it needs no more operations than were asked for.
const THROUGHPUT_BYTES: u64 = 2 << 30;
const LATENCY_BYTES: u64 = 256 << 20;

/// Operations of the measurement of latency for each iteration, so that 20 give a thousand.
const LATENCY_FACTOR: u64 = 50;

/// Where the counter of fetch-add lies.
const COUNTER: u64 = 0;

/// What a phase came to, at an initiator.
#[derive(Clone, Debug, Default)]
pub(super) struct Throughput {
    pub operations: u64,
    pub operations_per_second: f64,
    pub bytes_per_second: f64,
    pub retried: u64,
    pub wrong: Option<u64>,
}

/// What one at a time came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    pub figures: Figures,
    pub wrong: Option<u64>,
}

/// What a phase leaves at an initiator.
#[derive(Debug, Default)]
struct Outcome {
    durations: Vec<Duration>,
    elapsed: Duration,
    retried: u64,
    /// What fetch-adds found.
    found: Vec<u64>,
    /// What reads brought, by slot.
    read: Vec<(usize, Vec<u8>)>,
}

/// See the module's text.
pub(super) struct Bench<'a> {
    communicator: &'a Communicator,
    perf: &'a Perf,
    kind: Collective,
    clock: Clock,
    part: Part,
    size: usize,
    slots: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn new(run: &Run<'a>, part: Part, size: u64) -> Self {
        let fit = (SLOTS_BYTES_MAX / size.max(1)).max(1) as usize;
        Self {
            communicator: run.communicator,
            perf: run.perf,
            kind: run.plan.collective,
            clock: run.clock,
            part,
            size: size as usize,
            slots: run.perf.inflight().min(fit),
        }
    }

    /// Lets sessions and paths find themselves.
    pub(super) fn warm_up(&self) -> Result<(), Error> {
        self.phase(u64::from(self.perf.warmup) * self.slots as u64, self.slots)?;
        Ok(())
    }

    /// Operations one at a time.
    pub(super) fn latency(&self) -> Result<Latency, Error> {
        let enough = (LATENCY_BYTES / self.size.max(1) as u64).max(self.perf.iters.into());
        let operations = (u64::from(self.perf.iters) * LATENCY_FACTOR).min(enough);
        let (outcome, wrong) = self.phase(operations, 1)?;
        Ok(Latency { figures: Figures::of(outcome.durations), wrong })
    }

    /// As many in flight as there are slots.
    pub(super) fn throughput(&self) -> Result<Throughput, Error> {
        let enough = (THROUGHPUT_BYTES / self.size.max(1) as u64).max(self.perf.iters.into());
        let operations = (u64::from(self.perf.iters) * self.slots as u64).min(enough);
        let (outcome, wrong) = self.phase(operations, self.slots)?;
        let seconds = outcome.elapsed.as_secs_f64();
        let rate = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let (operations, retried) = (operations, outcome.retried);
        let operations_per_second = rate(operations as f64);
        let bytes_per_second = operations_per_second * self.size as f64;
        Ok(Throughput { operations, operations_per_second, bytes_per_second, retried, wrong })
    }

    /// Runs operations, at most `inflight` at a time; returns what they came to, and what was wrong here.
    fn phase(&self, operations: u64, inflight: usize) -> Result<(Outcome, Option<u64>), Error> {
        let Some(partner) = self.part.partner else {
            self.communicator.barrier()?;
            self.communicator.barrier()?;
            return Ok((Outcome::default(), Some(0)));
        };
        let region = self.part.serves.then(|| self.communicator.register(self.served()));
        if let Some(region) = &region {
            let grant = region.grant(Permissions::ALL, partner)?;
            self.communicator.offer(&grant, partner, 0)?;
        }
        let grant =
            self.part.initiates.then(|| self.communicator.accept(partner, 0)).transpose()?;
        self.communicator.barrier()?;
        let serves_immediates = self.kind == Collective::WriteImm && self.part.serves;
        let (outcome, immediates) = std::thread::scope(|scope| {
            let taker = serves_immediates.then(|| scope.spawn(|| self.take_immediates(operations)));
            let outcome = grant.map_or_else(
                || Ok(Outcome::default()),
                |grant| self.initiate(&grant, operations, inflight),
            );
            let taken = taker.map(|taker| taker.join().unwrap_or(Ok(operations)));
            (outcome, taken.unwrap_or(Ok(0)))
        });
        let (outcome, mut wrong) = (outcome?, immediates?);
        // All writes are in place: their ends say so.
        self.communicator.barrier()?;
        if self.perf.check == 0 {
            return Ok((outcome, None));
        }
        if let Some(region) = region {
            wrong += self.check_served(partner, region, operations, inflight)?;
        }
        if self.part.initiates {
            wrong += self.check_outcome(partner, &outcome, operations);
        }
        Ok((outcome, Some(wrong)))
    }

    /// Memory for the partner, before the phase.
    fn served(&self) -> Vec<u8> {
        match self.kind {
            Collective::Read => (0..self.slots)
                .flat_map(|slot| pattern(self.communicator.rank(), slot, self.size))
                .collect(),
            Collective::FetchAdd => vec![0; 8],
            _ => vec![0; self.slots * self.size],
        }
    }

    /// Takes one immediate for each operation; returns how many values came not exactly once.
    fn take_immediates(&self, operations: u64) -> Result<u64, Error> {
        let mut seen = vec![0_u8; operations as usize];
        let mut strange = 0;
        for _ in 0..operations {
            let told = self.communicator.next_immediate(self.perf.timeout())?;
            match seen.get_mut(told.value as usize) {
                Some(count) if told.length == self.size as u64 => *count = count.saturating_add(1),
                _ => strange += 1,
            }
        }
        Ok(strange + seen.iter().filter(|count| **count != 1).count() as u64)
    }

    fn initiate(&self, grant: &Grant, operations: u64, inflight: usize) -> Result<Outcome, Error> {
        let mut initiator = Initiator {
            bench: self,
            grant,
            outcome: Outcome::default(),
            free: (0..inflight).map(|slot| (slot, self.buffer(slot))).collect(),
            flying: VecDeque::new(),
        };
        let from = self.clock.now();
        for operation in 0..operations {
            initiator.issue(operation)?;
            if initiator.flying.len() >= inflight {
                initiator.finish_oldest()?;
            }
        }
        while !initiator.flying.is_empty() {
            initiator.finish_oldest()?;
        }
        let mut outcome = initiator.outcome;
        outcome.elapsed = self.clock.now().since(from);
        if self.kind == Collective::Read {
            outcome.read = initiator.free.into();
        }
        Ok(outcome)
    }

    /// What an initiator writes from, or reads into.
    fn buffer(&self, slot: usize) -> Vec<u8> {
        match self.kind {
            Collective::Write | Collective::WriteImm => {
                pattern(self.communicator.rank(), slot, self.size)
            }
            Collective::Read => vec![0; self.size],
            _ => Vec::new(),
        }
    }

    /// Wrong bytes or values in the memory that the partner used.
    fn check_served(
        &self,
        partner: Rank,
        region: Region<'static, u8>,
        operations: u64,
        inflight: usize,
    ) -> Result<u64, Error> {
        let memory = region.into_vec()?;
        Ok(match self.kind {
            Collective::FetchAdd => {
                let counter = memory.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
                counter.abs_diff(operations)
            }
            Collective::Read => 0,
            _ => {
                let used = inflight.min(usize::try_from(operations).unwrap_or(inflight));
                (0..used)
                    .map(|slot| {
                        let got = &memory[slot * self.size..][..self.size];
                        differing(got, &pattern(partner, slot, self.size))
                    })
                    .sum()
            }
        })
    }

    /// Wrong bytes or values in what came back.
    fn check_outcome(&self, partner: Rank, outcome: &Outcome, operations: u64) -> u64 {
        let read = outcome.read.iter().filter(|(slot, _)| (*slot as u64) < operations);
        let bytes: u64 =
            read.map(|(slot, got)| differing(got, &pattern(partner, *slot, self.size))).sum();
        // Each value was found once: nothing was added twice, and nothing left out.
        let mut found = outcome.found.clone();
        found.sort_unstable();
        let values = found.iter().zip(0..).filter(|(value, expected)| **value != *expected).count();
        bytes + values as u64
    }
}

/// An initiator in the midst of a phase. A slot is a buffer here and a place there.
struct Initiator<'a> {
    bench: &'a Bench<'a>,
    grant: &'a Grant,
    outcome: Outcome,
    free: VecDeque<(usize, Vec<u8>)>,
    flying: VecDeque<Flying>,
}

struct Flying {
    slot: usize,
    number: u64,
    since: Time,
    work: Moving,
}

/// An operation under way.
enum Moving {
    Bytes(Work<Vec<u8>>),
    Value(Work<u64>),
}

impl Initiator<'_> {
    fn issue(&mut self, number: u64) -> Result<(), Error> {
        let (slot, buffer) = self.free.pop_front().unwrap_or_default();
        self.start(slot, buffer, number)
    }

    fn start(&mut self, slot: usize, buffer: Vec<u8>, number: u64) -> Result<(), Error> {
        let Bench { communicator, kind, size, .. } = self.bench;
        let offset = (slot * size) as u64;
        let since = self.bench.clock.now();
        let work = match kind {
            Collective::Read => Moving::Bytes(communicator.read_start(buffer, self.grant, offset)?),
            Collective::FetchAdd => {
                self.free.push_back((slot, buffer));
                Moving::Value(communicator.fetch_add_start(self.grant, COUNTER, 1)?)
            }
            Collective::WriteImm => Moving::Bytes(communicator.write_with_immediate_start(
                buffer,
                self.grant,
                offset,
                number as u32,
            )?),
            _ => Moving::Bytes(communicator.write_start(buffer, self.grant, offset)?),
        };
        self.flying.push_back(Flying { slot, number, since, work });
        Ok(())
    }

    fn finish_oldest(&mut self) -> Result<(), Error> {
        let Some(Flying { slot, number, since, work }) = self.flying.pop_front() else {
            return Ok(());
        };
        match work {
            Moving::Value(work) => self.outcome.found.push(work.wait()?),
            Moving::Bytes(work) => match work.wait() {
                Ok(buffer) => self.free.push_back((slot, buffer)),
                Err(Error::RemoteAccess { refusal: Refusal::NotReady, .. }) => {
                    self.outcome.retried += 1;
                    return self.start(slot, self.bench.buffer(slot), number);
                }
                Err(error) => return Err(error),
            },
        }
        self.outcome.durations.push(self.bench.clock.now().since(since));
        Ok(())
    }
}

/// Bytes that tell ranks, slots and places apart.
fn pattern(rank: Rank, slot: usize, size: usize) -> Vec<u8> {
    let start = (u64::from(rank.0) << 32 | slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..size.div_ceil(8) as u64).flat_map(|word| {
        start.wrapping_add(word.wrapping_mul(0xd134_2543_de82_ef95)).to_ne_bytes()
    });
    words.take(size).collect()
}

fn differing(got: &[u8], expected: &[u8]) -> u64 {
    if got == expected {
        return 0;
    }
    let differ = got.iter().zip(expected).filter(|(got, expected)| got != expected).count();
    (differ + got.len().abs_diff(expected.len())) as u64
}
