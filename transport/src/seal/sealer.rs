//! The sending half: numbers, the present key, and when to replace it (PROTOCOL §4.4).

use std::fmt;
use std::time::Duration;

use super::keys::{DirectionSecret, PacketKey};
use super::limit::{REKEY_MARGIN, confidentiality_limit};
use super::nonce::Numbers;
use super::{FreshNumber, SealError, Suite, TAG_LEN};
use crate::ids::Lane;
use crate::limits::KEY_LIFETIME;
use crate::packet::{CLEAR_HEADER_LEN, ClearHeader};
use crate::time::Time;

/// Seals the packets of one lane and direction.
pub struct Sealer {
    lane: Lane,
    max_packet: u16,
    numbers: Numbers,
    secret: DirectionSecret,
    key: PacketKey,
    generation: u64,
    /// The first number of the present generation.
    first: u64,
    /// When the present generation began, or was last seen unused.
    since: Time,
    /// A packet of the present generation was acknowledged: the peer has its key.
    confirmed: bool,
    /// Packets after which the key is due for replacement.
    rekey_packets: u64,
    /// Packets that the key may seal.
    limit: u64,
}

impl Sealer {
    /// Seals with `secret` packets of at most `max_packet` bytes. `rekey_packets` asks for new keys
    /// earlier than the AEAD limit does.
    #[must_use]
    pub fn new(
        secret: DirectionSecret,
        suite: Suite,
        lane: Lane,
        max_packet: u16,
        rekey_packets: Option<u64>,
        now: Time,
    ) -> Self {
        debug_assert_eq!(secret.suite(), suite, "the secret was derived for another suite");
        let limit = confidentiality_limit(max_packet);
        let due = limit - REKEY_MARGIN;
        Self {
            lane,
            max_packet,
            numbers: Numbers::default(),
            key: secret.packet_key(),
            secret,
            generation: 0,
            first: 0,
            since: now,
            confirmed: false,
            rekey_packets: rekey_packets.map_or(due, |packets| packets.min(due)),
            limit,
        }
    }

    /// A number for the next packet.
    ///
    /// # Errors
    ///
    /// When the key or the numbers are used up.
    pub fn mint(&mut self) -> Result<FreshNumber, SealError> {
        if self.sealed() >= self.limit {
            return Err(SealError::KeyLimit);
        }
        self.numbers.mint()
    }

    /// The number that [`mint`](Self::mint) would return.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.numbers.peek()
    }

    /// Seals a packet under `number` and returns its length. `packet[..16]` is the encoded clear
    /// header, `packet[16..head]` the plaintext frames; `payload` is sealed behind them straight
    /// from where it lies, and the tag follows.
    ///
    /// # Errors
    ///
    /// When the packet is too large or its header does not match. The number is used up all the
    /// same.
    pub fn seal(
        &mut self,
        number: FreshNumber,
        packet: &mut [u8],
        head: usize,
        payload: &[u8],
    ) -> Result<usize, SealError> {
        let number = number.value();
        let length = head.saturating_add(payload.len()).saturating_add(TAG_LEN);
        if length > usize::from(self.max_packet) {
            return Err(SealError::TooLarge);
        }
        let packet = packet.get_mut(..length).ok_or(SealError::TooLarge)?;
        let frames = head.checked_sub(CLEAR_HEADER_LEN).ok_or(SealError::Header)?;
        // A number minted before the key was replaced would belong to the old generation.
        if number < self.first || !ClearHeader::names(packet, self.generation(), self.lane, number)
        {
            return Err(SealError::Header);
        }
        let (aad, body) = packet.split_at_mut(CLEAR_HEADER_LEN);
        if self.key.seal(self.lane, number, aad, body, frames, payload) {
            Ok(length)
        } else {
            Err(SealError::Cipher)
        }
    }

    /// The present key's generation modulo 4, for the clear header.
    #[must_use]
    pub const fn generation(&self) -> u8 {
        (self.generation % 4) as u8
    }

    /// Whether the key should be replaced as soon as [`can_advance`](Self::can_advance) allows it.
    pub fn rekey_due(&mut self, now: Time) -> bool {
        self.rest(now);
        self.due_at().is_some_and(|at| now >= at || self.sealed() >= self.rekey_packets)
    }

    /// When the key is due for replacement by its age, if it has sealed anything.
    #[must_use]
    pub fn due_at(&self) -> Option<Time> {
        (self.sealed() > 0).then(|| self.since + KEY_LIFETIME)
    }

    /// Whether the key must not seal any more.
    #[must_use]
    pub const fn exhausted(&self) -> bool {
        self.sealed() >= self.limit
    }

    /// The peer acknowledged `number`.
    pub fn on_acked(&mut self, number: u64) {
        self.confirmed |= (self.first..self.next_number()).contains(&number);
    }

    /// Whether the peer is ready for another generation: it has opened a packet of the present one,
    /// and packets of the one before are no longer under way (RFC 9001 §6.1 and §6.5).
    #[must_use]
    pub fn can_advance(&self, now: Time, three_pto: Duration) -> bool {
        self.confirmed && now.since(self.since) >= three_pto
    }

    /// Goes on with the next generation's key and wipes the present one.
    pub fn advance(&mut self, now: Time) {
        self.secret = self.secret.next();
        self.key = self.secret.packet_key();
        self.generation += 1;
        self.first = self.next_number();
        self.since = now;
        self.confirmed = false;
    }

    /// Packets sealed, or about to be, with the present key.
    const fn sealed(&self) -> u64 {
        self.numbers.peek() - self.first
    }

    /// A key that has sealed nothing does not age: else an idle session would die of it.
    fn rest(&mut self, now: Time) {
        if self.sealed() == 0 {
            self.since = now;
        }
    }

    /// Starts at a late number, so that tests reach the last one.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, number: u64) {
        self.numbers = Numbers::starting_at(number);
        self.first = number;
    }

    /// Generations gone through.
    #[cfg(test)]
    pub(super) const fn generations(&self) -> u64 {
        self.generation
    }

    /// Lowers the hard limit, so that tests reach it.
    #[cfg(test)]
    pub(super) fn limit_to(&mut self, packets: u64) {
        self.limit = packets;
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("suite", &self.secret.suite())
            .field("lane", &self.lane)
            .field("generation", &self.generation)
            .field("next_number", &self.next_number())
            .finish_non_exhaustive()
    }
}
