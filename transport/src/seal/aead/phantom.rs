//! No cipher at all: simulations of thousands of hosts move packets whose payload is a length. What is
//! sealed stays in the clear and its payload is not even copied; the tag says how long the frames are
//! and whether nonce, header, frames and tag still belong together. Only builds with the feature `simulation`
//! have this, and only sessions joined with a given secret use it: no handshake leads here.

use super::NONCE_LEN;

/// Writes the tag: the length of the frames (2 bytes), and a checksum (8).
pub(super) fn seal(nonce: [u8; NONCE_LEN], aad: &[u8], body: &mut [u8], frames: usize) -> bool {
    let Some((text, tag)) = body.split_last_chunk_mut::<16>() else { return false };
    let Some(sum) = text.get(..frames).and_then(|frames| expected(nonce, aad, frames)) else {
        return false;
    };
    *tag = sum;
    true
}

/// Whether the tag is the one that [`seal`] wrote.
pub(super) fn open(nonce: [u8; NONCE_LEN], aad: &[u8], text: &[u8], tag: &[u8; 16]) -> bool {
    let frames = usize::from(u16::from_be_bytes([tag[0], tag[1]]));
    text.get(..frames).and_then(|frames| expected(nonce, aad, frames)) == Some(*tag)
}

fn expected(nonce: [u8; NONCE_LEN], aad: &[u8], frames: &[u8]) -> Option<[u8; 16]> {
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let words = nonce.chunks(8).chain(aad.chunks(8)).chain(frames.chunks(8)).map(word);
    // FNV-1a over words: one flipped bit always shows, since each step is a bijection of the state.
    let sum = words.fold(0xCBF2_9CE4_8422_2325_u64, |sum, word| {
        (sum ^ word).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let mut tag = [0; 16];
    tag[..2].copy_from_slice(&u16::try_from(frames.len()).ok()?.to_be_bytes());
    tag[8..].copy_from_slice(&sum.to_be_bytes());
    Some(tag)
}
