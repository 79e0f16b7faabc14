//! The textbook ring: each rank sends a chunk to the next while it receives one from the one before.

use std::ops::Range;

/// The chunk that a rank sends, and the one that it receives, in step `step` of `2 (world - 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub send: usize,
    pub receive: usize,
    /// What comes is added; in the second half it replaces.
    pub add: bool,
}

/// All steps of one rank.
pub fn steps(rank: usize, world: usize) -> impl Iterator<Item = Step> {
    (0..2 * (world - 1)).map(move |step| {
        let add = step < world - 1;
        // The second half begins with the chunk that the first has completed here.
        let send = if add { rank + world - step } else { rank + 2 * world - step } % world;
        Step { send, receive: (send + world - 1) % world, add }
    })
}

/// The values of a chunk.
pub fn chunk(index: usize, world: usize, values: usize) -> Range<usize> {
    values * index / world..values * (index + 1) / world
}

/// Two different chunks of `values` at once: the one to send, and the one to receive into.
pub fn split<'a>(
    values: &'a mut [f32],
    send: &Range<usize>,
    receive: &Range<usize>,
) -> (&'a [f32], &'a mut [f32]) {
    if send.end <= receive.start {
        let (low, high) = values.split_at_mut(receive.start);
        (&low[send.clone()], &mut high[..receive.len()])
    } else {
        let (low, high) = values.split_at_mut(send.start);
        (&high[..send.len()], &mut low[receive.clone()])
    }
}

/// Takes in a piece that starts `at` bytes into the chunk.
pub fn take_in(target: &mut [f32], at: usize, piece: &[u8], add: bool) {
    let (words, _) = piece.as_chunks::<4>();
    for (to, from) in target[at / 4..].iter_mut().zip(words) {
        let value = f32::from_ne_bytes(*from);
        *to = if add { *to + value } else { value };
    }
}

/// The bytes of values.
pub fn bytes(values: &[f32]) -> &[u8] {
    // SAFETY: any `f32` is four initialised bytes, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}
