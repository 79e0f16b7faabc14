//! The receiving half: which key, replay, and what failed (PROTOCOL §4.4–§4.6).

use std::fmt;
use std::time::Duration;

use super::keys::{DirectionSecret, PacketKey};
use super::limit::integrity_limit;
use super::{OpenError, ReplayWindow, Suite, TAG_LEN};
use crate::ids::Lane;
use crate::packet::{CLEAR_HEADER_LEN, ClearHeader};
use crate::time::Time;

/// Opens the packets of one lane and direction.
///
/// The next generation's key is always ready: a forged packet that claims it costs one failed tag,
/// never a derivation.
pub struct Opener {
    lane: Lane,
    window: ReplayWindow,
    /// Of the generation after the present one.
    next_secret: DirectionSecret,
    previous: Option<PacketKey>,
    current: PacketKey,
    next: PacketKey,
    generation: u64,
    /// The lowest number opened with the current key: the previous one's are all lower.
    lowest: u64,
    /// When the current key came into use.
    promoted_at: Time,
    failed: u64,
    failed_max: u64,
}

/// Which key a packet claims.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Previous,
    Current,
    Next,
}

impl Opener {
    /// Opens with `secret`.
    #[must_use]
    pub fn new(secret: DirectionSecret, suite: Suite, lane: Lane, now: Time) -> Self {
        debug_assert_eq!(secret.suite(), suite, "the secret was derived for another suite");
        let next_secret = secret.next();
        Self {
            lane,
            window: ReplayWindow::new(),
            previous: None,
            current: secret.packet_key(),
            next: next_secret.packet_key(),
            next_secret,
            generation: 0,
            lowest: u64::MAX,
            promoted_at: now,
            failed: 0,
            failed_max: integrity_limit(suite),
        }
    }

    /// Opens `packet` in place and returns its plaintext; `header` is what its first 16 bytes parse
    /// to.
    ///
    /// # Errors
    ///
    /// When the packet is not authentic, or not new. It then changes nothing here but the count of
    /// failures; the bytes of `packet` behind the header are undefined.
    pub fn open<'a>(
        &mut self,
        now: Time,
        header: &ClearHeader,
        packet: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        if packet.len() < CLEAR_HEADER_LEN + TAG_LEN || header.lane != self.lane {
            return Err(OpenError::Malformed);
        }
        let number = header.number;
        self.window.check(number)?;
        let claim = self.claim(header)?;
        if self.failed >= self.failed_max {
            return Err(OpenError::IntegrityLimit);
        }
        let key = match claim {
            Claim::Current => &self.current,
            Claim::Next => &self.next,
            Claim::Previous => self.previous.as_ref().ok_or(OpenError::Generation)?,
        };
        let (aad, body) = packet.split_at_mut(CLEAR_HEADER_LEN);
        let Some(plaintext) = key.open(self.lane, number, aad, body) else {
            self.failed += 1;
            return Err(OpenError::Authentication);
        };
        self.window.mark(number)?;
        match claim {
            Claim::Previous => {}
            Claim::Current => self.lowest = self.lowest.min(number),
            Claim::Next => self.promote(now, number),
        }
        Ok(plaintext)
    }

    /// The key by the header's two bits, if the number can belong to it: a sender's numbers grow
    /// from generation to generation (RFC 9001 §6.4).
    fn claim(&self, header: &ClearHeader) -> Result<Claim, OpenError> {
        let distance = u64::from(header.generation).wrapping_sub(self.generation) % 4;
        let number = header.number;
        match distance {
            0 => Ok(Claim::Current),
            1 if self.window.highest().is_some_and(|highest| number > highest) => Ok(Claim::Next),
            3 if self.previous.is_some() && number < self.lowest => Ok(Claim::Previous),
            _ => Err(OpenError::Generation),
        }
    }

    /// A packet opened with the next key: it is the current one from now on.
    fn promote(&mut self, now: Time, number: u64) {
        self.next_secret = self.next_secret.next();
        let following = self.next_secret.packet_key();
        let current = std::mem::replace(&mut self.next, following);
        self.previous = Some(std::mem::replace(&mut self.current, current));
        self.generation += 1;
        self.lowest = number;
        self.promoted_at = now;
    }

    /// Which numbers were opened.
    #[must_use]
    pub const fn window(&self) -> &ReplayWindow {
        &self.window
    }

    /// Wipes the previous key once packets sealed with it can no longer be under way: `three_pto`,
    /// three times the longest probe timeout, after it was replaced.
    pub fn retire_previous(&mut self, now: Time, three_pto: Duration) {
        if self.previous.is_some() && now.since(self.promoted_at) >= three_pto {
            self.previous = None;
        }
    }

    /// Packets whose tag was wrong, over all keys.
    #[must_use]
    pub const fn failed_opens(&self) -> u64 {
        self.failed
    }

    /// Whether the previous key is still kept.
    #[must_use]
    pub const fn keeps_previous(&self) -> bool {
        self.previous.is_some()
    }

    /// Lowers the integrity limit, so that tests reach it.
    #[cfg(test)]
    pub(super) fn limit_failures_to(&mut self, failures: u64) {
        self.failed_max = failures;
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("suite", &self.next_secret.suite())
            .field("lane", &self.lane)
            .field("generation", &self.generation)
            .field("highest", &self.window.highest())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
