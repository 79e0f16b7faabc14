//! Faults as a device around a device, so that the same faults run on the simulator and on sockets.
//!
//! A [`FaultDevice`] decides by seed, for each packet of a train that is posted and of a batch that
//! is polled, whether it is lost, repeated, damaged or held back. Packets that nothing happens to
//! pass in place, in runs as long as possible; only repeated and held ones are copied, into memory
//! that is reused.

mod plan;
mod store;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use sealane_transport::device::{Capabilities, Device, DeviceEvent, Ecn, Received, Route, Train};

use plan::{Plan, Verdict};
use store::Store;

/// The probabilities of one direction's faults, each 0..=1, drawn per packet and independently.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The packet is dropped.
    pub loss: f64,
    /// A copy follows a few packets later.
    pub duplicate: f64,
    /// The packet is held back until up to 8 later packets have passed, or as many polls.
    pub reorder: f64,
    /// One bit is flipped.
    pub corrupt: f64,
    /// The packet is held back for up to 64 packets or polls.
    pub delay: f64,
    /// The fraction of five-tuples that swallow everything.
    pub blackhole: f64,
}

/// A probability that is none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("probability of {fault} must be between 0 and 1, not {value}")]
pub struct FaultError {
    /// Which one.
    pub fault: &'static str,
    /// Its value.
    pub value: f64,
}

impl Faults {
    /// No faults.
    pub const NONE: Self =
        Self { loss: 0.0, duplicate: 0.0, reorder: 0.0, corrupt: 0.0, delay: 0.0, blackhole: 0.0 };

    /// Checks that every probability is one.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), FaultError> {
        let all = [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
            ("delay", self.delay),
            ("blackhole", self.blackhole),
        ];
        match all.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some((fault, value)) => Err(FaultError { fault, value }),
            None => Ok(()),
        }
    }

    /// Whether nothing ever happens.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// What one direction did, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounters {
    /// Seen.
    pub packets: u64,
    /// Dropped.
    pub lost: u64,
    /// Repeated.
    pub duplicated: u64,
    /// Held back, by reordering or delay.
    pub held: u64,
    /// Damaged.
    pub corrupted: u64,
    /// Swallowed by a blackhole.
    pub blackholed: u64,
}

/// A device whose packets suffer.
#[derive(Debug)]
pub struct FaultDevice<D> {
    inner: D,
    receive: Side,
    transmit: Side,
}

/// One direction.
#[derive(Debug)]
struct Side {
    plan: Plan,
    held: Store,
}

impl Side {
    fn new(faults: Faults, seed: u64, stream: u64) -> Self {
        Self { plan: Plan::new(faults, seed, stream), held: Store::default() }
    }
}

impl<D: Device> FaultDevice<D> {
    /// Wraps `inner`; equal seeds draw equal faults.
    ///
    /// # Errors
    /// A probability outside 0..=1.
    pub fn new(inner: D, receive: Faults, transmit: Faults, seed: u64) -> Result<Self, FaultError> {
        receive.check()?;
        transmit.check()?;
        let (receive, transmit) = (Side::new(receive, seed, 1), Side::new(transmit, seed, 2));
        Ok(Self { inner, receive, transmit })
    }

    /// The device inside, for what is not in the contract (sleeping and waking).
    pub const fn inner(&self) -> &D {
        &self.inner
    }

    /// The device inside, mutably.
    pub const fn inner_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// Whether packets are held back: poll again soon, for only polls and packets release them.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.receive.held.is_empty() || !self.transmit.held.is_empty()
    }

    /// What happened to received packets.
    #[must_use]
    pub const fn received(&self) -> FaultCounters {
        self.receive.plan.counters
    }

    /// What happened to transmitted packets.
    #[must_use]
    pub const fn transmitted(&self) -> FaultCounters {
        self.transmit.plan.counters
    }

    /// Replaces the faults of both directions from now on; `Faults::NONE` heals.
    ///
    /// # Errors
    /// A probability outside 0..=1.
    pub fn set(&mut self, receive: Faults, transmit: Faults) -> Result<(), FaultError> {
        receive.check()?;
        transmit.check()?;
        self.receive.plan.faults = receive;
        self.transmit.plan.faults = transmit;
        Ok(())
    }

    /// Posts held packets whose time has come.
    fn release_transmit(&mut self) {
        let (inner, held) = (&mut self.inner, &mut self.transmit.held);
        held.release(|packet| {
            let Some(buffer) = inner.lend() else { return };
            let length = packet.bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&packet.bytes[..length]);
            inner.post(Train { route: packet.route, length, stride: length, ecn: packet.ecn });
        });
    }
}

/// Compacts the packets of `bytes` that survive to its start; returns their total length.
fn thin_out(side: &mut Side, route: Route, ecn: Ecn, stride: usize, bytes: &mut [u8]) -> usize {
    let (mut kept, mut at) = (0, 0);
    while at < bytes.len() {
        let end = bytes.len().min(at + stride);
        let verdict = side.plan.judge(route, &mut bytes[at..end]);
        if let Verdict::Hold(turns) | Verdict::Repeat(turns) = verdict {
            side.held.put(route, ecn, &bytes[at..end], turns);
        }
        if matches!(verdict, Verdict::Pass | Verdict::Repeat(_)) {
            bytes.copy_within(at..end, kept);
            kept += end - at;
        }
        at = end;
        side.held.tick();
    }
    kept
}

impl<D: Device> Device for FaultDevice<D> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn local_addresses(&self) -> &[SocketAddr] {
        self.inner.local_addresses()
    }

    fn lend(&mut self) -> Option<&mut [u8]> {
        self.inner.lend()
    }

    fn post(&mut self, train: Train) {
        if self.transmit.plan.faults.is_none() && self.transmit.held.is_empty() {
            self.inner.post(train);
            return;
        }
        // A buffer that was lent and not posted is lent again, with what was written into it.
        let Some(buffer) = self.inner.lend() else { return };
        let length = train.length.min(buffer.len());
        let (side, stride) = (&mut self.transmit, train.stride.max(1));
        let length = thin_out(side, train.route, train.ecn, stride, &mut buffer[..length]);
        if length > 0 {
            self.inner.post(Train { length, ..train });
        }
        self.release_transmit();
    }

    fn flush(&mut self) {
        if !self.transmit.held.is_empty() {
            self.transmit.held.tick();
            self.release_transmit();
        }
        self.inner.flush();
    }

    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize {
        // A driver that sleeps wakes to poll, so a poll also moves what waits to be transmitted.
        if !self.transmit.held.is_empty() {
            self.flush();
        }
        let side = &mut self.receive;
        if side.plan.faults.is_none() && side.held.is_empty() {
            return self.inner.poll(budget, sink);
        }
        side.held.tick();
        let mut passed = side.held.release(|packet| sink(packet.received()));
        passed += self.inner.poll(budget, &mut |batch| {
            let Received { route, ecn, stride, bytes } = batch;
            let kept = thin_out(side, route, ecn, stride.max(1), bytes);
            if kept > 0 {
                sink(Received { route, ecn, stride, bytes: &mut bytes[..kept] });
            }
            side.held.release(|packet| sink(packet.received()));
        });
        passed
    }

    fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.inner.poll_event()
    }
}
