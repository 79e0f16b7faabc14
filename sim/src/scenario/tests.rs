#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::fabric::Stage;
use crate::workload::FlowSpec;
use crate::world::{Ended, Silent};

fn small() -> Scenario {
    Scenario {
        topology: Topology::LeafSpine { leaves: 2, spines: 2, hosts_per_leaf: 2 },
        workload: Workload::Permutation { bytes: 300_000 },
        ..Scenario::default()
    }
}

#[test]
fn a_scenario_runs_to_its_end_and_says_what_happened() {
    let outcome = run(&small(), 1, &mut Silent).unwrap();
    assert_eq!((outcome.ended, outcome.done, outcome.unfinished()), (Ended::Done, (4, 4), 0));
    assert_eq!(outcome.durations().len(), 4);
    let ideal = outcome.ideal.unwrap();
    let last = *outcome.durations().last().unwrap();
    assert!(last >= ideal && last.0 < 2 * ideal.0, "{last} against {ideal}");
    assert!(outcome.violations.is_empty() && outcome.errors.is_empty());
    let up = outcome.links.iter().find(|link| link.name == "host0>leaf0#0").unwrap();
    assert!(up.packets >= 74 && up.bytes > 300_000, "{up:?}");
    assert_eq!(run(&small(), 1, &mut Silent).unwrap(), outcome, "again, the same");
    assert_ne!(run(&small(), 2, &mut Silent).unwrap().digest, outcome.digest);
}

#[test]
fn no_algorithm_beats_a_collectives_ideal() {
    let named = |name: &str| Some(name.to_owned());
    let reduce = |name, bytes| Workload::AllReduce { bytes, ranks: 4, algorithm: name };
    let exchange = |name, bytes| Workload::CollectiveAllToAll { bytes, ranks: 4, algorithm: name };
    for bytes in [4, 4096, 1 << 20] {
        for workload in [
            reduce(None, bytes),
            reduce(named("recursive_doubling"), bytes),
            reduce(named("halving_doubling"), bytes),
            exchange(None, bytes),
            exchange(named("pairwise"), bytes),
            exchange(named("bruck"), bytes),
        ] {
            let outcome = run(&Scenario { workload, ..small() }, 1, &mut Silent).unwrap();
            let ideal = outcome.ideal.expect("every collective has an ideal");
            let [call] = outcome.collectives[..] else { panic!("{:?}", outcome.collectives) };
            assert!(ideal > Picos::ZERO && call >= ideal, "{bytes} B: {call} against {ideal}");
            assert!(bytes < 1 << 20 || call.0 < 4 * ideal.0, "{bytes} B: {call} against {ideal}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_named() {
    let flow = |from, to| FlowSpec { from, to, bytes: 1, start: Picos::ZERO };
    let fault = |target, kind| vec![FaultSpec::lasting(target, kind, Picos::ZERO)];
    let named = |name: &str| Target::Switch(name.to_owned());
    let tree = |tiers, radix| Topology::FatTree { tiers, radix, oversubscription: 1 };
    let reduce = |ranks, bytes, name: &str| Workload::AllReduce {
        ranks,
        bytes,
        algorithm: Some(name.to_owned()),
    };
    let cases: Vec<(Scenario, Part, &str)> = vec![
        (Scenario { topology: tree(4, 4), ..small() }, Part::Topology, "2 or 3 tiers"),
        (Scenario { topology: tree(3, 5), ..small() }, Part::Topology, "even number"),
        (Scenario { topology: tree(3, 512), ..small() }, Part::Topology, "more than"),
        (
            Scenario { workload: Workload::Flows(vec![flow(1, 1)]), ..small() },
            Part::Workload,
            "host 1 to host 1",
        ),
        (Scenario { workload: Workload::Flows(vec![]), ..small() }, Part::Workload, "0 flows"),
        (
            Scenario { workload: reduce(9, 64, "ring"), ..small() },
            Part::Workload,
            "9 ranks on 4 hosts",
        ),
        (
            Scenario { workload: reduce(4, 64, "rings"), ..small() },
            Part::Workload,
            "allreduce is done by one of ring",
        ),
        (Scenario { workload: reduce(4, 63, "ring"), ..small() }, Part::Workload, "whole number"),
        (
            Scenario { faults: fault(named("leaf7"), FaultKind::Blackhole), ..small() },
            Part::Fault(0),
            "`leaf7`",
        ),
        (
            Scenario { faults: fault(Target::Host(4), FaultKind::Pause), ..small() },
            Part::Fault(0),
            "none of 0 to 3",
        ),
        (
            Scenario { faults: fault(Target::AnyCables(9), FaultKind::Blackhole), ..small() },
            Part::Fault(0),
            "of the 4 between",
        ),
        (
            Scenario { faults: fault(Target::AllCables, FaultKind::Crash), ..small() },
            Part::Fault(0),
            "only a host",
        ),
    ];
    for (scenario, part, text) in cases {
        let error = scenario.check().unwrap_err();
        assert_eq!(error.part, part, "{error}");
        assert!(error.problem.contains(text), "{error}");
        assert_eq!(run(&scenario, 1, &mut Silent).unwrap_err(), error);
    }
    let mut scenario = small();
    scenario.transport.paths = 257;
    assert_eq!(scenario.check().unwrap_err().part, Part::Transport);
    scenario = small();
    scenario.nic.mtu = 100;
    assert_eq!(scenario.check().unwrap_err().part, Part::Nic);
    scenario = small();
    let (a, b) = ("leaf0".to_owned(), "leaf1".to_owned());
    scenario.cables.push(CableOverride { a, b, ..CableOverride::default() });
    assert_eq!(scenario.check().unwrap_err().part, Part::Cable(0));
}

#[test]
fn every_policy_moves_everything_through_loss_and_flapping() {
    for policy in Policy::ALL {
        assert_eq!(policy.name().parse(), Ok(policy));
        let mut scenario = small();
        scenario.transport = Transport::with(policy);
        scenario.nic.phantom = false;
        let loss = FaultKind::Impair(vec![Stage::Loss(0.02)]);
        let flap =
            FaultKind::Flapping { down: Picos::from_micros(50), up: Picos::from_micros(100) };
        let (start, end) = (Picos::from_micros(10), Picos::from_micros(2000));
        scenario.faults = vec![
            FaultSpec::lasting(Target::CoreCables, loss, Picos::ZERO),
            FaultSpec::passing(Target::AnyCables(1), flap, start, end),
        ];
        let outcome = run(&scenario, 3, &mut Silent).unwrap();
        assert_eq!(outcome.ended, Ended::Done, "{policy}: {:?}", outcome.errors);
        assert!(outcome.violations.is_empty(), "{policy}: {:?}", outcome.violations);
        assert!(outcome.fabric.lost > 0, "{policy}");
    }
}

/// One packet is lost: selective repeat sends one again, go-back-N all that followed.
#[test]
fn going_back_sends_again_what_had_arrived() {
    let resent = [Policy::Single, Policy::GoBackN].map(|policy| {
        let mut scenario = small();
        let flow = FlowSpec { from: 0, to: 3, bytes: 2_000_000, start: Picos::ZERO };
        scenario.workload = Workload::Flows(vec![flow]);
        scenario.transport = Transport::with(policy);
        let loss = FaultKind::Impair(vec![Stage::Loss(0.004)]);
        scenario.faults = vec![FaultSpec::lasting(Target::CoreCables, loss, Picos::ZERO)];
        let outcome = run(&scenario, 5, &mut Silent).unwrap();
        assert_eq!(outcome.ended, Ended::Done);
        assert!(outcome.fabric.lost > 0);
        outcome.hosts.resent
    });
    assert!(resent[1] > 5 * resent[0], "{resent:?}");
}

#[test]
fn a_tcp_like_timeout_is_not_shorter_than_its_floor() {
    let mut scenario = small();
    let flow = FlowSpec { from: 0, to: 3, bytes: 20_000, start: Picos::ZERO };
    scenario.workload = Workload::Flows(vec![flow]);
    scenario.transport = Transport::with(Policy::TcpLike);
    // The whole flow is lost at once: nothing but a timeout finds out.
    let (start, end) = (Picos::ZERO, Picos::from_micros(100));
    let hole = FaultSpec::passing(Target::CoreCables, FaultKind::Blackhole, start, end);
    scenario.faults = vec![hole];
    let outcome = run(&scenario, 1, &mut Silent).unwrap();
    let duration = outcome.flows[0].duration().unwrap();
    let floor = Picos::from(scenario.transport.rto_min);
    assert!(duration >= floor && duration.0 < 4 * floor.0, "{duration}");
    scenario.transport = Transport::default();
    let outcome = run(&scenario, 1, &mut Silent).unwrap();
    let ours = outcome.flows[0].duration().unwrap();
    assert!(ours.0 * 2 < floor.0, "{ours}");
}

#[test]
fn flows_arrive_at_random_and_load_the_hosts_as_asked() {
    let text = "# bytes share\n1000 0.5\n10000 0.9\n100000 1";
    let sizes: crate::workload::SizeDistribution =
        crate::workload::SizeDistribution::parse(text).unwrap();
    assert_eq!(crate::workload::SizeDistribution::parse(&sizes.text()).unwrap(), sizes);
    let mean = sizes.mean();
    assert!((8_000..9_000).contains(&mean), "{mean}");
    let arrivals = Workload::Arrivals { sizes, load: 0.3, flows: 400 };
    let scenario = Scenario { workload: arrivals, ..small() };
    let outcome = run(&scenario, 1, &mut Silent).unwrap();
    assert_eq!((outcome.ended, outcome.done), (Ended::Done, (400, 400)));
    let end = outcome.flows.last().unwrap().started.seconds();
    let bytes: u64 = outcome.flows.iter().map(|flow| flow.spec.bytes).sum();
    let load = bytes as f64 * 8.0 / end / 400e9;
    assert!((0.2..0.4).contains(&load), "{load}");
    for (text, line, part) in [
        ("", 0, "no line"),
        ("1000", 1, "BYTES SHARE"),
        ("1000 0.5\n900 1", 2, "grow"),
        ("1000 0.5", 1, "last share"),
        ("x 1", 1, "whole bytes"),
    ] {
        let error = crate::workload::SizeDistribution::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.problem.contains(part), "{error}");
    }
}

#[test]
fn collectives_come_to_the_right_sums_and_blocks() {
    let reduce = |name: &str| Workload::AllReduce {
        bytes: 40_000,
        ranks: 4,
        algorithm: Some(name.to_owned()),
    };
    let exchange = Workload::CollectiveAllToAll { bytes: 10_000, ranks: 4, algorithm: None };
    for workload in [reduce("ring"), reduce("recursive_doubling"), exchange] {
        let mut scenario = Scenario { workload, repeat: Repeat::Rounds(3), ..small() };
        scenario.nic.phantom = false;
        let loss = FaultKind::Impair(vec![Stage::Loss(0.01), Stage::Duplicate(0.1)]);
        scenario.faults = vec![FaultSpec::lasting(Target::AllCables, loss, Picos::ZERO)];
        let outcome = run(&scenario, 9, &mut Silent).unwrap();
        assert_eq!((outcome.ended, outcome.done), (Ended::Done, (3, 3)), "{:?}", outcome.errors);
        assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    }
}

#[test]
fn an_observer_sees_everything_and_changes_nothing() {
    #[derive(Default)]
    struct Count {
        sent: u64,
        received: u64,
        dropped: u64,
        queued: u64,
        flows: [u64; 2],
        faults: u64,
        shown: u64,
        hosts: u32,
    }
    impl Observer for Count {
        fn detail(&self) -> crate::world::Detail {
            crate::world::Detail::Packets
        }
        fn begin(&mut self, graph: &Graph) {
            self.hosts = graph.hosts;
        }
        fn sent(
            &mut self,
            _: Picos,
            _: &crate::fabric::Packet,
            _: u16,
            _: sealane_transport::device::Ecn,
        ) {
            self.sent += 1;
        }
        fn received(
            &mut self,
            _: Picos,
            _: &crate::fabric::Packet,
            _: u16,
            _: sealane_transport::device::Ecn,
        ) {
            self.received += 1;
        }
        fn dropped(
            &mut self,
            _: Picos,
            _: crate::fabric::LinkId,
            _: &crate::fabric::Packet,
            _: u16,
            _: crate::fabric::Drop,
        ) {
            self.dropped += 1;
        }
        fn queued(&mut self, _: Picos, _: crate::fabric::LinkId, _: u64) {
            self.queued += 1;
        }
        fn flow_started(&mut self, _: &crate::workload::FlowResult) {
            self.flows[0] += 1;
        }
        fn flow_ended(&mut self, _: &crate::workload::FlowResult) {
            self.flows[1] += 1;
        }
        fn fault(&mut self, _: Picos, _: &crate::world::Fault, _: bool) {
            self.faults += 1;
        }
        fn inspect(&mut self, _: &World<'_>) {
            self.shown += 1;
        }
    }
    let mut scenario = small();
    let loss = FaultKind::Impair(vec![Stage::Loss(0.05)]);
    scenario.faults = vec![FaultSpec::lasting(Target::CoreCables, loss, Picos::ZERO)];
    let mut count = Count::default();
    let watched = run(&scenario, 1, &mut count).unwrap();
    assert_eq!(run(&scenario, 1, &mut Silent).unwrap(), watched);
    let fabric = watched.fabric;
    assert_eq!(count.sent, fabric.injected);
    assert_eq!(count.dropped, fabric.dropped());
    assert!(fabric.lost > 0 && count.received <= fabric.delivered);
    assert!(count.received + count.dropped >= count.sent - fabric.duplicated - 64);
    assert!(count.queued > count.sent && count.shown > 0);
    assert_eq!((count.flows, count.faults, count.hosts), ([4, 4], 8, 4));
}

/// A run that is told to stop keeps what it has.
#[test]
fn an_interrupted_run_keeps_what_it_has() {
    struct Impatient;
    impl Observer for Impatient {
        fn progress(&mut self, progress: &crate::world::Progress) -> std::ops::ControlFlow<()> {
            assert!(progress.all > 0);
            std::ops::ControlFlow::Break(())
        }
    }
    let mut scenario = small();
    scenario.workload = Workload::AllToAll { bytes: 3_000_000 };
    let outcome = run(&scenario, 1, &mut Impatient).unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted);
    assert!(outcome.unfinished() > 0 && outcome.events > 0 && !outcome.flows.is_empty());
}
