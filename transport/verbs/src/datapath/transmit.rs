//! Sending: trains become chains of work requests, and each chain one doorbell.

use std::collections::VecDeque;
use std::sync::Arc;

use sealane_transport::device::{DeviceEvent, Route, Train};

use crate::address::VerbsAddress;
use crate::choose::Link;
use crate::completion::{Verdict, verdict};
use crate::control::handles::{Handles, Key, Lookup};
use crate::report::Report;
use crate::ring::Ring;
use crate::sys::{AddressHandle, ChainedSend, Completion, Slot, SlotPool};
use crate::wr_id::WrId;

use super::{Pair, PairState};

/// Packets of a train: what the core writes at most.
pub const TRAIN_PACKETS: u16 = 16;

/// Requests that are collected before a doorbell, unless a flush comes first.
const CHAIN: usize = 32;

/// Trains that wait until their destination is resolved: few, so that a peer that is not there takes
/// no slots from the others.
const UNRESOLVED_MAX: usize = 16;

/// What a posted train holds until it is done.
#[derive(Debug)]
struct Held {
    slot: Slot,
    handle: Arc<AddressHandle>,
    route: Route,
}

#[derive(Debug)]
struct SendQueue {
    ring: Ring<Held>,
    /// Work requests that are to be posted together.
    chain: Vec<ChainedSend>,
}

/// The send side of all queue pairs.
#[derive(Debug)]
pub struct Transmitter {
    queues: Vec<SendQueue>,
    pool: SlotPool,
    slots: usize,
    lent: Option<Slot>,
    /// Trains whose send queue was full, and those whose destination is not resolved yet.
    blocked: VecDeque<(Slot, Train)>,
    unresolved: VecDeque<(Slot, Train)>,
    inline_bytes: usize,
    qkey: u32,
    link: Link,
}

/// How posting a train ended.
enum Placed {
    Chained,
    /// Its send queue is full.
    Blocked(Slot),
    /// Its destination is being resolved.
    Unresolved(Slot),
    /// It cannot be sent.
    Dropped(Slot),
}

impl Transmitter {
    /// Takes the whole of `pool`; each queue holds `depth` requests.
    pub fn new(
        pool: SlotPool,
        (queues, depth): (usize, u32),
        inline_bytes: usize,
        qkey: u32,
        link: Link,
    ) -> Self {
        let queue = |_| SendQueue { ring: Ring::new(depth), chain: Vec::with_capacity(2 * CHAIN) };
        let slots = pool.available();
        Self {
            queues: (0..queues).map(queue).collect(),
            slots,
            lent: None,
            blocked: VecDeque::with_capacity(slots),
            unresolved: VecDeque::with_capacity(UNRESOLVED_MAX),
            pool,
            inline_bytes,
            qkey,
            link,
        }
    }

    /// Whether a buffer can be lent without waiting for completions.
    pub fn can_lend(&self) -> bool {
        self.lent.is_some() || self.pool.available() > 0
    }

    /// The buffer for the next train: the one lent last, if it was not posted.
    pub fn lend(&mut self) -> Option<&mut [u8]> {
        if self.lent.is_none() {
            self.lent = self.pool.take();
        }
        let slot = self.lent.as_ref()?;
        Some(self.pool.bytes_mut(slot))
    }

    /// Posts the train in the lent buffer.
    pub fn post(
        &mut self,
        train: Train,
        pairs: &mut [Pair],
        handles: &mut Handles,
        report: &mut Report,
    ) {
        if let Some(slot) = self.lent.take() {
            match self.place(slot, train, pairs, handles, report) {
                Placed::Chained => {}
                Placed::Blocked(slot) => {
                    report.stats.send_blocked += 1;
                    self.blocked.push_back((slot, train));
                }
                Placed::Unresolved(slot) if self.unresolved.len() < UNRESOLVED_MAX => {
                    self.unresolved.push_back((slot, train));
                }
                Placed::Unresolved(slot) => {
                    report.stats.send_unresolved += 1;
                    self.pool.give(slot);
                }
                Placed::Dropped(slot) => self.pool.give(slot),
            }
        }
    }

    fn place(
        &mut self,
        slot: Slot,
        train: Train,
        pairs: &mut [Pair],
        handles: &mut Handles,
        report: &mut Report,
    ) -> Placed {
        let Train { route, length, stride, ecn } = train;
        let address = VerbsAddress::from_socket(route.remote, self.link);
        let pair = pairs.get_mut(usize::from(route.local)).filter(|p| p.state != PairState::Dead);
        let fits = length > 0 && stride > 0 && length <= self.pool.slot_bytes();
        let (Some(address), Some(pair), true) = (address, pair, fits) else {
            report.stats.send_unroutable += 1;
            return Placed::Dropped(slot);
        };
        let handle = match handles.get(handles.key(&address, ecn)) {
            Lookup::Ready(handle) => handle,
            Lookup::Pending => return Placed::Unresolved(slot),
            Lookup::Refused => {
                report.stats.send_unresolved += 1;
                return Placed::Dropped(slot);
            }
        };
        let requests = length.div_ceil(stride) as u32;
        let queue = &mut self.queues[usize::from(route.local)];
        if pair.state == PairState::Broken || !queue.ring.has_room(requests) {
            return Placed::Blocked(slot);
        }
        let scarce = self.pool.available() * 4 < self.slots;
        let (number, asks) = queue.ring.push(requests, Held { slot, handle, route }, scarce);
        let Some(held) = queue.ring.get(number) else { return Placed::Chained };
        let id = WrId { receive: false, life: pair.life, queue: route.local, item: number }.pack();
        for offset in (0..length).step_by(stride) {
            let bytes = stride.min(length - offset);
            let last = offset + bytes == length;
            let inline = bytes <= self.inline_bytes;
            queue.chain.push(ChainedSend::new(
                id,
                (&self.pool, &held.slot),
                (offset, bytes),
                (&held.handle, address.qpn),
                (asks && last, inline),
            ));
        }
        if queue.chain.len() >= CHAIN {
            self.doorbell(route.local, pair, report);
        }
        Placed::Chained
    }

    /// Hands one queue's chain to the device.
    fn doorbell(&mut self, local: u16, pair: &mut Pair, report: &mut Report) {
        let queue = &mut self.queues[usize::from(local)];
        if queue.chain.is_empty() {
            return;
        }
        let (posted, result) = pair.pair.post_send(self.qkey, &self.pool, &queue.chain);
        report.stats.send_calls += 1;
        for send in &queue.chain[..posted.min(queue.chain.len())] {
            report.stats.sent_packets += 1;
            report.stats.sent_bytes += send.length() as u64;
            report.stats.sent_inline += u64::from(send.is_inline());
        }
        queue.chain.clear();
        if let Err(error) = result {
            // What was not taken will never complete: only a reset frees it.
            tracing::debug!(%error, local, "a send queue took no more");
            pair.fail();
        }
    }

    /// Hands everything posted to the device.
    pub fn flush(&mut self, pairs: &mut [Pair], report: &mut Report) {
        for (local, pair) in pairs.iter_mut().enumerate() {
            if pair.state == PairState::Ready {
                self.doorbell(local as u16, pair, report);
            }
        }
    }

    /// Takes in the completion of a send, and frees what it tells of.
    pub fn complete(
        &mut self,
        (id, completion): (WrId, &Completion),
        pair: &mut Pair,
        report: &mut Report,
    ) {
        let Some(queue) = self.queues.get_mut(usize::from(id.queue)) else { return };
        let Some(held) = queue.ring.get(id.item) else {
            report.stats.completions_stale += 1;
            return;
        };
        let verdict = verdict(completion.status);
        match verdict {
            Verdict::Done => report.stats.send_completions += 1,
            Verdict::TooLong => report.event(DeviceEvent::TooLarge(held.route, 0)),
            Verdict::Failed => report.event(DeviceEvent::Unreachable(held.route)),
            Verdict::Flushed => {}
        }
        if verdict == Verdict::Done {
            let pool = &mut self.pool;
            queue.ring.retire(id.item, |held| pool.give(held.slot));
        } else {
            // The others of the train may still be with the device: the reset frees all of them.
            report.stats.completions_failed += 1;
            pair.fail();
        }
    }

    /// Frees everything that a reset queue pair had.
    pub fn reset(&mut self, local: u16, report: &mut Report) {
        let (queue, pool) = (&mut self.queues[usize::from(local)], &mut self.pool);
        queue.chain.clear();
        queue.ring.clear(|held| {
            report.stats.send_dropped += 1;
            pool.give(held.slot);
        });
    }

    /// Tries again what waited for room.
    pub fn retry_blocked(
        &mut self,
        pairs: &mut [Pair],
        handles: &mut Handles,
        report: &mut Report,
    ) {
        for _ in 0..self.blocked.len() {
            let Some((slot, train)) = self.blocked.pop_front() else { return };
            self.again(slot, train, pairs, handles, report);
        }
    }

    /// Tries again what waited for `key`; drops it if that could not be resolved.
    pub fn resolved(
        &mut self,
        (key, found): (Key, bool),
        pairs: &mut [Pair],
        handles: &mut Handles,
        report: &mut Report,
    ) {
        for _ in 0..self.unresolved.len() {
            let Some((slot, train)) = self.unresolved.pop_front() else { return };
            let address = VerbsAddress::from_socket(train.route.remote, self.link);
            let concerned = address.is_some_and(|to| handles.key(&to, train.ecn) == key);
            if concerned && !found {
                report.stats.send_unresolved += 1;
                report.event(DeviceEvent::Unreachable(train.route));
                self.pool.give(slot);
            } else if concerned {
                self.again(slot, train, pairs, handles, report);
            } else {
                self.unresolved.push_back((slot, train));
            }
        }
    }

    fn again(
        &mut self,
        slot: Slot,
        train: Train,
        pairs: &mut [Pair],
        handles: &mut Handles,
        report: &mut Report,
    ) {
        match self.place(slot, train, pairs, handles, report) {
            Placed::Chained => {}
            Placed::Blocked(slot) => self.blocked.push_back((slot, train)),
            Placed::Unresolved(slot) => self.unresolved.push_back((slot, train)),
            Placed::Dropped(slot) => self.pool.give(slot),
        }
    }

    /// Whether anything waits for room.
    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// The routes of what is posted and not known to be done.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        self.queues.iter().flat_map(|queue| queue.ring.held().map(|held| held.route))
    }
}
