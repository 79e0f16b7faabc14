//! What is measured of a run: the numbers that sweeps compare.

use sealane_report::statistics::quantile;
use sealane_sim::engine::Picos;
use sealane_sim::scenario::ideal::{self, Packets};
use sealane_sim::scenario::{Outcome, Scenario};
use sealane_sim::topology::Graph;
use sealane_sim::workload::FlowSpec;

/// Flows × cables at most of which each flow's own ideal is computed: each walks the graph.
const WALK_MAX: usize = 200_000_000;

/// How long each flow would take if it were alone.
#[derive(Debug)]
pub(super) struct Alone {
    graph: Graph,
    packets: Packets,
}

impl Alone {
    /// Of a scenario's fabric; `None` of one that makes no sense.
    pub fn of(scenario: &Scenario) -> Option<Self> {
        let packets = Packets::of(&scenario.nic, scenario.wire_overhead);
        scenario.graph().ok().map(|graph| Self { graph, packets })
    }

    /// In microseconds, for each flow of an outcome; nothing if there are too many.
    pub fn times(&self, outcome: &Outcome) -> Vec<f64> {
        if outcome.flows.len().saturating_mul(self.graph.cables.len()) > WALK_MAX {
            return Vec::new();
        }
        let time = |spec: &FlowSpec| ideal::flow(&self.graph, &self.packets, spec);
        let times = outcome.flows.iter().map(|flow| time(&flow.spec).map(Picos::micros));
        times.collect::<Option<Vec<f64>>>().unwrap_or_default()
    }
}

/// Numbers of one run. Times are microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metrics {
    pub seed: u64,
    pub done: u64,
    pub all: u64,
    pub first: Option<f64>,
    pub median: Option<f64>,
    pub p99: Option<f64>,
    pub last: Option<f64>,
    /// The median of what flows would take alone.
    pub alone: Option<f64>,
    /// From the beginning until the last byte arrived; of collectives, the longest call.
    pub total: Option<f64>,
    /// The ideal of that.
    pub ideal: Option<f64>,
    /// Message bytes that arrived in full flows, Gb/s over the whole run.
    pub goodput: Option<f64>,
    pub sent: u64,
    pub resent: u64,
    pub dropped: u64,
    pub marked: u64,
    pub timeouts: u64,
    pub events: u64,
    pub digest: String,
}

impl Metrics {
    pub fn of(outcome: &Outcome, alone: Option<&Alone>) -> Self {
        let times = durations(outcome);
        let mut alone = alone.map(|alone| alone.times(outcome)).unwrap_or_default();
        alone.sort_by(f64::total_cmp);
        let ideal = outcome.ideal.map(Picos::micros);
        let arrived = outcome.flows.iter().filter(|flow| flow.received.is_some());
        let bytes: u64 = arrived.map(|flow| flow.spec.bytes).sum();
        let ends = outcome.flows.iter().filter_map(|flow| flow.received).max();
        let (done, all) = outcome.done;
        let calls = !outcome.collectives.is_empty();
        Self {
            seed: outcome.seed,
            done,
            all,
            first: times.first().copied(),
            median: quantile(&times, 0.5),
            p99: quantile(&times, 0.99),
            last: times.last().copied(),
            alone: quantile(&alone, 0.5).or(ideal.filter(|_| calls)),
            total: if calls { times.last().copied() } else { ends.map(Picos::micros) },
            ideal,
            goodput: ends
                .filter(|end| *end > Picos::ZERO)
                .map(|end| bytes as f64 * 8.0 / end.seconds() / 1e9),
            sent: outcome.hosts.sent,
            resent: outcome.hosts.resent,
            dropped: outcome.fabric.dropped(),
            marked: outcome.fabric.marked,
            timeouts: outcome.hosts.timeouts,
            events: outcome.events,
            digest: outcome.digest.clone(),
        }
    }

    /// The goodput of a run that is as long as its ideal.
    pub fn ideal_goodput(&self) -> Option<f64> {
        Some(self.goodput? * self.total? / self.ideal?)
    }
}

/// How long flows or calls took, in microseconds, shortest first.
pub(super) fn durations(outcome: &Outcome) -> Vec<f64> {
    let calls = outcome.collectives.iter().copied();
    let mut times: Vec<Picos> = outcome.durations().into_iter().chain(calls).collect();
    times.sort_unstable();
    times.into_iter().map(Picos::micros).collect()
}
