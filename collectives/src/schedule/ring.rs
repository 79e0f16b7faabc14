//! Around the ring, packet by packet: all-reduce (Patarasuk and Yuan, 2009) as reduce-scatter and
//! all-gather of N−1 steps each, and the two on their own.
//!
//! A chunk starts at one rank, is reduced or copied at every rank on its way, and every send but the
//! first is gated by the receive before it, so a packet is opened, added and sealed onward while it is
//! in cache. In an all-reduce chunk *c* starts at rank *c* and is complete at rank *c−1*, which sends it
//! around once more. In a reduce-scatter block *b* starts at rank *b+1* and ends at rank *b*.
//!
//! Receives are posted, and the sends that they gate opened, [`WINDOW`] steps ahead. Both wait for the
//! same steps, so that a send is always open before its first byte is placed.
//!
//! The output of an all-reduce is written while earlier contents of it may be unacknowledged. That is
//! sound: a chunk's granule comes back reduced only after the next rank has placed our partial of it,
//! and a granule that was placed is never placed again, so a late retransmission of it cannot matter.

use super::{Action, Gate, Into, Schedule, Scheduler, Slot, Span};
use crate::call::Collective;
use crate::shape::Shape;

/// See the module's text.
pub(super) struct Ring;

impl Scheduler for Ring {
    fn schedule(&self, shape: &Shape) -> Option<Schedule> {
        match shape.call.collective {
            Collective::AllReduce(_) => Some(all_reduce(shape)),
            Collective::ReduceScatter(_) => Some(reduce_scatter(shape)),
            Collective::AllGather => Some(all_gather(shape)),
            _ => None,
        }
    }
}

/// Chunks begin at cache lines, so that granules never straddle them.
const LINE: u64 = 64;

/// Steps that are under way at once: far more than the wire needs, and few enough that rings of
/// thousands do not fill the transport's message window (1024 to a peer).
pub(crate) const WINDOW: usize = 32;

/// Scratch of a reduce-scatter, bytes: what hides the way of an acknowledgement on a fast path. Tests
/// have less, so that short blocks use theirs again.
const SCRATCH: u64 = if cfg!(test) { 1 << 10 } else { 4 << 20 };

/// The chunk of `rank` among `world`.
pub(crate) fn chunk(bytes: u64, rank: u64, world: u64, slot: Slot) -> Span {
    let each = bytes.div_ceil(world).next_multiple_of(LINE);
    let offset = (each * rank).min(bytes);
    Span { slot, offset, length: each.min(bytes - offset) }
}

/// One rank's way around: what it forwards is what it has received last.
struct Walk<'a> {
    shape: &'a Shape,
    schedule: Schedule,
    recvs: Vec<usize>,
    /// The last receive, and what it waits for.
    gate: Option<(usize, Vec<usize>)>,
    tag: u16,
}

impl<'a> Walk<'a> {
    fn new(shape: &'a Shape) -> Self {
        let schedule = Schedule::default();
        Self { shape, schedule, recvs: Vec::new(), gate: None, tag: 0 }
    }

    /// Sends what was received last, or what is there from the start; and receives what comes next,
    /// after `also`. Empty chunks make no message, at neither end. Returns the send.
    fn step(&mut self, out: Span, into: Span, how: Into, also: Option<usize>) -> Option<usize> {
        let shape = self.shape;
        let sent = (out.length > 0).then(|| {
            let (gate, after) = match self.gate.take() {
                Some((recv, after)) => (Some(Gate { recv, skip: 0 }), after),
                None => (None, Vec::new()),
            };
            let action = Action::Send { to: shape.after(1), tag: self.tag, from: out, gate };
            self.schedule.push(action, &after)
        });
        self.gate = None;
        if into.length > 0 {
            let opener = self.recvs.len().checked_sub(WINDOW).map(|before| self.recvs[before]);
            let after: Vec<usize> = opener.into_iter().chain(also).collect();
            let action = Action::Recv { from: shape.before(1), tag: self.tag, into, how };
            let recv = self.schedule.push(action, &after);
            self.recvs.push(recv);
            self.gate = Some((recv, after));
        }
        self.tag += 1;
        sent
    }
}

fn all_reduce(shape: &Shape) -> Schedule {
    let (me, n, bytes) = (shape.me(), shape.ranks(), shape.call.bytes());
    let chunk = |rank: u64, slot| chunk(bytes, rank % n, n, slot);
    let mut walk = Walk::new(shape);
    for step in 0..n - 1 {
        let slot = if step == 0 { Slot::Input } else { Slot::Output };
        let into = chunk(me + 2 * n - step - 1, Slot::Output);
        let how = Into::Reduce { with: (Slot::Input, into.offset), last: step == n - 2 };
        walk.step(chunk(me + n - step, slot), into, how, None);
    }
    for turn in 0..n - 1 {
        let out = chunk(me + 1 + n - turn, Slot::Output);
        walk.step(out, chunk(me + n - turn, Slot::Output), Into::Copy, None);
    }
    walk.schedule
}

/// Partial results pass through a few slots of scratch, each used again once what it held has been
/// acknowledged.
fn reduce_scatter(shape: &Shape) -> Schedule {
    let (me, n) = (shape.me(), shape.ranks());
    let longest = shape.blocks.longest();
    let mut walk = Walk::new(shape);
    if longest == 0 {
        return walk.schedule;
    }
    let partials = n as usize - 2;
    let slots = (SCRATCH / longest).clamp(4, WINDOW as u64).min(partials as u64) as usize;
    let scratch: Vec<Span> = (0..slots).map(|_| walk.schedule.scratch(longest)).collect();
    // The last send from each slot.
    let mut busy: Vec<Option<usize>> = vec![None; slots];
    for step in 0..=partials {
        let block = |before: usize| (me + 2 * n - before as u64) % n;
        let partial = |step: usize, block: u64| Span {
            length: shape.blocks.length(block),
            ..scratch[step % slots]
        };
        let (leaving, arriving) = (block(step + 1), block(step + 2));
        let with = (Slot::Input, shape.blocks.offset(arriving));
        let out = match step.checked_sub(1) {
            None => shape.blocks.span(Slot::Input, leaving),
            Some(before) => partial(before, leaving),
        };
        if step == partials {
            let length = shape.blocks.length(arriving);
            let into = Span { slot: Slot::Output, offset: 0, length };
            walk.step(out, into, Into::Reduce { with, last: true }, None);
            break;
        }
        let how = Into::Reduce { with, last: false };
        let sent = walk.step(out, partial(step, arriving), how, busy[step % slots]);
        if let (Some(before), Some(sent)) = (step.checked_sub(1), sent) {
            busy[before % slots] = Some(sent);
        }
    }
    walk.schedule
}

fn all_gather(shape: &Shape) -> Schedule {
    let (me, n) = (shape.me(), shape.ranks());
    let mut walk = Walk::new(shape);
    let own = Span { slot: Slot::Input, offset: 0, length: shape.blocks.length(me) };
    for step in 0..n - 1 {
        let block = |before: u64| shape.blocks.span(Slot::Output, (me + n - before) % n);
        let out = if step == 0 { own } else { block(step) };
        walk.step(out, block(step + 1), Into::Copy, None);
    }
    if own.length > 0 {
        walk.schedule.copy(shape.blocks.span(Slot::Output, me), own, &[]);
    }
    walk.schedule
}
