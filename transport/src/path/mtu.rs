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

/// The first such pause, doubled each time: what ended the search below the maximum may have been
/// chance.
const RAISE_AFTER_MIN: Duration = Duration::from_millis(100);

/// Large packets lost in a row, none sent later acknowledged, that make a black hole likely; it is one
/// if probes of that size are lost too.
const BLACK_HOLE: u32 = 12;

/// Payloads of well-known links, tried before bisecting: 9001 jumbo, 9000 jumbo, Ethernet (v4, v6).
const USUAL: [u16; 5] = [8973, 8972, 8952, 1472, 1452];

/// A size under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    size: u16,
    /// It is on its way; until then it is offered again and again.
    sent: bool,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct MtuSearch {
    base: u16,
    max: u16,
    current: u16,
    /// The least size that is known not to pass, or one beyond the largest to try.
    too_large: u32,
    probe: Option<Probe>,
    lost: u32,
    large_lost: u32,
    /// The present size may not pass any more: it is under test.
    suspected: bool,
    /// A size to try before all others.
    aim: Option<u16>,
    /// The size before the latest black hole.
    former: u16,
    raise_after: Duration,
    /// When the latest large packet that came through was sent.
    large_passed: Option<Time>,
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
            suspected: false,
            aim: None,
            former: base,
            raise_after: RAISE_AFTER_MIN,
            large_passed: None,
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

    /// A size to test now; the same one until it was sent, nothing while its test is under way.
    pub fn poll(&mut self, now: Time) -> Option<u16> {
        if let Some(probe) = self.probe {
            return (!probe.sent).then_some(probe.size);
        }
        if self.resume_at.is_none_or(|at| at > now) {
            return None;
        }
        let Some(size) = self.candidate() else {
            self.rest(now);
            return None;
        };
        self.probe = Some(Probe { size, sent: false });
        Some(size)
    }

    /// The search has ended. It begins again with what is most worth trying; in full after the longest
    /// pause only.
    fn rest(&mut self, now: Time) {
        self.resume_at = (self.current < self.max).then_some(now + self.raise_after);
        self.aim = Some(if self.former > self.current { self.former } else { self.max });
        if self.raise_after == RAISE_AFTER {
            self.too_large = u32::from(self.max) + 1;
        }
        self.raise_after = (self.raise_after * 2).min(RAISE_AFTER);
    }

    fn candidate(&self) -> Option<u16> {
        if self.suspected {
            return Some(self.current);
        }
        if let Some(aim) = self.aim.filter(|aim| *aim > self.current) {
            return Some(aim);
        }
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

    /// The test of `size` was sent, in a datagram of `bytes`: fewer if the device holds no more.
    pub fn on_probe_sent(&mut self, now: Time, size: u16, bytes: u32) {
        if self.probe.is_none_or(|probe| probe.size != size) {
            return;
        }
        if bytes < u32::from(size) {
            self.refused(now, size);
        } else {
            self.probe = Some(Probe { size, sent: true });
        }
    }

    /// A test came through, in a datagram of `bytes`.
    pub fn on_probe_acked(&mut self, now: Time, size: u16, bytes: u32) {
        if bytes < u32::from(size) {
            return;
        }
        if size >= self.current {
            self.current = size;
            self.suspected = false;
            self.large_lost = 0;
        }
        if u32::from(size) >= self.too_large {
            // What is known of larger sizes was chance too.
            self.too_large = u32::from(self.max) + 1;
        }
        if self.is_under_test(size) {
            self.next_test(now);
        }
    }

    /// A test was lost.
    pub fn on_probe_lost(&mut self, now: Time, size: u16) {
        if !self.is_under_test(size) {
            return;
        }
        self.probe = None;
        self.lost += 1;
        self.resume_at = Some(now);
        if self.lost >= TRIES {
            self.refused(now, size);
        }
    }

    /// `size` does not pass.
    fn refused(&mut self, now: Time, size: u16) {
        if self.suspected {
            self.former = self.current;
            self.current = self.base;
            self.raise_after = RAISE_AFTER_MIN;
        }
        self.too_large = self.too_large.min(u32::from(size));
        self.next_test(now);
    }

    /// Whether `size` was sent and is waited for; answers to given-up tests say nothing new.
    fn is_under_test(&self, size: u16) -> bool {
        self.probe == Some(Probe { size, sent: true })
    }

    fn next_test(&mut self, now: Time) {
        self.probe = None;
        self.aim = None;
        self.suspected = false;
        self.lost = 0;
        self.resume_at = Some(now);
    }

    /// A packet of `bytes`, sent at `sent`, was acknowledged.
    pub fn on_acked(&mut self, sent: Time, bytes: u32) {
        if bytes > u32::from(self.base) {
            self.large_lost = 0;
            self.large_passed = self.large_passed.max(Some(sent));
            if self.suspected {
                self.next_test(sent);
            }
        }
    }

    /// A packet of `bytes`, sent at `sent`, was lost on a path that works.
    ///
    /// Losses of a burst come together, after later packets have come through: only those sent after
    /// the latest large packet that passed tell of a black hole.
    pub fn on_lost(&mut self, now: Time, sent: Time, bytes: u32) {
        if bytes <= u32::from(self.base) || self.large_passed.is_some_and(|at| sent <= at) {
            return;
        }
        self.large_lost += 1;
        if self.large_lost >= BLACK_HOLE && self.current > self.base && !self.suspected {
            self.large_lost = 0;
            self.next_test(now);
            self.suspected = true;
        }
    }

    /// The network says that only `hint` bytes pass, 0 if it does not say how many. Believed downwards
    /// only, and never below base, since ICMP is not authenticated.
    pub fn on_too_large(&mut self, now: Time, hint: u16) {
        if let Some(probe) = self.probe
            && probe.sent
            && hint < probe.size
        {
            self.refused(now, probe.size);
        }
        if hint < self.base {
            return;
        }
        if hint < self.current {
            self.current = hint;
        }
        if hint < self.max {
            self.too_large =
                self.too_large.min(u32::from(hint) + 1).max(u32::from(self.current) + 1);
        }
    }
}

#[cfg(test)]
mod tests;
