//! Sending: one queue of trains per socket, several trains per system call.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use sealane_transport::device::{DeviceEvent, Ecn, Route, Train};

use crate::pool::{Pool, SLOT_BYTES};
use crate::report::Report;
use crate::sys::socket::{Message, SEND_BATCH};

/// Train buffers of a device (4 MiB, touched only as they are used).
const SLOTS: u32 = 64;
/// This many bytes, over all queues, are sent at once: more would fall out of the cache before the kernel
/// copies it and leave the receiver without work meanwhile, fewer would waste system calls.
const QUEUED_BYTES_MAX: usize = 4 * SLOT_BYTES;
/// Attempts at the head of a queue before an error is taken to be its own. An error that an earlier
/// datagram left on the socket is reported once, on whatever is sent next.
const ATTEMPTS_MAX: u32 = 4;

/// Where a queue's messages go: a socket, or a stand-in for one.
pub trait Wire {
    /// Sends messages without blocking; returns how many were taken. An error concerns the first.
    fn send(&self, messages: &[Message<'_>]) -> io::Result<usize>;
    /// Reads the socket's waiting error reports.
    fn drain_errors(&self, local: u16, report: &mut Report);
}

/// What became of a queue when it was flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// It is empty.
    Sent,
    /// The socket's buffer is full; the rest waits.
    Blocked,
    /// The socket is broken; the rest was dropped and nothing more will be accepted.
    Failed,
}

/// A train, or what is left of one.
#[derive(Clone, Copy, Debug)]
struct Entry {
    slot: u32,
    start: usize,
    end: usize,
    stride: usize,
    remote: SocketAddr,
    ecn: Ecn,
}

impl Entry {
    fn packets(&self) -> u64 {
        (self.end - self.start).div_ceil(self.stride) as u64
    }
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    failed: bool,
}

/// How the kernel may be asked to split trains.
#[derive(Clone, Copy, Debug)]
pub struct Segmentation {
    /// The most packets of one message, 1 for no splitting.
    pub packets: usize,
    /// The most bytes of one message.
    pub bytes: usize,
}

/// The transmit side of a device.
#[derive(Debug)]
pub struct Transmitter {
    pool: Pool,
    lent: Option<u32>,
    queues: Vec<Queue>,
    /// Bytes posted since it was last time to send.
    posted: usize,
    segmentation: Segmentation,
    ipv4: bool,
}

impl Transmitter {
    pub fn new(ports: usize, ipv4: bool, segmentation: Segmentation) -> Self {
        let queue = || Queue { entries: VecDeque::with_capacity(SLOTS as usize), failed: false };
        let queues = (0..ports).map(|_| queue()).collect();
        Self { pool: Pool::new(SLOTS), lent: None, queues, posted: 0, segmentation, ipv4 }
    }

    /// Lends a buffer, or the one lent before if it was not posted.
    pub fn lend(&mut self) -> Option<&mut [u8]> {
        let slot = self.lent.take().or_else(|| self.pool.take())?;
        self.lent = Some(slot);
        Some(self.pool.bytes_mut(slot))
    }

    /// Whether [`lend`](Self::lend) has a buffer.
    pub fn can_lend(&self) -> bool {
        self.lent.is_some() || !self.pool.is_empty()
    }

    /// Queues the train in the buffer lent last. Returns whether it is time to send what waits.
    pub fn post(&mut self, train: Train, report: &mut Report) -> bool {
        let Some(slot) = self.lent.take() else { return false };
        let Train { route, length, stride, ecn } = train;
        let queue = self.queues.get_mut(usize::from(route.local)).filter(|q| !q.failed);
        let routable = queue.filter(|_| route.remote.is_ipv4() == self.ipv4);
        let Some(queue) = routable else {
            self.pool.give(slot);
            report.stats.send_unroutable += 1;
            report.event(DeviceEvent::Unreachable(route));
            return false;
        };
        if length == 0 || length > SLOT_BYTES {
            self.pool.give(slot);
            return false;
        }
        let stride = if stride == 0 { length } else { stride.min(length) };
        let remote = route.remote;
        queue.entries.push_back(Entry { slot, start: 0, end: length, stride, remote, ecn });
        self.posted += length;
        let due = self.posted >= QUEUED_BYTES_MAX || queue.entries.len() >= SEND_BATCH;
        if due {
            self.posted = 0;
        }
        due
    }

    /// Whether trains wait for this port.
    pub fn is_waiting(&self, local: u16) -> bool {
        self.queues.get(usize::from(local)).is_some_and(|q| !q.entries.is_empty())
    }

    /// Sends what waits for one port.
    pub fn flush(&mut self, local: u16, wire: &dyn Wire, report: &mut Report) -> Flushed {
        let Some(queue) = self.queues.get_mut(usize::from(local)) else { return Flushed::Sent };
        let mut attempts = 0;
        while !queue.entries.is_empty() {
            let mut messages = [EMPTY; SEND_BATCH];
            let count = fill(&mut messages, queue, &self.pool, self.segmentation);
            let lengths = messages.map(|m| m.bytes.len());
            let split = messages[0].stride.is_some();
            report.stats.send_calls += 1;
            match wire.send(&messages[..count]) {
                Ok(sent) => {
                    attempts = 0;
                    for length in &lengths[..sent.min(count)] {
                        report.stats.sent_messages += 1;
                        report.stats.sent_bytes += *length as u64;
                        advance(queue, &mut self.pool, *length);
                    }
                }
                Err(error) => {
                    attempts += 1;
                    match verdict(&error, split, attempts) {
                        Verdict::Block => {
                            report.stats.send_blocked += 1;
                            return Flushed::Blocked;
                        }
                        Verdict::Retry => wire.drain_errors(local, report),
                        Verdict::StopSplitting => {
                            self.segmentation.packets = 1;
                            report.stats.gso_fallbacks += 1;
                            tracing::warn!(%error, "segmentation offload refused; going on without");
                        }
                        Verdict::Drop(cause) => {
                            attempts = 0;
                            refuse(queue, &mut self.pool, local, cause, report);
                        }
                        Verdict::Fail => {
                            tracing::warn!(%error, local, "a UDP port failed");
                            self.fail(local, report);
                            return Flushed::Failed;
                        }
                    }
                }
            }
        }
        Flushed::Sent
    }

    /// Gives up a port: drops what waits for it and accepts nothing more.
    pub fn fail(&mut self, local: u16, report: &mut Report) {
        let Some(queue) = self.queues.get_mut(usize::from(local)) else { return };
        queue.failed = true;
        for entry in queue.entries.drain(..) {
            report.stats.send_refused += entry.packets();
            self.pool.give(entry.slot);
        }
    }
}

const EMPTY: Message<'static> = Message {
    bytes: &[],
    remote: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
    ecn: Ecn::NotEct,
    stride: None,
};

/// Cuts the head of a queue into messages; returns how many.
fn fill<'a>(
    messages: &mut [Message<'a>; SEND_BATCH],
    queue: &Queue,
    pool: &'a Pool,
    segmentation: Segmentation,
) -> usize {
    let mut count = 0;
    for entry in &queue.entries {
        let packets = segmentation.packets.min(segmentation.bytes / entry.stride).max(1);
        let bytes = &pool.bytes(entry.slot)[entry.start..entry.end];
        for piece in bytes.chunks(packets * entry.stride) {
            if count == SEND_BATCH {
                return count;
            }
            let split = piece.len() > entry.stride;
            messages[count] = Message {
                bytes: piece,
                remote: entry.remote,
                ecn: entry.ecn,
                stride: if split { u16::try_from(entry.stride).ok() } else { None },
            };
            count += 1;
        }
    }
    count
}

/// Removes one message of `length` bytes from the head of the queue.
fn advance(queue: &mut Queue, pool: &mut Pool, length: usize) {
    let Some(head) = queue.entries.front_mut() else { return };
    head.start += length;
    if head.start == head.end {
        pool.give(head.slot);
        queue.entries.pop_front();
    }
}

/// Drops the train at the head of the queue and says why.
fn refuse(queue: &mut Queue, pool: &mut Pool, local: u16, cause: Cause, report: &mut Report) {
    let Some(head) = queue.entries.pop_front() else { return };
    pool.give(head.slot);
    let route = Route { local, remote: head.remote };
    let packets = head.packets();
    match cause {
        Cause::Host => report.stats.send_dropped += packets,
        Cause::TooLarge => {
            report.stats.send_refused += packets;
            report.too_large(route);
        }
        Cause::Unreachable => {
            report.stats.send_refused += packets;
            report.event(DeviceEvent::Unreachable(route));
        }
    }
}

/// Why a train is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The host's queues are full: plain loss, which recovery repairs.
    Host,
    TooLarge,
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Block,
    Retry,
    StopSplitting,
    Drop(Cause),
    Fail,
}

/// What an error of `sendmmsg` means; `split` says that the first message was to be segmented.
fn verdict(error: &io::Error, split: bool, attempts: u32) -> Verdict {
    match error.raw_os_error().unwrap_or(0) {
        // On Linux EWOULDBLOCK is EAGAIN.
        libc::EAGAIN => Verdict::Block,
        libc::EINTR => Verdict::Retry,
        // No checksum offload (EIO); stride beyond the path, or a device that cannot (EINVAL).
        libc::EIO | libc::EINVAL if split => Verdict::StopSplitting,
        libc::ENOBUFS | libc::ENOMEM => Verdict::Drop(Cause::Host),
        libc::EBADF | libc::ENOTSOCK | libc::EPIPE | libc::ENODEV | libc::ENXIO => Verdict::Fail,
        // All others may have been left behind by an earlier datagram: clear, and try again.
        _ if attempts < ATTEMPTS_MAX => Verdict::Retry,
        libc::EMSGSIZE => Verdict::Drop(Cause::TooLarge),
        _ => Verdict::Drop(Cause::Unreachable),
    }
}

#[cfg(test)]
mod tests;
