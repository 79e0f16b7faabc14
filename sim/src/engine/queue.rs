//! The event queue: a calendar (Brown, CACM 1988) of fixed-width days, with a heap for the far future.
//!
//! Most events of a packet network lie within one round trip, so they fall into a ring of buckets and
//! are sorted only when their bucket's time has come. Timers lie further off and wait in a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Picos;

/// Picoseconds of a bucket, as a power of two: 4 ns, the time of 51 bytes at 100 Gb/s.
const WIDTH_SHIFT: u32 = 12;

/// Buckets of the ring, a power of two: 134 µs in all.
const BUCKETS: u64 = 1 << 15;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: Picos,
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    const fn key(&self) -> (Picos, u64) {
        (self.at, self.sequence)
    }

    const fn day(&self) -> u64 {
        self.at.0 >> WIDTH_SHIFT
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// See the module's text. Events at the same time come out in the order in which they were put in.
#[derive(Debug)]
pub struct EventQueue<E> {
    /// Events of `day` and before, latest first.
    today: Vec<Entry<E>>,
    day: u64,
    /// Events of the days `day + 1 .. day + BUCKETS`.
    ring: Vec<Vec<Entry<E>>>,
    /// One bit per bucket that is not empty.
    filled: Vec<u64>,
    far: BinaryHeap<Reverse<Entry<E>>>,
    /// Memory of past days: only few buckets are filled at a time.
    spare: Vec<Vec<Entry<E>>>,
    sequence: u64,
    length: usize,
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            today: Vec::new(),
            day: 0,
            ring: (0..BUCKETS).map(|_| Vec::new()).collect(),
            filled: vec![0; (BUCKETS / 64) as usize],
            far: BinaryHeap::new(),
            spare: Vec::new(),
            sequence: 0,
            length: 0,
        }
    }
}

impl<E: Copy> EventQueue<E> {
    /// Puts an event in. One in the past comes out next.
    pub fn push(&mut self, at: Picos, event: E) {
        let entry = Entry { at, sequence: self.sequence, event };
        self.sequence += 1;
        self.length += 1;
        let day = entry.day();
        if day <= self.day {
            let place = self.today.partition_point(|other| other.key() > entry.key());
            self.today.insert(place, entry);
        } else if day - self.day < BUCKETS {
            self.file(day, entry);
        } else {
            self.far.push(Reverse(entry));
        }
    }

    fn file(&mut self, day: u64, entry: Entry<E>) {
        let bucket = (day % BUCKETS) as usize;
        self.filled[bucket / 64] |= 1 << (bucket % 64);
        let bucket = &mut self.ring[bucket];
        if bucket.capacity() == 0 {
            *bucket = self.spare.pop().unwrap_or_default();
        }
        bucket.push(entry);
    }

    /// Takes out the earliest event that is not later than `limit`.
    pub fn pop(&mut self, limit: Picos) -> Option<(Picos, E)> {
        if self.today.is_empty() && !self.turn() {
            return None;
        }
        if self.today.last()?.at > limit {
            return None;
        }
        let entry = self.today.pop()?;
        self.length -= 1;
        Some((entry.at, entry.event))
    }

    /// When the earliest event is.
    pub fn next_at(&mut self) -> Option<Picos> {
        if self.today.is_empty() && !self.turn() {
            return None;
        }
        self.today.last().map(|entry| entry.at)
    }

    /// Goes on to the next day that has events. `false` if there is none.
    fn turn(&mut self) -> bool {
        let near = self.next_filled();
        let far = self.far.peek().map(|Reverse(entry)| entry.day());
        let Some(day) = [near, far].into_iter().flatten().min() else { return false };
        self.day = day;
        while let Some(Reverse(entry)) = self.far.peek() {
            let day = entry.day();
            if day - self.day >= BUCKETS {
                break;
            }
            if let Some(Reverse(entry)) = self.far.pop() {
                self.file(day, entry);
            }
        }
        let bucket = (day % BUCKETS) as usize;
        self.filled[bucket / 64] &= !(1 << (bucket % 64));
        let next = std::mem::take(&mut self.ring[bucket]);
        self.spare.push(std::mem::replace(&mut self.today, next));
        self.today.sort_unstable_by(|a, b| b.cmp(a));
        true
    }

    /// The next day after the present one whose bucket is not empty.
    fn next_filled(&self) -> Option<u64> {
        let start = (self.day + 1) % BUCKETS;
        let words = self.filled.len() as u64;
        for step in 0..=words {
            let index = (start / 64 + step) % words;
            let mut word = self.filled[index as usize];
            if step == 0 {
                word &= !0 << (start % 64);
            } else if step == words {
                word &= !(!0 << (start % 64));
            }
            if word != 0 {
                let bucket = index * 64 + u64::from(word.trailing_zeros());
                return Some(self.day + 1 + (bucket + BUCKETS - start) % BUCKETS);
            }
        }
        None
    }

    /// Events that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}
