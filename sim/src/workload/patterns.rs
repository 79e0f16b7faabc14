//! The usual traffic patterns.

use crate::engine::Picos;
use crate::rng::Rng;

use super::FlowSpec;

fn flow(from: u32, to: u32, bytes: u64) -> FlowSpec {
    FlowSpec { from, to, bytes, start: Picos::ZERO }
}

/// Every host sends to one other and receives from one other, drawn from `seed`; nobody to itself.
#[must_use]
pub fn permutation(hosts: u32, bytes: u64, seed: u64) -> Vec<FlowSpec> {
    let mut rng = Rng::new(seed, 0x7065_726D);
    let mut targets: Vec<u32> = (0..hosts).collect();
    // Sattolo's algorithm: one cycle through all, so no host is its own target.
    for last in (1..hosts as usize).rev() {
        targets.swap(last, rng.index(last));
    }
    (0..hosts).zip(targets).map(|(from, to)| flow(from, to, bytes)).collect()
}

/// `senders` hosts, spread evenly over the others, send to `target`.
#[must_use]
pub fn incast(hosts: u32, senders: u32, target: u32, bytes: u64) -> Vec<FlowSpec> {
    let others: Vec<u32> = (0..hosts).filter(|host| *host != target).collect();
    let senders = senders.min(others.len() as u32);
    let pick =
        |index: u32| others[(u64::from(index) * others.len() as u64 / u64::from(senders)) as usize];
    (0..senders).map(|index| flow(pick(index), target, bytes)).collect()
}

/// Every host sends to every other.
#[must_use]
pub fn all_to_all(hosts: u32, bytes: u64) -> Vec<FlowSpec> {
    let to = |from: u32| (1..hosts).map(move |step| (from, (from + step) % hosts));
    (0..hosts).flat_map(to).map(|(from, to)| flow(from, to, bytes)).collect()
}
