//! Receiving: fair turns over the sockets that have something, into a few hot buffers.

use std::collections::VecDeque;
use std::io;

use sealane_transport::device::{Received, Route};

use crate::pool::SLOT_BYTES;
use crate::port::Port;
use crate::report::Report;
use crate::stats::UdpStats;
use crate::sys::poller::Poller;
use crate::sys::socket::{self, Arrival, RECEIVE_BATCH};

/// Turns at known-ready sockets between two looks at all of them.
const TURNS_MAX: usize = 8;

/// The receive side of a device.
#[derive(Debug)]
pub struct Receiver {
    buffers: Box<[u8]>,
    /// Sockets that may have more, in the order of their turns.
    ready: VecDeque<u16>,
    /// Bit per socket: it is in `ready`.
    queued: u64,
    /// Bit per socket: it failed, leave it alone.
    failed: u64,
    turns: usize,
    /// Per socket, the kernel's count of dropped messages when last told.
    overflows: Vec<u32>,
}

impl Receiver {
    pub fn new(ports: usize) -> Self {
        Self {
            buffers: vec![0; RECEIVE_BATCH * SLOT_BYTES].into_boxed_slice(),
            ready: VecDeque::with_capacity(ports),
            queued: 0,
            failed: 0,
            turns: 0,
            overflows: vec![0; ports],
        }
    }

    /// Passes at most `budget` batches to `sink`; returns how many. The second value is a port that
    /// turned out to be broken.
    pub fn poll(
        &mut self,
        ports: &[Port],
        poller: &Poller,
        report: &mut Report,
        budget: usize,
        sink: &mut dyn FnMut(Received<'_>),
    ) -> (usize, Option<u16>) {
        if self.ready.is_empty() || self.turns >= TURNS_MAX {
            self.scan(ports, poller, report);
        }
        let (mut passed, mut left) = (0, budget);
        while left > 0 {
            let Some(local) = self.ready.pop_front() else { break };
            self.queued &= !(1 << local);
            let Some(port) = ports.get(usize::from(local)) else { continue };
            self.turns += 1;
            report.stats.receive_calls += 1;
            let asked = left.min(RECEIVE_BATCH);
            let mut arrivals = [Arrival::default(); RECEIVE_BATCH];
            let batch = &mut arrivals[..asked];
            match socket::receive_batch(port.fd(), &mut self.buffers, SLOT_BYTES, batch) {
                Ok(got) => {
                    passed += self.deliver(local, &batch[..got], &mut report.stats, sink);
                    left -= got.clamp(1, left);
                    if got == asked {
                        self.enqueue(local);
                    }
                }
                Err(error) => {
                    left -= 1;
                    match error.kind() {
                        io::ErrorKind::WouldBlock => {}
                        _ if is_fatal(&error) => {
                            self.failed |= 1 << local;
                            return (passed, Some(local));
                        }
                        // An error that a sent datagram left behind; taking it cleared it.
                        _ => {
                            port.drain_errors(local, report);
                            self.enqueue(local);
                        }
                    }
                }
            }
        }
        (passed, None)
    }

    /// Finds the sockets that have something. With a single socket asking it is as cheap.
    fn scan(&mut self, ports: &[Port], poller: &Poller, report: &mut Report) {
        self.turns = 0;
        if ports.len() == 1 {
            self.enqueue(0);
            return;
        }
        poller.poll(|ready| {
            if ready.error
                && let Some(port) = ports.get(usize::from(ready.port))
            {
                port.drain_errors(ready.port, report);
            }
            self.enqueue(ready.port);
        });
    }

    fn enqueue(&mut self, local: u16) {
        let bit = 1u64.checked_shl(u32::from(local)).unwrap_or(0);
        if (self.queued | self.failed) & bit == 0 && bit != 0 {
            self.queued |= bit;
            self.ready.push_back(local);
        }
    }

    /// Never receive from this socket again.
    pub fn fail(&mut self, local: u16) {
        self.failed |= 1u64.checked_shl(u32::from(local)).unwrap_or(0);
    }

    fn deliver(
        &mut self,
        local: u16,
        arrivals: &[Arrival],
        stats: &mut UdpStats,
        sink: &mut dyn FnMut(Received<'_>),
    ) -> usize {
        let mut passed = 0;
        for (buffer, arrival) in self.buffers.chunks_exact_mut(SLOT_BYTES).zip(arrivals) {
            if let (Some(now), Some(last)) =
                (arrival.ancillary.overflows, self.overflows.get_mut(usize::from(local)))
            {
                stats.receive_overflows += u64::from(now.wrapping_sub(*last));
                *last = now;
            }
            if arrival.truncated {
                stats.received_truncated += 1;
                continue;
            }
            if arrival.length == 0 {
                stats.received_empty += 1;
                continue;
            }
            let Some(remote) = arrival.remote else {
                stats.received_unaddressed += 1;
                continue;
            };
            passed += 1;
            stats.received_batches += 1;
            stats.received_bytes += arrival.length as u64;
            sink(Received {
                route: Route { local, remote },
                ecn: arrival.ancillary.ecn,
                stride: arrival.ancillary.stride.unwrap_or(arrival.length).min(arrival.length),
                bytes: &mut buffer[..arrival.length],
            });
        }
        passed
    }
}

/// Errors after which a socket will never work again.
fn is_fatal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT))
}
