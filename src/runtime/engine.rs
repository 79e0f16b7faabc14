//! Everything under the one lock: endpoint, device, executor, memory, and what is under way.

mod ending;
pub(crate) mod errors;
mod launch;
mod members;
mod membership;
pub(crate) mod messages;
mod metrics;
mod pending;
pub(crate) mod rma;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use sealane_collectives::{
    Buffers, Call, CollectiveError, Completion, Counts, Executor, Operands, OperationId, Overrides,
    Port,
};
use sealane_sim::fault::FaultCounters;
use sealane_transport::device::Device;
use sealane_transport::{
    Endpoint, Error, Event, Memory, OperationError, PeerInfo, Rank, RecvId, RecvRequest, SendId,
    SendRequest, Tag, Time,
};

use super::clock::Clock;
use super::net::Net;
use super::notice::{Notice, kind};
use super::wire::Waiter;
use crate::bootstrap::rendezvous::Meeting;
use crate::error::Cause;

use super::slot::Aftermath;
use members::Members;
use membership::Mail;
use messages::Messages;
use pending::{Key, Pending};
use rma::Rma;

/// See the module's text.
pub(crate) struct Engine {
    net: Net,
    rank: Rank,
    world: u32,
    members: Members,
    mail: Mail,
    executor: Executor,
    pub(crate) buffers: Buffers,
    pub(crate) messages: Messages,
    pub(crate) rma: Rma,
    /// Collectives that have ended and whose callers have not asked yet.
    done: HashMap<OperationId, Result<(), CollectiveError>>,
    /// Operations whose ends go to a slot.
    pending: Pending,
    /// What is to be done when the lock is free again.
    aftermath: Aftermath,
    message_sequence: u64,
    /// What other ranks said of a lost one.
    reported: HashMap<Rank, Cause>,
    /// Peers that have finished or are gone: nobody waits for them at the end.
    finished: BTreeSet<Rank>,
    announced: bool,
    /// The notice of why this communicator broke: ranks that connect later are told too.
    last_words: Option<Bytes>,
    completed: bool,
    /// Operations that differ from another rank's, until it says what it called.
    held: Vec<Completion>,
    held_until: Time,
    /// The call that has waited longest, since when, and whether the others know.
    waiting: Option<(u32, Time, bool)>,
    /// When a rank was first seen to have withdrawn from a collective.
    withdrawn_at: Option<Time>,
    /// Ranks that called something else, of which the others were told what.
    passed_on: BTreeSet<Rank>,
    /// Of ranks that wait in a call: the latest that they have told of, and when.
    told: BTreeMap<Rank, (u32, Time)>,
    /// This rank is to do nothing more than answer packets: see [`Crash`](crate::Crash).
    stalled: bool,
}

/// The endpoint, as the executor sees it.
struct Lines<'a> {
    endpoint: &'a mut Endpoint,
    members: &'a Members,
    now: Time,
}

impl Port for Lines<'_> {
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        let sent = self.endpoint.send(self.now, self.members.job(peer), request);
        sent.map_err(|error| self.members.error(error))
    }

    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        self.endpoint.release(send, offset, length)
    }

    fn post_recv(
        &mut self,
        request: RecvRequest,
        memory: &mut dyn Memory,
    ) -> Result<RecvId, Error> {
        let from = request.from.map(|from| self.members.job(from));
        let posted = self.endpoint.post_recv(self.now, RecvRequest { from, ..request }, memory);
        posted.map_err(|error| self.members.error(error))
    }

    fn cancel_send(&mut self, send: SendId) {
        // Done already: nothing reads its buffer.
        let _ = self.endpoint.cancel_send(send);
    }

    fn cancel_recv(&mut self, recv: RecvId) {
        let _ = self.endpoint.cancel_recv(recv);
    }

    fn lowest_unmatched(&self) -> Option<(Rank, Tag)> {
        let (from, tag) = self.endpoint.lowest_unmatched()?;
        Some((self.members.rank(from)?, tag))
    }

    fn now(&self) -> Time {
        self.now
    }
}

/// Splits the engine for a call of the executor.
macro_rules! executor {
    ($engine:expr, $call:ident ( $($argument:expr),* )) => {{
        let now = $engine.net.clock.now();
        let (endpoint, members) = (&mut $engine.net.endpoint, &$engine.members);
        let mut lines = Lines { endpoint, members, now };
        $engine.executor.$call($($argument,)* &mut lines, &mut $engine.buffers)
    }};
}

use executor;

impl Engine {
    pub(crate) fn new(meeting: Meeting, overrides: Overrides) -> Self {
        let Meeting { net, rank, world, topology, early, members, .. } = meeting;
        let mut engine = Self {
            net,
            rank,
            world,
            members: Members::new(members),
            mail: Mail::default(),
            executor: Executor::new(rank, world, 0, overrides).with_topology(topology),
            buffers: Buffers::default(),
            messages: Messages::default(),
            rma: Rma::default(),
            done: HashMap::new(),
            pending: Pending::default(),
            aftermath: Aftermath::default(),
            message_sequence: 0,
            reported: HashMap::new(),
            finished: BTreeSet::new(),
            announced: false,
            last_words: None,
            completed: false,
            held: Vec::new(),
            held_until: Time::ZERO,
            waiting: None,
            withdrawn_at: None,
            passed_on: BTreeSet::new(),
            told: BTreeMap::new(),
            stalled: false,
        };
        early.into_iter().for_each(|event| engine.event(event));
        engine.settle();
        engine
    }

    pub(crate) fn clock(&self) -> Clock {
        self.net.clock
    }

    pub(crate) fn waiter(&self) -> Waiter {
        self.net.waiter()
    }

    /// Starts a collective.
    pub(crate) fn submit(
        &mut self,
        call: Call,
        counts: &Counts,
        operands: Operands,
    ) -> Result<OperationId, CollectiveError> {
        let id = executor!(self, submit_counts(call, counts, operands));
        self.settle();
        id
    }

    /// The end of a collective, once.
    pub(crate) fn take(&mut self, id: OperationId) -> Option<Result<(), CollectiveError>> {
        self.done.remove(&id)
    }

    /// The name and number of a collective that is under way.
    pub(crate) fn describe(&self, id: OperationId) -> Option<(&'static str, u32)> {
        self.executor.describe(id)
    }

    /// One turn: what has arrived, what it causes, what goes out. Returns whether there was anything.
    pub(crate) fn turn(&mut self) -> bool {
        let received = self.net.receive(&mut self.buffers);
        if let Some(how) = self.net.take_burnt() {
            self.crash(how);
        }
        let events = self.events();
        if self.stalled {
            return self.transmit() || received;
        }
        self.expect_explanation();
        self.release_held();
        self.tell_waiting();
        self.expire();
        let sent = self.transmit();
        received || events || sent
    }

    /// Sends what is due, and acts on what that causes.
    pub(crate) fn transmit(&mut self) -> bool {
        let mut any = false;
        loop {
            let sent = self.net.transmit(&self.buffers);
            let events = self.events();
            any |= sent || events;
            if !events {
                return any;
            }
        }
    }

    /// How long nothing is due.
    pub(crate) fn idle_time(&self, deadline: Time) -> Duration {
        let due = self.pending.next_deadline().unwrap_or(Time::MAX);
        let due = if self.held.is_empty() { due } else { due.min(self.held_until) };
        let due = due.min(self.told_at().unwrap_or(Time::MAX));
        self.net.idle_time(deadline.min(due))
    }

    /// Whether anything is under way, even sends that nobody waits for.
    pub(crate) fn is_busy(&self) -> bool {
        !self.executor.is_idle()
            || self.messages.is_busy()
            || self.rma.is_busy()
            || !self.held.is_empty()
    }

    /// Whether the others were told of a failure.
    pub(crate) fn is_broken(&self) -> bool {
        self.announced
    }

    /// Whether operations are under way whose ends somebody will ask for.
    pub(crate) fn is_awaited(&self) -> bool {
        self.executor.is_awaited()
            || self.messages.is_busy()
            || self.rma.is_busy()
            || !self.held.is_empty()
    }

    /// Whether an operation has ended since the last call.
    pub(crate) fn take_completed(&mut self) -> bool {
        std::mem::take(&mut self.completed)
    }

    /// The peers with whom a session stands.
    pub(crate) fn connected(&self) -> Vec<PeerInfo> {
        let peers = (0..self.world).map(Rank).filter(|rank| *rank != self.rank);
        peers
            .filter_map(|rank| {
                let mut info = self.net.endpoint.peer_info(self.members.job(rank))?;
                info.rank = rank;
                Some(info)
            })
            .filter(|info| info.connected)
            .collect()
    }

    pub(crate) fn stats(&self) -> sealane_transport::stats::Stats {
        *self.net.endpoint.stats()
    }

    pub(crate) fn device(&self) -> &'static str {
        self.net.wire.capabilities().name
    }

    pub(crate) fn injected(&self) -> Option<FaultCounters> {
        self.net.wire.injected()
    }

    fn events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.net.endpoint.poll_event() {
            if self.stalled {
                continue;
            }
            any = true;
            self.event(event);
        }
        if any {
            self.settle();
            self.agree();
        }
        any
    }

    fn event(&mut self, event: Event) {
        let Some(event) = self.members.event(event) else { return };
        if let Some(key) = self.messages.take(&event) {
            self.message_ended(key);
            return;
        }
        if self.rma.take(&event, &mut self.buffers) {
            self.one_sided_ended(&event);
            return;
        }
        executor!(self, on_event(&event));
        match event {
            Event::Connected { peer } => self.tell_late(peer),
            Event::Control { peer, kind: kind::NOTICE, body } => self.notice(peer, &body),
            Event::Control { peer, kind: kind::BYE, .. } => {
                self.finished.insert(peer);
            }
            Event::Control { peer, kind, body } => self.take_mail(peer, kind, &body),
            Event::PeerLost { peer, .. } => {
                self.finished.insert(peer);
            }
            _ => {}
        }
    }

    /// Takes the executor's completions, and tells the others if it has broken.
    fn settle(&mut self) {
        while let Some(completion) = self.executor.poll_completion() {
            match completion.result {
                Err(CollectiveError::Mismatch { theirs: None, .. }) => self.hold(completion),
                _ => self.complete(completion),
            }
        }
        self.release_held();
        self.fail_messages();
        if !self.announced
            && let Some(notice) = self.reason()
        {
            self.announce(&notice);
        }
    }

    /// An operation has ended.
    fn complete(&mut self, completion: Completion) {
        self.completed = true;
        if let Err(error) = &completion.result {
            self.explain_to_others(error);
        }
        let key = Key::Collective(completion.operation);
        if self.pending.contains(key) {
            let result = completion.result.map_err(|error| self.explain(error));
            self.finish(key, result);
        } else {
            self.done.insert(completion.operation, completion.result);
        }
    }

    /// A communicator that has broken is of no more use for messages either.
    fn fail_messages(&mut self) {
        if !self.executor.is_broken() || !self.messages.is_busy() {
            return;
        }
        let error = match self.executor.lost_rank() {
            Some((rank, cause)) => OperationError::PeerLost { rank, cause },
            None => OperationError::Cancelled,
        };
        for key in self.messages.fail_all(&mut self.net.endpoint, &error) {
            self.message_ended(key);
        }
    }

    /// What the others must be told of why the executor broke, if that is theirs to know.
    fn reason(&self) -> Option<Notice> {
        if let Some((rank, cause)) = self.executor.lost_rank() {
            // A rank that left after finishing is its own affair, until somebody needs it.
            let text = match self.cause(rank, cause) {
                Cause::Observed(cause) => cause.to_string(),
                Cause::Reported { text, .. } => text,
            };
            return Some(Notice::Lost { rank, text });
        }
        let mismatch = self.executor.mismatch()?;
        let (sequence, text) = mismatch.ours.clone()?;
        Some(Notice::Mismatch { rank: mismatch.rank, sequence, text })
    }

    /// All ranks, as the transport knows them.
    pub(crate) fn jobs(&self) -> &[Rank] {
        self.members.jobs()
    }

    /// A rank, as the transport knows it.
    pub(crate) fn job(&self, rank: Rank) -> Rank {
        self.members.job(rank)
    }

    /// Endpoint and time, for what is not a collective.
    pub(crate) fn message_parts(&mut self) -> (&mut Messages, &mut Endpoint, &mut Buffers, Time) {
        let now = self.net.clock.now();
        (&mut self.messages, &mut self.net.endpoint, &mut self.buffers, now)
    }
}
