//! The executor: carries schedules out over messages. Sans-IO: commands go to a [`Port`], events come
//! in, completions come out. Many operations may be under way; they share nothing but the peers.

mod broken;
mod operation;
mod port;
mod program;
mod record;
mod submit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use sealane_kernels::RegionId;
use sealane_transport::message::refuse;
use sealane_transport::{Error, Event, LossCause, OperationError, Rank, RecvId, SendId};

use crate::buffers::Buffers;
use crate::call::Call;
use crate::error::CollectiveError;
use crate::plan::{Overrides, Topology};

use broken::Broken;
use operation::Operation;
use program::Programs;
use record::Recorder;

pub use broken::Mismatch;
pub use port::{Lines, Port};
pub use record::{CollectiveCounters, Counters, PeerCounters, Record, State};

/// Calls that are remembered for those who still wait in one.
const RECENT_MAX: usize = 64;

/// An operation. Per executor, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

/// The caller's memory, as regions of the arena: the same region twice for a call in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operands {
    /// Read.
    pub input: RegionId,
    /// Written.
    pub output: RegionId,
}

/// The end of an operation: its regions are the caller's again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Which.
    pub operation: OperationId,
    /// How.
    pub result: Result<(), CollectiveError>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Executor {
    rank: Rank,
    world: u32,
    communicator: u16,
    overrides: Overrides,
    topology: Option<Topology>,
    programs: Programs,
    sequence: u32,
    next: u64,
    operations: BTreeMap<OperationId, Operation>,
    /// Ids are numbered by us: no attacker chooses what is hashed.
    sends: FxHashMap<SendId, (OperationId, usize)>,
    recvs: FxHashMap<RecvId, (OperationId, usize)>,
    completions: VecDeque<Completion>,
    /// The latest calls, with number and digest: one that is over here may still wait elsewhere.
    recent: VecDeque<(u32, u32, Call)>,
    broken: Option<Broken>,
    withdrawn: Option<Rank>,
    recorder: Recorder,
}

impl Executor {
    /// For `rank` among `world` ranks; `communicator` keeps the messages of several apart.
    #[must_use]
    pub fn new(rank: Rank, world: u32, communicator: u16, overrides: Overrides) -> Self {
        Self {
            rank,
            world,
            communicator,
            overrides,
            topology: None,
            programs: Programs::default(),
            sequence: 0,
            next: 0,
            operations: BTreeMap::new(),
            sends: FxHashMap::default(),
            recvs: FxHashMap::default(),
            completions: VecDeque::new(),
            recent: VecDeque::new(),
            broken: None,
            withdrawn: None,
            recorder: Recorder::default(),
        }
    }

    /// Says which ranks share a host, the same on all ranks; one of another world is ignored.
    #[must_use]
    pub fn with_topology(mut self, topology: Topology) -> Self {
        self.topology = Some(topology).filter(|known| known.world() == self.world as usize);
        self
    }

    /// The next operation that has ended.
    pub fn poll_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// Whether nothing is under way, not even sends that outlive their calls.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether any operation has not completed for its caller yet.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.operations.values().any(|operation| !operation.is_complete())
    }

    /// The number that the next call of all ranks has.
    #[must_use]
    pub const fn next_sequence(&self) -> u32 {
        self.sequence
    }

    /// Whether nothing can be started any more.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Why nothing can be started any more, as an error of `call`, if so.
    #[must_use]
    pub fn broken(&self, call: &Call) -> Option<CollectiveError> {
        self.broken.as_ref().map(|broken| broken.explain(call, self.sequence))
    }

    /// The collective and number of an operation that is under way, for error messages.
    #[must_use]
    pub fn describe(&self, operation: OperationId) -> Option<(&'static str, u32)> {
        let operation = self.operations.get(&operation)?;
        Some((operation.call().collective.name(), operation.sequence))
    }

    /// Why the communicator can no longer be used, if it cannot.
    #[must_use]
    pub fn lost_rank(&self) -> Option<(Rank, LossCause)> {
        match &self.broken {
            Some(Broken::Lost(rank, cause)) => Some((*rank, cause.clone())),
            _ => None,
        }
    }

    /// The first rank that withdrew its part of an operation, which therefore never ends by itself. A
    /// rank does so when its own communicator has broken, and says why on another way that may be
    /// slower (PROTOCOL §10.4): to take the withdrawal itself for the cause would name the wrong rank.
    #[must_use]
    pub fn withdrawn(&self) -> Option<Rank> {
        self.withdrawn.filter(|_| self.broken.is_none())
    }

    /// Takes in an event of the transport. Events that are not about collectives change nothing.
    pub fn on_event(&mut self, event: &Event, port: &mut dyn Port, buffers: &mut Buffers) {
        self.recorder.now = port.now();
        match event {
            Event::Placed { recv, offset, length } => self.placed(*recv, *offset, *length, port),
            Event::Received { recv, peer, immediate, length, .. } => {
                let Some((id, step)) = self.recvs.remove(recv) else { return };
                let Some(operation) = self.operations.get(&id) else { return };
                if *immediate == operation.digest {
                    self.recorder.received(*peer, *length);
                    self.done(id, step, port, buffers);
                } else {
                    let broken = self.mismatch_with(*peer, id);
                    self.fail(broken, port, buffers);
                }
            }
            Event::Sent { send } => {
                if let Some((id, step)) = self.sends.remove(send) {
                    let sent = self.operations.get(&id).and_then(|one| one.sent(step));
                    sent.into_iter().for_each(|(to, bytes)| self.recorder.sent(to, bytes));
                    self.done(id, step, port, buffers);
                }
            }
            Event::SendFailed { send, error } => {
                if let Some((id, step)) = self.sends.remove(send) {
                    self.failed(id, step, error, port, buffers);
                }
            }
            Event::RecvFailed { recv, error } => {
                if let Some((id, step)) = self.recvs.remove(recv) {
                    self.failed(id, step, error, port, buffers);
                }
            }
            // A rank that has finished and left in good order is missed only by who needs it.
            Event::PeerLost { cause: LossCause::Closed { code: 0 | 1, .. }, .. } => {}
            Event::PeerLost { peer, cause } => {
                self.fail(Broken::Lost(*peer, cause.clone()), port, buffers);
            }
            _ => {}
        }
    }

    /// Another rank reports that `rank` is gone: everything ends here as well.
    pub fn on_loss_notice(
        &mut self,
        rank: Rank,
        cause: LossCause,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) {
        self.fail(Broken::Lost(rank, cause), port, buffers);
    }

    /// Another rank reports that it and `differs` have called different things, and what its own call
    /// was (empty if it has not come to it): everything ends here as well.
    pub fn on_mismatch_notice(
        &mut self,
        (by, differs): (Rank, Rank),
        (sequence, theirs): (u32, String),
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) {
        let theirs = Some(theirs).filter(|theirs| !theirs.is_empty());
        // What we have seen of a difference ourselves does not say what the other called.
        if let Some(Broken::Mismatch(Mismatch { rank, theirs: unknown @ None, ours })) =
            &mut self.broken
            && *rank == by
            && ours.as_ref().is_none_or(|(ours, _)| *ours == sequence)
        {
            *unknown = theirs;
            return;
        }
        // It may have ended here, well, before the others learned of the difference.
        let called = self.recent.iter().find(|(called, ..)| *called == sequence);
        let ours = called.map(|(_, _, call)| call.to_string());
        let we_agree = differs != self.rank && (theirs.is_none() || ours == theirs);
        let (rank, theirs) = if we_agree { (differs, None) } else { (by, theirs) };
        let ours = Some((sequence, ours.unwrap_or_default()));
        self.fail(Broken::Mismatch(Mismatch { rank, theirs, ours }), port, buffers);
    }

    /// The call that has waited longest for its end: its number, its digest, and its words.
    #[must_use]
    pub fn oldest(&self) -> Option<(u32, u32)> {
        let oldest = self.operations.values().find(|operation| !operation.is_complete())?;
        Some((oldest.sequence, oldest.digest))
    }

    /// A call that is under way, in words.
    #[must_use]
    pub fn words(&self, sequence: u32) -> Option<String> {
        let operation = self.operations.values().find(|one| one.sequence == sequence)?;
        Some(operation.call().to_string())
    }

    /// The ranks that a call needs something of: a message, or that they take one.
    #[must_use]
    pub fn waits_for(&self, sequence: u32) -> BTreeSet<Rank> {
        let awaited = self.awaited().into_iter();
        let of =
            |id: &OperationId| self.operations.get(id).is_some_and(|one| one.sequence == sequence);
        let ranks =
            awaited.filter(|(id, _)| of(id)).flat_map(|(_, (from, to))| from.into_iter().chain(to));
        ranks.collect()
    }

    /// Another rank waits in a call. If ours of the same number is another, neither need ever get a
    /// message that the other's does not expect, so that only this tells.
    pub fn on_call_notice(
        &mut self,
        by: Rank,
        (sequence, digest, theirs): (u32, u32, String),
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) {
        let ours = self.recent.iter().find(|(called, ..)| *called == sequence);
        let Some((_, _, ours)) = ours.filter(|(_, ours, _)| *ours != digest) else { return };
        let ours = Some((sequence, ours.to_string()));
        let mismatch = Mismatch { rank: by, theirs: Some(theirs), ours };
        self.fail(Broken::Mismatch(mismatch), port, buffers);
    }

    /// Which ranks have called different things, if that is why everything has ended.
    #[must_use]
    pub fn mismatch(&self) -> Option<&Mismatch> {
        match &self.broken {
            Some(Broken::Mismatch(mismatch)) => Some(mismatch),
            _ => None,
        }
    }

    fn mismatch_with(&self, rank: Rank, id: OperationId) -> Broken {
        let operation = self.operations.get(&id);
        let ours = operation.map(|one| (one.sequence, one.call().to_string()));
        Broken::Mismatch(Mismatch { rank, theirs: None, ours })
    }

    /// Ends everything.
    pub fn abort(&mut self, reason: &str, port: &mut dyn Port, buffers: &mut Buffers) {
        self.fail(Broken::Aborted(reason.to_owned()), port, buffers);
    }

    /// The flight record: the last operations that have ended, and those that are under way, in the order
    /// of their calls.
    #[must_use]
    pub fn record(&self) -> Vec<Record> {
        let mut awaited = self.awaited();
        let running = self.operations.iter().filter(|(_, operation)| !operation.is_complete());
        let running = running.map(|(id, operation)| {
            operation.record(None).waiting(awaited.remove(id).unwrap_or_default())
        });
        let mut all: Vec<Record> = self.recorder.ended.iter().cloned().chain(running).collect();
        all.sort_by_key(|record| record.sequence);
        all
    }

    /// Why no operation can be started any more, if that is so.
    #[must_use]
    pub fn ended_by(&self) -> Option<String> {
        self.broken.as_ref().map(ToString::to_string)
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.recorder.counters
    }

    /// By operation: from which ranks messages have not come, and which have not acknowledged theirs.
    fn awaited(&self) -> FxHashMap<OperationId, (BTreeSet<Rank>, BTreeSet<Rank>)> {
        let mut awaited: FxHashMap<OperationId, (BTreeSet<Rank>, BTreeSet<Rank>)> =
            FxHashMap::default();
        let peer = |id: &OperationId, step| self.operations.get(id)?.peer_of(step);
        for (id, step) in self.recvs.values() {
            awaited.entry(*id).or_default().0.extend(peer(id, *step));
        }
        for (id, step) in self.sends.values() {
            awaited.entry(*id).or_default().1.extend(peer(id, *step));
        }
        awaited
    }

    /// Starts every step whose predecessors are done, receives first.
    fn start(&mut self, id: OperationId, port: &mut dyn Port, buffers: &mut Buffers) {
        loop {
            let Some(operation) = self.operations.get_mut(&id) else { return };
            let Some(step) = operation.next_ready() else { return };
            match operation.run(step, self.communicator, port, buffers) {
                Ok(operation::Started::Send(send)) => {
                    self.sends.insert(send, (id, step));
                }
                Ok(operation::Started::Recv(recv)) => {
                    self.recvs.insert(recv, (id, step));
                }
                Ok(operation::Started::Done) => operation.finish(step),
                Err(error) => {
                    let broken = match error {
                        Error::PeerLost { rank, cause } => Broken::Lost(rank, cause),
                        other => Broken::Transport(other.to_string()),
                    };
                    self.fail(broken, port, buffers);
                    return;
                }
            }
        }
    }

    /// Bytes of a receive were placed: gated sends may have them.
    fn placed(&mut self, recv: RecvId, offset: u64, length: u64, port: &mut dyn Port) {
        let Some((id, step)) = self.recvs.get(&recv) else { return };
        let Some(operation) = self.operations.get(id) else { return };
        for (send, offset, length) in operation.released_by(*step, (offset, length)) {
            // The send may have ended already, by the loss of its peer; that has its own event.
            let _ = port.release(send, offset, length);
        }
    }

    fn done(&mut self, id: OperationId, step: usize, port: &mut dyn Port, buffers: &mut Buffers) {
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.finish(step);
        }
        self.start(id, port, buffers);
        self.settle(id, port, buffers);
    }

    /// A message of a call that is over here, of which nothing was to come any more: whoever sent it has
    /// called something else under that number. Small messages are taken in before they are asked for, so
    /// that neither call needs to fail by itself.
    fn stray(&self, port: &dyn Port) -> Option<Broken> {
        let (rank, tag) = port.lowest_unmatched()?;
        let (communicator, sequence) = operation::origin(tag);
        // Numbers wrap.
        let over = (sequence.wrapping_sub(self.sequence) as i32) < 0
            && self.operations.values().all(|operation| operation.sequence != sequence);
        if !over || communicator != u64::from(self.communicator) {
            return None;
        }
        let ours = self.recent.iter().find(|(called, ..)| *called == sequence);
        let ours = ours.map(|(_, _, call)| call.to_string()).unwrap_or_default();
        Some(Broken::Mismatch(Mismatch { rank, theirs: None, ours: Some((sequence, ours)) }))
    }

    /// Completes the operation for its caller, and removes it once nothing of it is under way.
    fn settle(&mut self, id: OperationId, port: &mut dyn Port, buffers: &mut Buffers) {
        let Some(operation) = self.operations.get(&id) else { return };
        if operation.is_completing()
            && let Some(broken) = self.stray(port)
        {
            self.fail(broken, port, buffers);
            return;
        }
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if operation.completes() {
            let end = (self.recorder.now, State::Done);
            self.recorder.end(operation.record(Some(end)), operation.volume());
            operation.span.in_scope(|| tracing::debug!("done"));
            self.completions.push_back(Completion { operation: id, result: Ok(()) });
        }
        if operation.is_over() {
            operation.free(buffers);
            self.operations.remove(&id);
        }
    }

    fn failed(
        &mut self,
        id: OperationId,
        step: usize,
        error: &OperationError,
        port: &mut dyn Port,
        buffers: &mut Buffers,
    ) {
        let peer = self.operations.get(&id).and_then(|operation| operation.peer_of(step));
        let broken = match (error, peer) {
            (OperationError::PeerLost { rank, cause }, _) => Broken::Lost(*rank, cause.clone()),
            (
                OperationError::Refused(refuse::LENGTH) | OperationError::Length { .. },
                Some(peer),
            ) => self.mismatch_with(peer, id),
            (OperationError::Refused(_), Some(peer)) => {
                self.withdrawn.get_or_insert(peer);
                return;
            }
            (other, _) => Broken::Transport(other.to_string()),
        };
        self.fail(broken, port, buffers);
    }

    /// Ends every operation with the same cause; the first one stands.
    fn fail(&mut self, broken: Broken, port: &mut dyn Port, buffers: &mut Buffers) {
        let broken = self.broken.get_or_insert(broken).clone();
        let mut awaited = self.awaited();
        // In order, so that what goes onto the wire is the same in every run.
        let mut sends: Vec<_> = self.sends.drain().map(|(send, _)| send).collect();
        let mut recvs: Vec<_> = self.recvs.drain().map(|(recv, _)| recv).collect();
        sends.sort_unstable();
        recvs.sort_unstable();
        sends.into_iter().for_each(|send| port.cancel_send(send));
        recvs.into_iter().for_each(|recv| port.cancel_recv(recv));
        for (id, mut operation) in std::mem::take(&mut self.operations) {
            if !operation.is_complete() {
                let error = broken.explain(operation.call(), operation.sequence);
                operation.span.in_scope(|| tracing::info!(%error, "failed"));
                let end = (port.now(), State::Failed(error.clone()));
                let waiting = awaited.remove(&id).unwrap_or_default();
                let record = operation.record(Some(end)).waiting(waiting);
                self.recorder.end(record, operation.volume());
                self.completions.push_back(Completion { operation: id, result: Err(error) });
            }
            operation.free(buffers);
        }
    }
}

#[cfg(test)]
mod tests;
