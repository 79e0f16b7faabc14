#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::*;
use crate::scenario::{Policy, Sessions};

/// Runs the seed in `SEALANE_SEED`, or `SEALANE_SEEDS` of them.
#[test]
fn seeds_leave_nothing_to_complain_of() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SEALANE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEALANE_SEEDS").unwrap_or(200),
    };
    for seed in seeds {
        let verdict = run(seed);
        assert!(
            verdict.is_clean(),
            "seed {seed}: {:#?}\n{}\nreplay: {}",
            verdict.violations,
            verdict.summary,
            replay_command(seed)
        );
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in 0..10 {
        assert_eq!(draw(seed).summary(), draw(seed).summary());
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn seeds_draw_from_everything_there_is() {
    let cases: Vec<Case> = (0..400).map(draw).collect();
    for case in &cases {
        case.scenario.check().unwrap_or_else(|error| panic!("{}: {error}", case.seed));
    }
    let policies: BTreeSet<Policy> =
        cases.iter().map(|case| case.scenario.transport.policy).collect();
    assert_eq!(policies.len(), Policy::ALL.len());
    let some = |test: &dyn Fn(&Case) -> bool| assert!(cases.iter().any(test));
    some(&|case| !case.crashed.is_empty());
    some(&|case| case.scenario.sessions == Sessions::Handshake);
    some(&|case| case.scenario.nic.phantom);
    some(&|case| case.scenario.transport.rekey_packets.is_some());
    some(&|case| case.scenario.faults.len() >= 3);
    some(&|case| case.scenario.links.jitter.0 > 0);
    some(&|case| matches!(case.scenario.workload, scenario::Workload::AllReduce { .. }));
}

/// The checkers are no decoration: what they look for, they find.
#[test]
fn checkers_see_what_they_are_for() {
    let mut case = draw(1);
    case.scenario = scenario::Scenario::default();
    case.scenario.limit = crate::engine::Picos::from_micros(20);
    let verdict = judge(&case, &mut crate::world::Silent);
    assert!(verdict.violations.iter().any(|what| what.contains("Deadline")), "{verdict:?}");
}

/// A path whose probe timeout had grown beyond the 200 ms between two questions of liveness: each answer, on
/// another path, started its clock anew, and what it had lost was never sent again.
#[test]
fn regression_answers_elsewhere_do_not_spare_a_silent_path_for_ever() {
    assert_eq!(run(3498).violations, [] as [String; 0]);
}

/// PARAMETERS that were lost in a blackout were repeated only after the handshake's deadline.
#[test]
fn regression_both_open_through_a_blackout() {
    assert_eq!(run(4874).violations, [] as [String; 0]);
}
