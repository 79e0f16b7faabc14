//! `[transport]`: the protocol's configuration, or a baseline.

use std::time::Duration;

use sealane_sim::engine::Picos;
use sealane_sim::scenario::{Policy, Transport};
use sealane_transport::CongestionPolicy;

use super::section::Section;
use super::source::Wrong;

/// Congestion controls: the policy's own, or by name.
const CONGESTION: [&str; 3] = ["policy", "nscc", "fixed"];

pub(super) fn read(section: &Section<'_>, usual: Transport) -> Result<Transport, Wrong> {
    let name = section.name("policy", &Policy::NAMES)?;
    let policy = name.parse::<Policy>().map_err(|problem| section.wrong("policy", &problem))?;
    let time = |key, usual: Duration| Ok(section.time(key)?.map_or(usual, duration));
    let congestion = match section.name("congestion", &CONGESTION)? {
        "nscc" => Some(CongestionPolicy::Nscc),
        "fixed" => {
            let window = section.size("window")?;
            Some(CongestionPolicy::Fixed(section.need("window", window, "bytes in flight")?))
        }
        _ => None,
    };
    Ok(Transport {
        policy,
        paths: section.whole("paths", 1..=256_u64)?.map_or(usual.paths, |paths| paths as usize),
        congestion,
        ack_every: section.whole("ack_every", 1..=64_u32)?.unwrap_or(usual.ack_every),
        ack_delay: time("ack_delay", usual.ack_delay)?,
        timer_granularity: time("timer_granularity", usual.timer_granularity)?,
        initial_rtt: time("initial_rtt", usual.initial_rtt)?,
        rto_min: time("rto_min", usual.rto_min)?,
        peer_timeout: time("peer_timeout", usual.peer_timeout)?,
        rekey_packets: section.whole("rekey_packets", 1..=u64::MAX)?,
        eager_budget: section.size("eager_budget")?.unwrap_or(usual.eager_budget),
    })
}

/// As the protocol counts time: in nanoseconds.
fn duration(time: Picos) -> Duration {
    Duration::from_nanos(time.0.div_ceil(1000))
}
