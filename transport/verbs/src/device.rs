//! The device: queue pairs, transmit and receive sides, and the [`Device`] contract over them.

use std::net::SocketAddr;
use std::sync::Arc;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Received, Train};

use crate::address::VerbsAddress;
use crate::choose::{Choice, Link};
use crate::completion::{AsyncMeaning, meaning};
use crate::config::{MTU_MIN, VerbsConfig};
use crate::control::handles::Handles;
use crate::control::open::{self, Failing, Opened};
use crate::datapath::receive::{self, Receiver};
use crate::datapath::transmit::{TRAIN_PACKETS, Transmitter};
use crate::datapath::{Pair, PairState};
use crate::error::VerbsError;
use crate::report::Report;
use crate::stats::VerbsStats;
use crate::sys::{Completion, Context, SlotPool};
use crate::waiter::{Shared, Waiter};
use crate::wr_id::{WrId, next_life};

/// Completions taken at a time.
const BATCH: usize = 32;

/// A queue pair that fails so often without carrying anything between is given up.
const FAILURES_MAX: u32 = 8;

/// Polls between looks for asynchronous events, where no sleeper has seen one.
const POLLS_PER_LOOK: u32 = 4096;

/// Trains that can be in work apart from those on the queues.
const SPARE_TRAINS: u32 = 32;

/// Trains that a send queue may hold without having been asked about them.
const SILENT_TRAINS: u32 = 16;

/// Queue pairs as one device. See the [crate] documentation.
#[derive(Debug)]
pub struct VerbsDevice {
    // Before the pools: the hardware must be done with the memory.
    pairs: Vec<Pair>,
    transmitter: Transmitter,
    receiver: Receiver,
    handles: Handles,
    shared: Arc<Shared>,
    context: Arc<Context>,
    capabilities: Capabilities,
    addresses: Vec<SocketAddr>,
    choice: Choice,
    qkey: u32,
    report: Report,
    polls: u32,
    /// The port has no link: queue pairs would only fail again.
    link_down: bool,
}

impl VerbsDevice {
    /// Opens a device, and queue pairs on it.
    ///
    /// # Errors
    ///
    /// [`VerbsError`] with the cause and a remedy; everything opened so far is closed again.
    pub fn open(config: &VerbsConfig) -> Result<Self, VerbsError> {
        let opened = open::open(config)?;
        let waiter = opened.waiter();
        let Opened { choice, context, domain, shared, pairs, caps } = opened;
        let chosen = &choice.candidate;
        let failing = Failing(chosen);
        let mtu = chosen.mtu.min(config.mtu.unwrap_or(u16::MAX));
        let queues = pairs.len();
        let pool = |slots: u32, bytes: usize| {
            let registering = failing.registering(slots as usize * bytes);
            SlotPool::new(&domain, slots, bytes).map_err(registering)
        };
        let received = pool(queues as u32 * caps.receive, receive::slot_bytes(chosen.mtu))?;
        let train_bytes = usize::from(TRAIN_PACKETS) * usize::from(mtu);
        let sent = pool(SPARE_TRAINS + queues as u32 * SILENT_TRAINS, train_bytes)?;
        let marks = chosen.link == Link::Ethernet;
        let gid_index = u8::try_from(chosen.gid_index).map_err(|_| VerbsError::Unusable {
            name: chosen.name(),
            why: "its GID index is above 255, which address handles cannot name".to_owned(),
        })?;
        let handles = Handles::new(&domain, waiter, (chosen.port, gid_index), marks)
            .map_err(failing.at("starting a thread"))?;
        let address = |number| VerbsAddress { gid: chosen.gid, lid: chosen.lid, qpn: number };
        let addresses = pairs.iter().map(|pair| address(pair.number()).to_socket()).collect();
        let pair = |pair| Pair { pair, life: 0, failures: 0, state: PairState::Ready };
        let (inline, link) = (caps.inline_bytes as usize, chosen.link);
        let mut device = Self {
            pairs: pairs.into_iter().map(pair).collect(),
            transmitter: Transmitter::new(sent, (queues, caps.send), inline, config.qkey, link),
            receiver: Receiver::new(received, queues, link),
            handles,
            shared,
            context,
            capabilities: Capabilities {
                name: "verbs",
                mtu,
                mtu_base: MTU_MIN,
                train_packets: TRAIN_PACKETS,
                train_bytes: train_bytes as u32,
                ecn: marks,
                reliable: false,
                // A receive holds one packet, however small: half of them for those that are.
                receive_budget: queues as u64 * u64::from(caps.receive) * u64::from(mtu) / 2,
            },
            addresses,
            choice: choice.clone(),
            qkey: config.qkey,
            report: Report::default(),
            polls: 0,
            link_down: false,
        };
        for (queue, pair) in device.pairs.iter_mut().enumerate() {
            device.receiver.fill(queue as u16, pair);
            pair.pair.start().map_err(failing.at("starting a queue pair"))?;
        }
        Ok(device)
    }

    /// A handle to sleep on this device, and to wake who sleeps.
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        Waiter::new(Arc::clone(&self.shared))
    }

    /// What the device has done so far.
    #[must_use]
    pub fn stats(&self) -> &VerbsStats {
        &self.report.stats
    }

    /// Which port and GID it uses, and why.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Seldom things: resolved destinations, room for what was blocked, broken queue pairs, news of
    /// the port.
    fn maintain(&mut self) {
        let Self { pairs, transmitter, handles, report, .. } = self;
        let mut resolved = Vec::new();
        handles.collect(|key, error| resolved.push((key, error)));
        for (key, error) in resolved {
            match &error {
                None => report.stats.handles_made += 1,
                Some(error) => {
                    report.stats.handles_failed += 1;
                    tracing::debug!(%error, ?key, "no way to a verbs peer");
                }
            }
            transmitter.resolved((key, error.is_none()), pairs, handles, report);
        }
        self.look_for_events();
        for queue in 0..self.pairs.len() {
            if self.pairs[queue].state == PairState::Broken && !self.link_down {
                self.revive(queue as u16);
            }
        }
        if self.transmitter.is_blocked() {
            let Self { pairs, transmitter, handles, report, .. } = self;
            transmitter.retry_blocked(pairs, handles, report);
        }
        self.transmitter.flush(&mut self.pairs, &mut self.report);
    }

    /// Takes in what happened where something seems to have: what breaks a queue pair may be the link.
    fn look_for_events(&mut self) {
        self.polls = self.polls.wrapping_add(1);
        let broken = || self.pairs.iter().any(|pair| pair.state == PairState::Broken);
        let due = self.polls.is_multiple_of(POLLS_PER_LOOK) || self.link_down;
        if self.shared.take_happened() || due || broken() {
            self.take_events();
        }
    }

    /// Sets a broken queue pair up anew, or gives it up.
    fn revive(&mut self, queue: u16) {
        let pair = &mut self.pairs[usize::from(queue)];
        pair.failures += 1;
        let result = pair.pair.reset().and_then(|()| {
            // Not before the reset: until then the device may use what it was given.
            pair.life = next_life(pair.life);
            self.transmitter.reset(queue, &mut self.report);
            pair.pair.init(self.choice.candidate.port, self.qkey)?;
            self.receiver.refill(queue, pair);
            pair.pair.start()
        });
        match result {
            Ok(()) if pair.failures <= FAILURES_MAX => {
                pair.state = PairState::Ready;
                self.report.stats.queues_revived += 1;
            }
            _ => {
                pair.state = PairState::Dead;
                self.report.event(DeviceEvent::PortFailed(queue));
            }
        }
    }

    /// Takes in what happened to the port, the device, a queue pair.
    fn take_events(&mut self) {
        while let Ok(event) = self.context.async_event() {
            match meaning(event.kind) {
                AsyncMeaning::QueueFailed => {
                    let failed = self.pairs.iter_mut().find(|p| p.pair.number() == event.number);
                    failed.into_iter().for_each(Pair::fail);
                }
                AsyncMeaning::DeviceFailed => self.give_up(),
                AsyncMeaning::LinkDown | AsyncMeaning::LinkUp | AsyncMeaning::AddressChanged
                    if event.number != u32::from(self.choice.candidate.port) => {}
                AsyncMeaning::LinkDown => {
                    self.link_down = true;
                    self.report.stats.links_down += 1;
                    tracing::warn!(device = self.choice.candidate.name(), "link down");
                    for route in self.transmitter.routes() {
                        self.report.event(DeviceEvent::Unreachable(route));
                    }
                }
                AsyncMeaning::AddressChanged => {
                    self.report.stats.addresses_changed += 1;
                    tracing::warn!(device = self.choice.candidate.name(), "its address changed");
                }
                AsyncMeaning::LinkUp => {
                    self.link_down = false;
                    // What failed for want of a link was no fault of theirs.
                    self.pairs.iter_mut().for_each(|pair| pair.failures = 0);
                }
                AsyncMeaning::Other => {}
            }
        }
    }

    /// Nothing will come or go any more.
    fn give_up(&mut self) {
        for queue in 0..self.pairs.len() {
            if self.pairs[queue].state != PairState::Dead {
                self.pairs[queue].state = PairState::Dead;
                self.report.event(DeviceEvent::PortFailed(queue as u16));
            }
        }
    }

    /// Takes in one completion; returns whether a packet was passed on.
    fn complete(&mut self, found: &Completion, sink: &mut dyn FnMut(Received<'_>)) -> bool {
        let id = WrId::unpack(found.id);
        let pair = self.pairs.get_mut(usize::from(id.queue)).filter(|pair| pair.life == id.life);
        let Some(pair) = pair else {
            self.report.stats.completions_stale += 1;
            return false;
        };
        if id.receive {
            return self.receiver.complete((id, found), pair, &mut self.report, sink);
        }
        self.transmitter.complete((id, found), pair, &mut self.report);
        false
    }

    /// Frees slots whose sends are done.
    fn reap(&mut self) {
        self.transmitter.flush(&mut self.pairs, &mut self.report);
        for found in self.shared.take_sends(|found| !WrId::unpack(found.id).receive) {
            self.complete(&found, &mut |_| {});
        }
    }

    /// Breaks a queue pair, as hardware may.
    #[cfg(test)]
    pub(crate) fn sabotage(&mut self, queue: usize) {
        // A pair that cannot be moved to ERROR shows in the test that wants it there.
        let _ = self.pairs[queue].pair.fail();
    }
}

impl Device for VerbsDevice {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        if !self.transmitter.can_lend() {
            self.reap();
        }
        self.transmitter.lend()
    }

    fn post(&mut self, train: Train) {
        let Self { pairs, transmitter, handles, report, .. } = self;
        transmitter.post(train, pairs, handles, report);
    }

    fn flush(&mut self) {
        self.transmitter.flush(&mut self.pairs, &mut self.report);
    }

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        self.maintain();
        let mut found = [Completion::default(); BATCH];
        let mut passed = 0;
        while passed < budget {
            let most = BATCH.min(budget - passed);
            let count = self.shared.take(&mut found[..most]);
            if count == 0 {
                break;
            }
            for completion in &found[..count] {
                passed += usize::from(self.complete(completion, sink));
            }
            self.receiver.post_all(&mut self.pairs);
        }
        passed
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.report.next_event()
    }
}
