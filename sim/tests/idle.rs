//! Hosts that have nothing to say to each other for minutes, or that are all stopped for a while, by seed: keys
//! grow old meanwhile, and whatever is sent next must arrive.
//!
//! `SEALANE_SEED=n cargo test -p sealane-sim --test idle` replays one seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::plan::{Command, Plan};
use common::{Run, for_seeds};
use sealane_sim::rng::Rng;
use sealane_sim::{Cluster, ClusterSettings, Rate};
use sealane_transport::Time;

const TEST: &str = "idle";

/// A few messages, each some minutes after the one before, in directions drawn from `rng`.
fn rare_messages(seed: u64, rng: &mut Rng) -> Plan {
    let mut plan = Plan { seed, ops: Vec::new(), commands: Vec::new() };
    let mut at = Duration::ZERO;
    for _ in 0..4 {
        let (from, length) = (rng.index(2), [8, 100_000][rng.index(2)]);
        let index = plan.one_way(from, 1 - from, length);
        plan.commands.extend([(at, Command::Post(index)), (at, Command::Send(index))]);
        // Below and above the lives of keys (120 s, and 60 s more) and of idle sessions (600 s).
        at += Duration::from_millis(1000 * [1, 130, 200, 400, 700][rng.index(5)] + rng.below(1000));
    }
    plan
}

/// Regression: looks at a key's age were 120 s apart from the session's start on, the age counted from the key's
/// first use. One used a moment after the start was not due at the first look and beyond its hard limit at the
/// second, so two ranks that were silent from before the one until after the other lost each other.
#[test]
fn what_is_sent_after_minutes_of_silence_arrives() {
    for_seeds(TEST, 20, |seed| {
        let mut rng = Rng::new(seed, 0x1d1e);
        let plan = rare_messages(seed, &mut rng);
        let mut settings = ClusterSettings { nodes: 2, seed, ..ClusterSettings::default() };
        settings.links.loss = [0.0, 0.02][rng.index(2)];
        let mut cluster = Cluster::new(&settings).unwrap();
        Run::new(&plan).complete(&mut cluster, Duration::from_secs(60), |_, _| {});
    });
}

/// Regression: as a scheduler stops a job and lets it go on (`scontrol suspend`), or a hypervisor its machines. What
/// nobody heard meanwhile is not silence.
#[test]
fn hosts_that_are_stopped_together_go_on() {
    for_seeds(TEST, 40, |seed| {
        let mut rng = Rng::new(seed, 0x5709);
        let mut plan = Plan { seed, ops: Vec::new(), commands: Vec::new() };
        plan.exchange(0, 1, 1000);
        for (from, to) in [(0, 1), (1, 0)] {
            let index = plan.one_way(from, to, 4 << 20);
            let at = Duration::from_millis(100);
            plan.commands.extend([(at, Command::Post(index)), (at, Command::Send(index))]);
        }
        let mut settings = ClusterSettings { nodes: 2, seed, ..ClusterSettings::default() };
        // By link: 4 MiB take 77 ms.
        let queue_bytes = 1 << 18;
        let rate = Rate { bytes_per_second: 12_500_000, queue_bytes, mark_bytes: queue_bytes / 4 };
        settings.links.rate = Some(rate);
        let mut cluster = Cluster::new(&settings).unwrap();
        let length = Duration::from_millis([500, 2000, 10_000, 200_000, 3_600_000][rng.index(5)]);
        let stopped_at = Time::ZERO + Duration::from_millis(98 + rng.below(60));
        let mut stop = Some(length);
        Run::new(&plan).complete(&mut cluster, Duration::from_secs(4000), |cluster, now| {
            if now >= stopped_at
                && let Some(length) = stop.take()
            {
                cluster.network.advance(now + length);
            }
        });
        assert_eq!(stop, None, "it was stopped");
    });
}
