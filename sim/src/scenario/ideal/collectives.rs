//! The ideal of a collective: the ring's formula, or what no algorithm can beat.

use crate::engine::{Bandwidth, Picos};
use crate::topology::Graph;

use super::{Packets, travel};

/// A ring all-reduce of `bytes` among `ranks`: 2(N−1)/N·S/B + 2(N−1)·α, where B is the slowest line's
/// speed in message bytes, and α what the smallest packet takes to the farther neighbour.
pub(super) fn ring(graph: &Graph, packets: &Packets, bytes: u64, ranks: u32) -> Option<Picos> {
    let n = u64::from(ranks);
    let steps = 2 * (n - 1);
    let mut alpha = Picos::ZERO;
    let mut slowest: Option<Bandwidth> = None;
    for rank in 0..ranks {
        let (delay, rates) = graph.path(rank, (rank + 1) % ranks)?;
        alpha = alpha.max(travel(delay, &rates, packets.smallest()));
        slowest = slowest.into_iter().chain(rates).min();
    }
    let chunk = packets.wire(bytes.div_ceil(n));
    Some(Picos(slowest?.serialise(chunk * steps).0 + alpha.0 * steps))
}

/// Any all-reduce of `bytes` among `ranks`: all of them together send 2(N−1)·S at least (Patarasuk and
/// Yuan, 2009), and results need a packet from the farthest rank.
pub(super) fn all_reduce(
    graph: &Graph,
    packets: &Packets,
    bytes: u64,
    ranks: u32,
) -> Option<Picos> {
    let together = speeds(graph, ranks).into_iter().fold(0, u64::saturating_add);
    let sent = bytes.saturating_mul(2 * u64::from(ranks - 1));
    bound(graph, packets, ranks, (together, sent))
}

/// Any all-to-all of `bytes` from each of `ranks` to each: every rank sends (N−1)·S at least, and a packet
/// to the farthest.
pub(super) fn all_to_all(
    graph: &Graph,
    packets: &Packets,
    bytes: u64,
    ranks: u32,
) -> Option<Picos> {
    let slowest = speeds(graph, ranks).into_iter().min()?;
    let sent = bytes.saturating_mul(u64::from(ranks - 1));
    bound(graph, packets, ranks, (slowest, sent))
}

/// Cables of so many bits per second are busy with so many message bytes in full packets, or a packet
/// travels.
fn bound(graph: &Graph, packets: &Packets, ranks: u32, load: (u64, u64)) -> Option<Picos> {
    let (speed, bytes) = load;
    let busy = (speed > 0).then(|| Bandwidth::from_bps(speed).serialise(packets.full(bytes)));
    Some(busy?.max(farthest(graph, packets, ranks)?))
}

/// Bits per second of each rank's cables, taken together.
fn speeds(graph: &Graph, ranks: u32) -> Vec<u64> {
    let mut speeds = vec![0_u64; ranks as usize];
    for cable in &graph.cables {
        for end in [cable.a, cable.b] {
            if let Some(speed) = speeds.get_mut(end.0 as usize) {
                *speed = speed.saturating_add(cable.rate.bps());
            }
        }
    }
    speeds
}

/// What the smallest packet takes from the first rank to the one farthest from it.
fn farthest(graph: &Graph, packets: &Packets, ranks: u32) -> Option<Picos> {
    let to = |rank| {
        let (delay, rates) = graph.path(0, rank)?;
        Some(travel(delay, &rates, packets.smallest()))
    };
    (1..ranks).map(to).max()?
}
