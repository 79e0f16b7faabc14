//! The largest datagram that passes: DPLPMTUD (RFC 8899), once per session.
//!
//! All paths of a session run between the same two hosts, so one search serves them all; a path that
//! drops what the others pass shows as a path that loses everything, and is left.

use std::time::Duration;

use crate::time::Time;

/// Probes of one size that may be lost before it counts as too large: MAX_PROBES of RFC 8899 §5.1.2.
const TRIES: u32 = 3;

/// The search ends when the bounds are this close.
const RESOLUTION: u16 = 64;

/// Pause before the search begins again: PMTU_RAISE_TIMER of RFC 8899 §5.1.1.
const RAISE_AFTER: Duration = Duration::from_secs(600);

/// Large packets lost in a row, none acknowledged between, that mean a black hole.
const BLACK_HOLE: u32 = 12;

/// Payloads of well-known links, tried before bisecting: 9001 jumbo, 9000 jumbo, Ethernet (v4, v6).
const USUAL: [u16; 5] = [8973, 8972, 8952, 1472, 1452];

/// See the module's text.
#[derive(Clone, Debug)]
pub struct MtuSearch {
    base: u16,
    max: u16,
    current: u16,
    /// The least size that is known not to pass, or one beyond the largest to try.
    too_large: u32,
    probe: Option<u16>,
    lost: u32,
    large_lost: u32,
    resume_at: Option<Time>,
}

impl MtuSearch {
    /// Begins at `base`, which needs no test, and searches up to `max`.
    #[must_use]
    pub fn new(now: Time, base: u16, max: u16) -> Self {
        Self {
            base,
            max,
            current: base,
            too_large: u32::from(max) + 1,
            probe: None,
            lost: 0,
            large_lost: 0,
            resume_at: Some(now),
        }
    }

    /// The size that is known to pass.
    #[must_use]
    pub const fn current(&self) -> u16 {
        self.current
    }

    /// When the search goes on, if it waits for time.
    #[must_use]
    pub const fn deadline(&self) -> Option<Time> {
        if self.probe.is_some() { None } else { self.resume_at }
    }

    /// A size to test now; nothing while a test is under way.
    pub fn poll(&mut self, now: Time) -> Option<u16> {
        if self.probe.is_some() || self.resume_at.is_none_or(|at| at > now) {
            return None;
        }
        let Some(size) = self.candidate() else {
            self.too_large = u32::from(self.max) + 1;
            self.resume_at = (self.current < self.max).then_some(now + RAISE_AFTER);
            return None;
        };
        self.probe = Some(size);
        Some(size)
    }

    fn candidate(&self) -> Option<u16> {
        let (low, high) = (u32::from(self.current), self.too_large);
        if self.too_large > u32::from(self.max) && self.current < self.max {
            return Some(self.max);
        }
        if low + u32::from(RESOLUTION) >= high {
            return None;
        }
        let usual = USUAL.into_iter().find(|size| (low + 1..high).contains(&u32::from(*size)));
        usual.or_else(|| u16::try_from(low.midpoint(high)).ok())
    }

    /// A test came through.
    pub fn on_probe_acked(&mut self, now: Time, size: u16) {
        self.current = self.current.max(size);
        self.next_test(now);
    }

    /// A test was lost.
    pub fn on_probe_lost(&mut self, now: Time, size: u16) {
        self.probe = None;
        self.lost += 1;
        self.resume_at = Some(now);
        if self.lost >= TRIES {
            self.too_large = self.too_large.min(u32::from(size));
            self.next_test(now);
        }
    }

    fn next_test(&mut self, now: Time) {
        self.probe = None;
        self.lost = 0;
        self.resume_at = Some(now);
    }

    /// A packet of `bytes` was acknowledged.
    pub fn on_acked(&mut self, bytes: u32) {
        if bytes > u32::from(self.base) {
            self.large_lost = 0;
        }
    }

    /// A packet of `bytes` was lost.
    pub fn on_lost(&mut self, now: Time, bytes: u32) {
        if bytes <= u32::from(self.base) {
            return;
        }
        self.large_lost += 1;
        if self.large_lost >= BLACK_HOLE {
            self.large_lost = 0;
            self.too_large = u32::from(self.current);
            self.current = self.base;
            self.next_test(now);
        }
    }

    /// The network says that only `hint` bytes pass. Believed downwards only, and never below base,
    /// since ICMP is not authenticated.
    pub fn on_too_large(&mut self, now: Time, hint: u16) {
        if let Some(probe) = self.probe {
            self.too_large = self.too_large.min(u32::from(probe));
            self.next_test(now);
        }
        if hint >= self.base && hint < self.current {
            self.current = hint;
            self.too_large = u32::from(hint) + 1;
        }
    }
}
