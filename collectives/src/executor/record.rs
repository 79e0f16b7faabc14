//! The flight recorder: the last operations and their states. No payload and no key is in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use sealane_transport::{Rank, Time};

use crate::call::Call;
use crate::error::CollectiveError;
use crate::plan::Algorithm;

/// Operations that are remembered after their end.
const ENDED_MAX: usize = 256;

/// What has become of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Running,
    /// Its result is there.
    Done,
    /// It ended without.
    Failed(CollectiveError),
}

/// An operation, as the recorder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The how manieth of the communicator.
    pub sequence: u32,
    /// What was called.
    pub call: Call,
    /// How it is done.
    pub algorithm: Algorithm,
    /// When it was called.
    pub started: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// What has become of it.
    pub state: State,
    /// Steps of its schedule that are done, of how many; as of its end, if it has failed.
    pub steps: (usize, usize),
    /// The ranks whose messages it waits for.
    pub waits_for: BTreeSet<Rank>,
    /// The ranks that have not acknowledged messages of it.
    pub unacknowledged: BTreeSet<Rank>,
}

impl Record {
    /// With the ranks whose messages, and whose acknowledgements, have not come.
    pub(super) fn waiting(
        self,
        (waits_for, unacknowledged): (BTreeSet<Rank>, BTreeSet<Rank>),
    ) -> Self {
        Self { waits_for, unacknowledged, ..self }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, call, algorithm, steps: (done, all), .. } = self;
        let us = |time: Time| time.as_nanos() / 1000;
        write!(f, "#{sequence} {call} by {algorithm}, from {} µs", us(self.started))?;
        match (&self.state, self.ended) {
            (State::Done, Some(ended)) => return write!(f, " to {} µs: done", us(ended)),
            (State::Failed(error), Some(ended)) => write!(f, " to {} µs: {error}", us(ended))?,
            _ => f.write_str(": running")?,
        }
        write!(f, "; {done} of {all} steps done")?;
        let mut list = |what: &str, ranks: &BTreeSet<Rank>| {
            let names: Vec<String> = ranks.iter().map(ToString::to_string).collect();
            if names.is_empty() { Ok(()) } else { write!(f, "; {what} {}", names.join(", ")) }
        };
        list("waits for", &self.waits_for)?;
        list("unacknowledged by", &self.unacknowledged)
    }
}

/// What one collective has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectiveCounters {
    /// Calls that have ended with their results.
    pub completed: u64,
    /// Calls that have ended without.
    pub failed: u64,
    /// Bytes of the longest buffer of the completed calls, as nccl-tests counts.
    pub bytes: u64,
    /// Time from call to result, of all completed calls together.
    pub nanoseconds: u64,
}

/// What collectives have exchanged with one rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCounters {
    /// Messages to it that it has acknowledged.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages from it.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// Counters of an executor since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// By the name of the collective.
    pub collectives: BTreeMap<&'static str, CollectiveCounters>,
    /// By rank.
    pub peers: BTreeMap<Rank, PeerCounters>,
}

/// What the executor keeps for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub ended: VecDeque<Record>,
    pub counters: Counters,
    pub now: Time,
}

impl Recorder {
    /// An operation has ended, `volume` bytes long.
    pub(super) fn end(&mut self, record: Record, volume: u64) {
        let counters = self.counters.collectives.entry(record.call.collective.name()).or_default();
        if record.state == State::Done {
            counters.completed += 1;
            counters.bytes += volume;
            counters.nanoseconds += self.now.since(record.started).as_nanos() as u64;
        } else {
            counters.failed += 1;
        }
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(record);
    }

    pub(super) fn sent(&mut self, to: Rank, bytes: u64) {
        let peer = self.counters.peers.entry(to).or_default();
        peer.messages_sent += 1;
        peer.bytes_sent += bytes;
    }

    pub(super) fn received(&mut self, from: Rank, bytes: u64) {
        let peer = self.counters.peers.entry(from).or_default();
        peer.messages_received += 1;
        peer.bytes_received += bytes;
    }
}
