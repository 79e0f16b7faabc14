//! What several experiments share.

use crate::scenario::{Outcome, Policy, Scenario, Topology, Transport, Workload};

use super::statistics::quantile;
use super::{Axis, AxisScale, Series};
use super::{Figure, Panel};

/// Bytes of the usual flow: 489 full packets, as in htsim's experiments 490.
pub(super) const FLOW_BYTES: u64 = 2_000_000;

/// The largest datagram: 4096 bytes of message in each full packet.
pub(super) const MTU: u16 = 4160;

/// The fabric of htsim's experiments: three tiers, 100 Gb/s, 1 µs a hop.
pub(super) fn fabric(radix: u32, workload: Workload, policy: Policy) -> Scenario {
    let mut scenario = Scenario {
        topology: Topology::FatTree { tiers: 3, radix, oversubscription: 1 },
        workload,
        transport: Transport::with(policy),
        ..Scenario::default()
    };
    scenario.nic.mtu = MTU;
    scenario.nic.mtu_base = MTU;
    scenario
}

/// Says what [`fabric`] is.
pub(super) fn describe(figure: &mut Figure, scenario: &Scenario, hosts: u32) {
    let queues = &scenario.queues;
    figure.condition("fabric", format!("three-tier fat tree, {hosts} hosts, full bisection"));
    figure.condition("cables", "100 Gb/s, 1 µs: 12 µs there and back between pods");
    figure.condition(
        "queues",
        format!(
            "{} kB a port, drop-tail; ECN marks from {} kB, all from {} kB",
            queues.limit / 1000,
            queues.mark_min / 1000,
            queues.mark_max / 1000
        ),
    );
    figure.condition("packets", "4096 B of message, 64 B header and tag, 66 B Ethernet, IP, UDP");
    figure.condition(
        "timers",
        format!(
            "granularity {:?}, acknowledgements after {} packets or {:?}",
            scenario.transport.timer_granularity,
            scenario.transport.ack_every,
            scenario.transport.ack_delay
        ),
    );
}

/// How long the flows of a run took, in µs.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// Shortest first.
    pub sorted: Vec<f64>,
    /// The ideal of the whole.
    pub ideal: f64,
    /// Fragments sent again.
    pub resent: f64,
    /// Probe timeouts of paths.
    pub timeouts: f64,
}

impl Times {
    pub(super) fn of(outcome: &Outcome) -> Self {
        Self {
            sorted: outcome.durations().iter().map(|duration| duration.micros()).collect(),
            ideal: outcome.ideal.map_or(0.0, crate::engine::Picos::micros),
            resent: outcome.hosts.resent as f64,
            timeouts: outcome.hosts.timeouts as f64,
        }
    }

    pub(super) fn first(&self) -> f64 {
        self.sorted.first().copied().unwrap_or(0.0)
    }

    pub(super) fn last(&self) -> f64 {
        self.sorted.last().copied().unwrap_or(0.0)
    }

    pub(super) fn at(&self, share: f64) -> f64 {
        quantile(&self.sorted, share)
    }

    pub(super) fn mean(&self) -> f64 {
        self.sorted.iter().sum::<f64>() / self.sorted.len().max(1) as f64
    }
}

/// A panel whose x axis has names.
pub(super) fn bars(title: &str, x: &str, y: &str, unit: &str, series: Vec<Series>) -> Panel {
    Panel {
        title: title.to_owned(),
        x: Axis::new(x, "", AxisScale::Category),
        y: Axis::new(y, unit, AxisScale::Linear),
        series,
    }
}

/// A cumulative distribution of completion times, in hundredths.
pub(super) fn distribution(name: &str, sorted: &[f64]) -> Series {
    let mut series = Series::new(name, super::SeriesKind::Measured);
    for percent in 0..=100 {
        series.set(quantile(sorted, f64::from(percent) / 100.0), "", f64::from(percent));
    }
    series
}
