//! What collectives must come to, reckoned without network and executor.

use sealane_collectives::Collective;

use super::CollectiveSpec;

/// Complaints of one run at most.
const COMPLAINTS_MAX: usize = 8;

/// Sums up to here are exact in `f32`.
const EXACT_MAX: f64 = 16_777_216.0;

/// The element that a rank begins with: small whole numbers, other ones for every rank, that sum
/// without rounding.
fn element(rank: u32, index: u32) -> f32 {
    ((index.wrapping_mul(7) ^ rank) % 16) as f32
}

/// Fills a rank's operand.
pub(super) fn fill(bytes: &mut [u8], rank: u32) {
    for (index, chunk) in (0_u32..).zip(bytes.chunks_exact_mut(4)) {
        chunk.copy_from_slice(&element(rank, index).to_ne_bytes());
    }
}

/// What is wrong with the operands that `rounds` calls have left.
pub(super) fn check(spec: &CollectiveSpec, rounds: u32, operands: &[Vec<u8>]) -> Vec<String> {
    let ranks = spec.ranks;
    let mut complaints = Vec::new();
    for (rank, operand) in (0..ranks).zip(operands) {
        for (index, chunk) in (0_u32..).zip(operand.chunks_exact(4)) {
            let Ok(bytes) = <[u8; 4]>::try_from(chunk) else { continue };
            let found = f32::from_ne_bytes(bytes);
            let Some(expected) = expected(spec, rounds, rank, index) else { return complaints };
            if found.to_bits() != expected.to_bits() && complaints.len() < COMPLAINTS_MAX {
                let what = format!("rank {rank} has {found} at {index}, not {expected}");
                complaints.push(what);
            }
        }
    }
    complaints
}

/// What a rank has at `index` in the end; `None` if that cannot be said exactly.
fn expected(spec: &CollectiveSpec, rounds: u32, rank: u32, index: u32) -> Option<f32> {
    match spec.call.collective {
        Collective::AllReduce(_) => {
            let sum: f64 = (0..spec.ranks).map(|from| f64::from(element(from, index))).sum();
            let times = f64::from(spec.ranks).powi(rounds as i32 - 1);
            (sum * times < EXACT_MAX).then_some((sum * times) as f32)
        }
        Collective::AllToAll if rounds.is_multiple_of(2) => Some(element(rank, index)),
        Collective::AllToAll => {
            let block = spec.call.count as u32;
            let (from, offset) = (index / block, index % block);
            Some(element(from, rank * block + offset))
        }
        _ => None,
    }
}
