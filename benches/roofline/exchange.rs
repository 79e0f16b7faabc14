//! The two workloads: one way, and exchange with an `f32` sum.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use super::bare;
use super::cipher::{Cipher, HEADER, Suite, TAG};
use super::wire::{self, Backend, Wire};

/// Payload under way in one direction, in bytes; well inside a receive buffer.
const WINDOW: usize = 1 << 20;
/// User memory of each side, as a large tensor: more than any cache holds.
const TENSOR: usize = 64 << 20;
/// The largest UDP payload over IPv4, and the most segments of a train.
const TRAIN_BYTES: usize = 65_507;
const TRAIN_PACKETS: usize = 64;
/// Without progress for this long, a datagram was lost and the run is void.
const STALLED: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Core 0 seals and sends; core 1 receives and opens.
    OneWay,
    /// Both do both, and add what they open to their own memory.
    Exchange,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Datagram payload in bytes, header and tag included.
    pub packet: usize,
    pub suite: Suite,
    pub direction: Direction,
    pub backend: Backend,
    /// Payload to move each way, in bytes (rounded up to whole packets).
    pub bytes: usize,
}

/// How far each side has come, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Consumed {
    packets: AtomicUsize,
}

/// What both sides share.
struct Shared {
    consumed: [Consumed; 2],
    start: Barrier,
    stalled: AtomicBool,
}

/// Runs one case; GB/s of payload (each way), or `None` if a datagram was lost.
pub fn measure(case: &Case) -> Option<f64> {
    let mut wires = [wire::open(case.backend), wire::open(case.backend)];
    let addresses = [wires[0].address(), wires[1].address()];
    wires[0].connect(addresses[1]);
    wires[1].connect(addresses[0]);
    let shared = Arc::new(Shared {
        consumed: Default::default(),
        start: Barrier::new(2),
        stalled: AtomicBool::new(false),
    });
    let packets = case.bytes.div_ceil(case.packet - HEADER - TAG);
    let threads: Vec<_> = wires
        .into_iter()
        .enumerate()
        .map(|(core, wire)| {
            let (case, shared) = (*case, Arc::clone(&shared));
            thread::spawn(move || Side::new(core, wire, &case, packets, shared).run())
        })
        .collect();
    let spans: Vec<(Instant, Instant)> =
        threads.into_iter().filter_map(|t| t.join().ok()).collect();
    if shared.stalled.load(Ordering::Relaxed) || spans.len() != 2 {
        return None;
    }
    let begin = spans.iter().map(|s| s.0).min()?;
    let end = spans.iter().map(|s| s.1).max()?;
    let moved = packets * (case.packet - HEADER - TAG);
    Some(moved as f64 / (end - begin).as_secs_f64() / 1e9)
}

struct Side {
    core: usize,
    wire: Box<dyn Wire>,
    cipher: Cipher,
    shared: Arc<Shared>,
    tensor: Vec<u8>,
    sum: Vec<f32>,
    packet: usize,
    to_send: usize,
    to_receive: usize,
    add: bool,
}

impl Side {
    fn new(
        core: usize,
        wire: Box<dyn Wire>,
        case: &Case,
        packets: usize,
        shared: Arc<Shared>,
    ) -> Self {
        let both = case.direction == Direction::Exchange;
        Self {
            core,
            wire,
            cipher: Cipher::new(case.suite),
            shared,
            // Written, not merely mapped: reading untouched pages would read one zero page.
            tensor: vec![1; TENSOR],
            sum: vec![0.5; TENSOR / 4],
            packet: case.packet,
            to_send: if both || core == 0 { packets } else { 0 },
            to_receive: if both || core == 1 { packets } else { 0 },
            add: both,
        }
    }

    fn run(mut self) -> (Instant, Instant) {
        // A machine with one core still gives a figure, only not this one.
        let _ = bare::pin(self.core);
        self.shared.start.wait();
        let begin = Instant::now();
        let (mut sent, mut received, mut progress) = (0, 0, begin);
        while sent < self.to_send || received < self.to_receive {
            let before = (sent, received);
            self.send(&mut sent);
            if received < self.to_receive {
                received += self.receive();
                self.shared.consumed[self.core].packets.store(received, Ordering::Release);
            }
            if before != (sent, received) {
                progress = Instant::now();
            } else if progress.elapsed() > STALLED {
                self.shared.stalled.store(true, Ordering::Relaxed);
                break;
            } else {
                std::hint::spin_loop();
            }
        }
        (begin, Instant::now())
    }

    /// Seals and sends a few trains, as far as the window allows.
    fn send(&mut self, sent: &mut usize) {
        let payload = self.packet - HEADER - TAG;
        let train = (TRAIN_BYTES / self.packet).clamp(1, TRAIN_PACKETS);
        let window = WINDOW / payload;
        let taken = self.shared.consumed[1 - self.core].packets.load(Ordering::Acquire);
        for _ in 0..4 {
            let room = (taken + window).saturating_sub(*sent);
            let count = train.min(self.to_send - *sent);
            if count == 0 || room < count {
                break;
            }
            let Some(buffer) = self.wire.lend() else { break };
            for packet in buffer.chunks_exact_mut(self.packet).take(count) {
                let at = place(*sent, payload);
                self.cipher.seal(*sent as u64, packet, &self.tensor[at..at + payload]);
                *sent += 1;
            }
            self.wire.post(count * self.packet, self.packet);
        }
        self.wire.flush();
    }

    /// Receives a batch, opens it and, in an exchange, adds it up; returns the packets.
    fn receive(&mut self) -> usize {
        let (cipher, sum, add) = (&self.cipher, &mut self.sum, self.add);
        let mut packets = 0;
        self.wire.poll(&mut |bytes, stride| {
            for packet in bytes.chunks_mut(stride) {
                let (number, payload) = cipher.open(packet);
                if add {
                    let at = place(number as usize, payload.len()) / 4;
                    let (values, _) = payload.as_chunks::<4>();
                    for (to, from) in sum[at..].iter_mut().zip(values) {
                        *to += f32::from_ne_bytes(*from);
                    }
                }
                packets += 1;
            }
        });
        packets
    }
}

/// Where in user memory a packet's payload lies.
fn place(number: usize, payload: usize) -> usize {
    number % (TENSOR / payload) * payload
}
