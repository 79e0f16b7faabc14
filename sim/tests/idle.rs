//! Hosts that have nothing to say to each other for minutes, by seed: keys grow old meanwhile, and whatever is
//! sent next must arrive.
//!
//! `SEALANE_SEED=n cargo test -p sealane-sim --test idle` replays one seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::plan::{Command, Plan};
use common::{Run, for_seeds};
use sealane_sim::rng::Rng;
use sealane_sim::{Cluster, ClusterSettings};

const TEST: &str = "idle";

/// A few messages, each some minutes after the one before, in directions drawn from `rng`.
fn rare_messages(seed: u64, rng: &mut Rng) -> Plan {
    let mut plan = Plan { seed, ops: Vec::new(), commands: Vec::new() };
    let mut at = Duration::ZERO;
    for _ in 0..4 {
        let (from, length) = (rng.index(2), [8, 100_000][rng.index(2)]);
        let index = plan.one_way(from, 1 - from, length);
        plan.commands.extend([(at, Command::Post(index)), (at, Command::Send(index))]);
        // Below and above the lives of keys (120 s, 180 s) and of idle sessions (600 s).
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
