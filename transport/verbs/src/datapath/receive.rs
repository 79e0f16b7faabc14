//! Receiving: slots are posted before anything comes, and posted again when the core is done with them.

use std::net::SocketAddr;

use sealane_transport::device::{Ecn, Received, Route};

use crate::address::VerbsAddress;
use crate::choose::Link;
use crate::completion::{Verdict, verdict};
use crate::grh::{self, GRH_BYTES};
use crate::report::Report;
use crate::sys::{Completion, HAS_GRH, Receive, Slot, SlotPool};
use crate::wr_id::WrId;

use super::Pair;

/// Slots are aligned to cache lines.
const ALIGNMENT: usize = 64;

/// Bytes of a slot for datagrams of `mtu` bytes.
pub const fn slot_bytes(mtu: u16) -> usize {
    (GRH_BYTES + mtu as usize).next_multiple_of(ALIGNMENT)
}

/// The receive side of all queue pairs.
#[derive(Debug)]
pub struct Receiver {
    pool: SlotPool,
    /// Slots that the device has, by number. Those of queue pair `q` are `q × per_queue` and following.
    posted: Vec<Option<Slot>>,
    /// Slots to post again, and the work requests for it, by queue pair.
    chains: Vec<Vec<Receive>>,
    per_queue: u32,
    link: Link,
    /// Received packets carry ECN marks.
    marks: bool,
}

impl Receiver {
    /// Takes the whole of `pool`.
    pub fn new(pool: SlotPool, queues: usize, link: Link) -> Self {
        let per_queue = pool.available() as u32 / queues as u32;
        Self {
            posted: (0..pool.available()).map(|_| None).collect(),
            chains: (0..queues).map(|_| Vec::with_capacity(per_queue as usize)).collect(),
            pool,
            per_queue,
            link,
            marks: link == Link::Ethernet,
        }
    }

    /// Posts every slot of a queue pair that is in the state INIT for the first time.
    pub fn fill(&mut self, queue: u16, pair: &mut Pair) {
        let mine = self.slots_of(queue);
        while let Some(slot) = self.pool.take() {
            let number = slot.number() as usize;
            self.posted[number] = Some(slot);
        }
        self.chain_all(mine, queue, pair.life);
        self.post(queue, pair);
    }

    /// Posts every slot again after a reset: the device has none of them any more.
    pub fn refill(&mut self, queue: u16, pair: &mut Pair) {
        self.chains[usize::from(queue)].clear();
        self.chain_all(self.slots_of(queue), queue, pair.life);
        self.post(queue, pair);
    }

    fn slots_of(&self, queue: u16) -> std::ops::Range<u32> {
        let first = u32::from(queue) * self.per_queue;
        first..first + self.per_queue
    }

    fn chain_all(&mut self, numbers: std::ops::Range<u32>, queue: u16, life: u16) {
        for number in numbers {
            if let Some(slot) = &self.posted[number as usize] {
                let id = WrId { receive: true, life, queue, item: number }.pack();
                let address = self.pool.address(slot);
                self.chains[usize::from(queue)].push(Receive { id, address });
            }
        }
    }

    /// Passes a completed receive to `sink`; returns whether there was a packet in it.
    pub fn complete(
        &mut self,
        (id, completion): (WrId, &Completion),
        pair: &mut Pair,
        report: &mut Report,
        sink: &mut dyn FnMut(Received<'_>),
    ) -> bool {
        let slot = self.posted.get_mut(id.item as usize).and_then(Option::take);
        let Some(slot) = slot else {
            report.stats.completions_stale += 1;
            return false;
        };
        let passed = match verdict(completion.status) {
            Verdict::Done => self.deliver((id, completion), &slot, report, sink),
            Verdict::TooLong | Verdict::Flushed | Verdict::Failed => {
                report.stats.completions_failed += 1;
                pair.fail();
                false
            }
        };
        if passed {
            pair.failures = 0;
        }
        let again = WrId { life: pair.life, ..id }.pack();
        let address = self.pool.address(&slot);
        self.posted[id.item as usize] = Some(slot);
        self.chains[usize::from(id.queue)].push(Receive { id: again, address });
        passed
    }

    fn deliver(
        &mut self,
        (id, completion): (WrId, &Completion),
        slot: &Slot,
        report: &mut Report,
        sink: &mut dyn FnMut(Received<'_>),
    ) -> bool {
        let bytes = self.pool.bytes_mut(slot);
        let length = (completion.length as usize).min(bytes.len());
        if length <= GRH_BYTES {
            report.stats.received_empty += 1;
            return false;
        }
        let (header, payload) = bytes[..length].split_at_mut(GRH_BYTES);
        let source = grh::parse(header).filter(|_| completion.flags & HAS_GRH != 0);
        let Some(source) = source else {
            report.stats.received_unaddressed += 1;
            return false;
        };
        let remote = remote(source.gid, completion, self.link);
        report.stats.received_packets += 1;
        report.stats.received_bytes += payload.len() as u64;
        sink(Received {
            route: Route { local: id.queue, remote },
            ecn: if self.marks { source.ecn } else { Ecn::NotEct },
            stride: payload.len(),
            bytes: payload,
        });
        true
    }

    /// Gives the device back what the core is done with: one chain per queue pair.
    pub fn post_all(&mut self, pairs: &mut [Pair]) {
        for (queue, pair) in pairs.iter_mut().enumerate() {
            self.post(queue as u16, pair);
        }
    }

    fn post(&mut self, queue: u16, pair: &mut Pair) {
        let chain = &mut self.chains[usize::from(queue)];
        if chain.is_empty() {
            return;
        }
        let (_, result) = pair.pair.post_receive(&self.pool, chain);
        chain.clear();
        if let Err(error) = result {
            // The next life posts all of them.
            tracing::debug!(%error, queue, "a receive queue took no more");
            pair.fail();
        }
    }
}

fn remote(gid: [u8; 16], completion: &Completion, link: Link) -> SocketAddr {
    let lid = if link == Link::InfiniBand { completion.source_lid as u16 } else { 0 };
    VerbsAddress { gid, lid, qpn: completion.source_qpn }.to_socket()
}
