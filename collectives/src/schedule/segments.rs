//! Long vectors in parts, so that what depends on a part need not wait for the whole.

use super::{Slot, Span};

/// The shortest segment but the last: a few trains of packets, so that its message costs little. Tests
/// cut smaller ones, to have many of them in short vectors.
const LENGTH: u64 = if cfg!(test) { 512 } else { 256 << 10 };

/// The most segments: their numbers go into tags of sixteen bits, with two bits to spare.
const MOST: u64 = 1 << 13;

/// The segments of a vector, in the slot of the input. They begin at multiples of 64 bytes.
pub(super) fn segments(bytes: u64) -> Vec<Span> {
    split(0, bytes)
}

/// Those of a part of one.
pub(super) fn split(offset: u64, bytes: u64) -> Vec<Span> {
    split_by(offset, bytes, LENGTH, MOST)
}

/// At most so many parts, none but the last shorter than so much.
pub(super) fn split_by(offset: u64, bytes: u64, shortest: u64, most: u64) -> Vec<Span> {
    let each = bytes.div_ceil(most).next_multiple_of(64).max(shortest);
    let starts = (0..bytes.div_ceil(each)).map(|index| index * each);
    let span = |start: u64| Span {
        slot: Slot::Input,
        offset: offset + start,
        length: each.min(bytes - start),
    };
    starts.map(span).collect()
}
