//! ACK: always the whole latest state of what was received (PROTOCOL §5.3).

use std::fmt;

use super::wire::{put, u32_at, u64_at};
use super::{PacketError, kind};
use crate::ids::Lane;
use crate::limits::{ACK_WORDS_MAX, PACKET_NUMBER_MAX};

/// Bytes of an ACK frame before its bitmaps.
pub const ACK_HEADER_LEN: usize = field::LEN;

/// Layout of the ACK frame; the bitmap of received numbers follows, then that of CE marks.
mod field {
    pub const TYPE: usize = 0;
    pub const FLAGS: usize = 1;
    pub const LANE: usize = 2;
    pub const WORDS: usize = 3;
    pub const RESERVED: usize = 4;
    pub const DELAY: usize = 5;
    pub const BASE: usize = 9;
    pub const CE_TOTAL: usize = 17;
    pub const LEN: usize = 25;
}

const WORD: usize = size_of::<u64>();

/// The CE bitmap is present.
const FLAG_CE: u8 = 1 << 0;

/// Bytes of an ACK frame with bitmaps of `words` words.
#[must_use]
pub const fn ack_len(words: usize, ce: bool) -> usize {
    field::LEN + words * WORD * if ce { 2 } else { 1 }
}

/// What an ACK frame says, for writing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckRepr<'a> {
    /// Whose packet numbers these are.
    pub lane: Lane,
    /// Nanoseconds since the latest packet arrived, saturating.
    pub delay: u32,
    /// The first number, not below the sender's floor, that was not received, or below it the first
    /// that arrived marked.
    pub base: u64,
    /// CE-marked packets received since the session began.
    pub ce_total: u64,
    /// Bit `i` of word `w`, LSB first, is number `base + 64w + i`. At most [`ACK_WORDS_MAX`] words.
    pub received: &'a [u64],
    /// CE marks of the same range; empty if there are none.
    pub ce: &'a [u64],
}

impl AckRepr<'_> {
    fn words(&self) -> usize {
        self.received.len().min(ACK_WORDS_MAX)
    }

    pub(super) fn encoded_len(&self) -> usize {
        ack_len(self.words(), !self.ce.is_empty())
    }

    /// Writes it to `out`, which is [`encoded_len`](Self::encoded_len) bytes long.
    pub(super) fn encode(&self, out: &mut [u8]) {
        let words = self.words();
        let (head, bitmaps) = out.split_at_mut(field::LEN);
        head[field::TYPE] = kind::ACK;
        head[field::FLAGS] = if self.ce.is_empty() { 0 } else { FLAG_CE };
        head[field::LANE] = self.lane.0;
        // At most ACK_WORDS_MAX = 64.
        head[field::WORDS] = words as u8;
        head[field::RESERVED] = 0;
        put(head, field::DELAY, self.delay.to_be_bytes());
        put(head, field::BASE, self.base.to_be_bytes());
        put(head, field::CE_TOTAL, self.ce_total.to_be_bytes());
        let marks = self.ce.iter().chain(std::iter::repeat(&0)).take(words);
        let bits = self.received.iter().take(words).chain(marks);
        for (out, word) in bitmaps.chunks_exact_mut(WORD).zip(bits) {
            out.copy_from_slice(&word.to_be_bytes());
        }
    }
}

/// A checked ACK frame in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AckView<'a> {
    head: &'a [u8; ACK_HEADER_LEN],
    received: &'a [u8],
    /// Empty if the sender saw no marks in this range.
    ce: &'a [u8],
}

impl<'a> AckView<'a> {
    /// The ACK frame at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// When it is cut short, has too many words or reserved bits, or claims to have received its
    /// own base although it tells of no marks.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let truncated = PacketError::Truncated("ACK");
        let (head, rest) = bytes.split_first_chunk::<ACK_HEADER_LEN>().ok_or(truncated)?;
        if head[field::TYPE] != kind::ACK {
            return Err(PacketError::UnknownFrame(head[field::TYPE]));
        }
        if head[field::FLAGS] & !FLAG_CE != 0 || head[field::RESERVED] != 0 {
            return Err(PacketError::Reserved("ACK"));
        }
        let words = usize::from(head[field::WORDS]);
        if words > ACK_WORDS_MAX {
            return Err(PacketError::AckWords(head[field::WORDS]));
        }
        let (received, rest) = rest.split_at_checked(words * WORD).ok_or(truncated)?;
        let ce = if head[field::FLAGS] & FLAG_CE != 0 { words * WORD } else { 0 };
        let view = Self { head, received, ce: rest.get(..ce).ok_or(truncated)? };
        let base = view.base();
        let received = ce == 0 && view.words().next().is_some_and(|word| word & 1 != 0);
        if base > PACKET_NUMBER_MAX || received {
            return Err(PacketError::AckBase(base));
        }
        Ok(view)
    }

    /// Bytes of the whole frame.
    pub(super) const fn encoded_len(&self) -> usize {
        ACK_HEADER_LEN + self.received.len() + self.ce.len()
    }

    /// Whose packet numbers these are.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        Lane(self.head[field::LANE])
    }

    /// Nanoseconds that the receiver held the acknowledgement back, saturating.
    #[must_use]
    pub fn delay(&self) -> u32 {
        u32_at(self.head, field::DELAY)
    }

    /// All numbers below were received, or given up by their sender.
    #[must_use]
    pub fn base(&self) -> u64 {
        u64_at(self.head, field::BASE)
    }

    /// The lowest number, not below the base, that was not received.
    #[must_use]
    pub fn first_missing(&self) -> u64 {
        let full = self.words().take_while(|word| *word == u64::MAX).count() as u64;
        self.base() + 64 * full + u64::from(word(self.received, full).trailing_ones())
    }

    /// CE-marked packets received since the session began.
    #[must_use]
    pub fn ce_total(&self) -> u64 {
        u64_at(self.head, field::CE_TOTAL)
    }

    /// The words of the bitmap of received numbers, from the base on.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u64> + DoubleEndedIterator + 'a {
        self.received.chunks_exact(WORD).map(|word| u64_at(word, 0))
    }

    /// The words of the CE bitmap: as many as [`words`](Self::words), or none if nothing is marked.
    pub fn ce_words(&self) -> impl ExactSizeIterator<Item = u64> + DoubleEndedIterator + 'a {
        self.ce.chunks_exact(WORD).map(|word| u64_at(word, 0))
    }

    /// Bit `i`: whether number `from + i` was received, or lies below the base.
    #[must_use]
    pub fn received_from(&self, from: u64) -> u64 {
        let base = self.base();
        if from < base {
            return match base - from {
                below @ 1..64 => word(self.received, 0) << below | ((1 << below) - 1),
                _ => u64::MAX,
            };
        }
        let (index, shift) = ((from - base) / 64, (from - base) % 64);
        let low = word(self.received, index) >> shift;
        let high = if shift == 0 { 0 } else { word(self.received, index + 1) << (64 - shift) };
        low | high
    }

    /// Whether `number` was received, or lies below the base.
    #[must_use]
    pub fn is_received(&self, number: u64) -> bool {
        number.checked_sub(self.base()).is_none_or(|index| bit(self.received, index))
    }

    /// Whether `number`, not below the base, arrived with a CE mark.
    #[must_use]
    pub fn is_ce(&self, number: u64) -> bool {
        number.checked_sub(self.base()).is_some_and(|index| bit(self.ce, index))
    }

    /// The highest number that is acknowledged; `None` if nothing is.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        let base = self.base();
        let last = self.words().enumerate().rev().find(|(_, word)| *word != 0);
        match last {
            Some((index, word)) => Some(base + 64 * index as u64 + u64::from(word.ilog2())),
            None => base.checked_sub(1),
        }
    }
}

/// Bit `index` of a bitmap of big-endian words; clear outside it.
fn bit(bitmap: &[u8], index: u64) -> bool {
    word(bitmap, index / 64) >> (index % 64) & 1 != 0
}

/// Word `index` of such a bitmap; clear outside it.
fn word(bitmap: &[u8], index: u64) -> u64 {
    let Ok(index) = usize::try_from(index) else { return 0 };
    bitmap.chunks_exact(WORD).nth(index).map_or(0, |word| u64_at(word, 0))
}

impl fmt::Debug for AckView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckView({self})")
    }
}

impl fmt::Display for AckView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received: u32 = self.words().map(u64::count_ones).sum();
        let (lane, base, delay) = (self.lane(), self.base(), self.delay());
        write!(f, "ACK {lane} below {base}")?;
        if let (Some(highest), true) = (self.highest(), received > 0) {
            write!(f, " and {received} up to {highest}")?;
        }
        write!(f, " delay {delay} ns CE {}", self.ce_total())
    }
}
