//! When to acknowledge, and what to say (PROTOCOL §5.3).
//!
//! An acknowledgement is always the whole latest state, so a lost one costs nothing and none is ever
//! repeated. What was received is the replay window itself; only the CE marks are kept here.

use std::time::Duration;

use crate::ids::Lane;
use crate::limits::{ACK_WORDS_MAX, OUTSTANDING_MAX, REPLAY_WINDOW};
use crate::packet::{AckRepr, AckView};
use crate::recovery::Acknowledgement;
use crate::seal::ReplayWindow;
use crate::time::{Time, nanos};

/// Bytes after which an acknowledgement is due at once: large packets must not wait for eight.
const ACK_EVERY_BYTES: usize = 256 << 10;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Acks {
    delay_max: Duration,
    /// Ack-eliciting packets after which one is due at once.
    every: u32,
    unacked: u32,
    unacked_bytes: usize,
    /// An acknowledgement is due by then.
    deadline: Option<Time>,
    latest_arrival: Time,
    ce_total: u64,
    /// CE marks of the last [`REPLAY_WINDOW`] numbers, as a ring of words.
    ce_marks: Box<[u64; (REPLAY_WINDOW / 64) as usize]>,
    /// The highest number that `ce_marks` has seen.
    ce_highest: u64,
    /// All marked numbers are below it.
    ce_end: u64,
    received: [u64; ACK_WORDS_MAX],
    ce: [u64; ACK_WORDS_MAX],
}

impl Acks {
    pub(super) fn new(delay_max: Duration, every: u32) -> Self {
        Self {
            delay_max,
            every: every.max(1),
            unacked: 0,
            unacked_bytes: 0,
            deadline: None,
            latest_arrival: Time::ZERO,
            ce_total: 0,
            ce_marks: Box::new([0; (REPLAY_WINDOW / 64) as usize]),
            ce_highest: 0,
            ce_end: 0,
            received: [0; ACK_WORDS_MAX],
            ce: [0; ACK_WORDS_MAX],
        }
    }

    /// A packet arrived and was opened. `immediate`: its content asks for an answer now.
    pub(super) fn on_packet(
        &mut self,
        now: Time,
        number: u64,
        ce: bool,
        eliciting: bool,
        immediate: bool,
        bytes: usize,
    ) {
        self.mark(number, ce);
        if !eliciting {
            return;
        }
        self.latest_arrival = now;
        self.unacked += 1;
        self.unacked_bytes += bytes;
        let enough = self.unacked >= self.every || self.unacked_bytes >= ACK_EVERY_BYTES;
        if immediate || ce || enough {
            self.deadline = Some(now);
        } else if self.deadline.is_none() {
            self.deadline = Some(now + self.delay_max);
        }
    }

    fn mark(&mut self, number: u64, ce: bool) {
        if number > self.ce_highest {
            let (from, to) = (self.ce_highest / 64 + 1, number / 64);
            let words = (REPLAY_WINDOW / 64).min((to + 1).saturating_sub(from));
            for word in (to + 1 - words)..=to {
                if words > 0 {
                    self.ce_marks[Self::slot(word)] = 0;
                }
            }
            self.ce_highest = number;
        }
        if ce {
            self.ce_total += 1;
            self.ce_end = self.ce_end.max(number + 1);
            self.ce_marks[Self::slot(number / 64)] |= 1 << (number % 64);
        }
    }

    const fn slot(word: u64) -> usize {
        (word % (REPLAY_WINDOW / 64)) as usize
    }

    /// When an acknowledgement is due.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Whether one is due.
    pub(super) fn due(&self, now: Time) -> bool {
        self.deadline.is_some_and(|at| at <= now)
    }

    /// Whether one would say something new, so that it may ride along with other frames.
    pub(super) const fn pending(&self) -> bool {
        self.deadline.is_some()
    }

    /// The acknowledgement of the present state; `floor` is the peer's lowest outstanding number.
    /// Nothing from `limit` on counts as received, whatever the window says.
    pub(super) fn build(
        &mut self,
        now: Time,
        window: &ReplayWindow,
        floor: u64,
        limit: u64,
    ) -> AckRepr<'_> {
        let missing = window.first_missing(floor).min(limit);
        let base = self.first_mark(floor, missing).unwrap_or(missing);
        let words = window.fill(base, &mut self.received);
        let refused = limit.saturating_sub(base);
        if let Some(word) = self.received[..words].get_mut((refused / 64) as usize) {
            *word &= !(1 << (refused % 64));
        }
        let mut any_ce = 0;
        for word in 0..words {
            let marks = self.ce_word(base + 64 * word as u64) & self.received[word];
            self.ce[word] = marks;
            any_ce |= marks;
        }
        let delay = nanos(now.since(self.latest_arrival));
        AckRepr {
            lane: Lane(0),
            delay: u32::try_from(delay).unwrap_or(u32::MAX),
            base,
            ce_total: self.ce_total,
            received: &self.received[..words],
            ce: if any_ce == 0 { &[] } else { &self.ce[..words] },
        }
    }

    /// The lowest number in `floor..missing` that arrived marked. The packet that fills a hole is the one
    /// that waited longest in a queue: told of what lies above the base alone, its sender would never
    /// learn of that queue.
    fn first_mark(&self, floor: u64, missing: u64) -> Option<u64> {
        // What is above must fit in front of it.
        let mut number = floor.max((self.ce_highest + 1).saturating_sub(OUTSTANDING_MAX));
        let end = missing.min(self.ce_end);
        while number < end {
            let marks = self.ce_marks[Self::slot(number / 64)] >> (number % 64);
            if marks != 0 {
                number += u64::from(marks.trailing_zeros());
                return (number < end).then_some(number);
            }
            number = (number / 64 + 1) * 64;
        }
        None
    }

    /// CE marks of the 64 numbers from `from` on.
    fn ce_word(&self, from: u64) -> u64 {
        let shift = from % 64;
        let low = self.ce_marks[Self::slot(from / 64)] >> shift;
        if shift == 0 {
            return low;
        }
        low | self.ce_marks[Self::slot(from / 64 + 1)] << (64 - shift)
    }

    /// It was put into a packet.
    pub(super) fn on_sent(&mut self) {
        self.unacked = 0;
        self.unacked_bytes = 0;
        self.deadline = None;
    }
}

impl Acknowledgement for AckView<'_> {
    fn base(&self) -> u64 {
        AckView::base(self)
    }

    fn first_missing(&self) -> u64 {
        AckView::first_missing(self)
    }

    fn delay(&self) -> Duration {
        Duration::from_nanos(u64::from(AckView::delay(self)))
    }

    fn highest(&self) -> Option<u64> {
        AckView::highest(self)
    }

    fn received_from(&self, from: u64) -> u64 {
        AckView::received_from(self, from)
    }

    fn is_ce(&self, number: u64) -> bool {
        AckView::is_ce(self, number)
    }
}
