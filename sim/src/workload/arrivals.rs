//! Flows that arrive at random times between random hosts.

use crate::engine::{Bandwidth, Picos};
use crate::rng::Rng;
use crate::topology::Graph;

use super::{FlowSpec, SizeDistribution};

/// A Poisson process of flows over all hosts.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals<'a> {
    /// Their sizes.
    pub sizes: &'a SizeDistribution,
    /// The share of all hosts' line speed that they fill, above 0 and at most 1.
    pub load: f64,
    /// How many.
    pub flows: u32,
}

impl Arrivals<'_> {
    /// The flows, in the order of arrival.
    ///
    /// # Errors
    ///
    /// A load that is none, and topologies whose hosts have no cables.
    pub fn draw(&self, graph: &Graph, seed: u64) -> Result<Vec<FlowSpec>, String> {
        if !(self.load > 0.0 && self.load <= 1.0) {
            return Err(format!("a load is above 0 and at most 1, not {}", self.load));
        }
        let of_host =
            |cable: &&crate::topology::Cable| graph.is_host(cable.a) || graph.is_host(cable.b);
        let rates = graph.cables.iter().filter(of_host).map(|cable| cable.rate.bps());
        let all = rates.fold(0, u64::saturating_add);
        let filled = (all as f64 * self.load) as u64;
        if filled == 0 {
            return Err("no host has a cable".to_owned());
        }
        let mean = Bandwidth::from_bps(filled).serialise(self.sizes.mean());
        let mut rng = Rng::new(seed, ARRIVAL_STREAM);
        let hosts = u64::from(graph.hosts);
        let mut now = Picos::ZERO;
        let flows = (0..self.flows).map(|_| {
            now += exponential(&mut rng, mean);
            let from = rng.below(hosts);
            let to = (from + 1 + rng.below(hosts - 1)) % hosts;
            let bytes = self.sizes.draw(&mut rng);
            // A start of exactly zero is the start of the run, like any other.
            FlowSpec { from: from as u32, to: to as u32, bytes, start: now }
        });
        Ok(flows.collect())
    }
}

/// A draw from the exponential distribution, by comparisons alone (von Neumann, 1951): logarithms
/// differ between machines, and then so would runs.
fn exponential(rng: &mut Rng, mean: Picos) -> Picos {
    let mut whole = 0_u64;
    loop {
        let first = rng.next_u64();
        let (mut last, mut falls) = (first, 1_u32);
        loop {
            let next = rng.next_u64();
            if next >= last {
                break;
            }
            (last, falls) = (next, falls + 1);
        }
        if !falls.is_multiple_of(2) {
            let part = (u128::from(first) * u128::from(mean.0)) >> 64;
            return Picos(mean.0.saturating_mul(whole)) + Picos(part as u64);
        }
        whole += 1;
    }
}

/// Kind word of the generator of arrivals.
const ARRIVAL_STREAM: u64 = 0x0061_7272_6976_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_draws_have_their_mean_and_their_tail() {
        let mut rng = Rng::new(1, 1);
        let mean = Picos(1_000_000);
        let draws: Vec<u64> = (0..200_000).map(|_| exponential(&mut rng, mean).0).collect();
        let sum: u64 = draws.iter().sum();
        let found = sum as f64 / draws.len() as f64 / mean.0 as f64;
        assert!((found - 1.0).abs() < 0.01, "{found}");
        let beyond = draws.iter().filter(|draw| **draw > 3 * mean.0).count();
        let share = beyond as f64 / draws.len() as f64;
        assert!((share / (-3.0_f64).exp() - 1.0).abs() < 0.05, "{share}");
    }
}
