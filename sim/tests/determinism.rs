//! Equal seeds are equal runs: event by event, whatever the build and however many threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_sim::engine::Picos;
use sealane_sim::fabric::{Drop, LinkId, Packet, Stage, flow_hash};
use sealane_sim::scenario::{
    FaultKind, FaultSpec, Policy, Scenario, Target, Topology, Transport, Workload, run,
};
use sealane_sim::world::{Detail, Ended, Observer, World};
use sealane_transport::device::Ecn;

/// Something that happened, in words only when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Sent {
        host: u32,
        flow: u32,
        length: u16,
        ecn: Ecn,
    },
    Received {
        host: u32,
        flow: u32,
        length: u16,
        ecn: Ecn,
    },
    Dropped {
        link: LinkId,
        flow: u32,
        length: u16,
        cause: Drop,
    },
    Queued {
        link: LinkId,
        bytes: u64,
    },
    /// The digest of the fabric, in which every draw of a link's generator is.
    Digest(u64),
}

/// All that a run shows, in order.
#[derive(Debug, Default)]
struct Trace(Vec<(Picos, What)>);

impl Observer for Trace {
    fn detail(&self) -> Detail {
        Detail::Packets
    }

    fn inspect(&mut self, world: &World<'_>) {
        self.0.push((world.now, What::Digest(world.fabric.digest)));
    }

    fn sent(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        let (host, flow) = (packet.from.host, flow_hash(packet.from, packet.to));
        self.0.push((now, What::Sent { host, flow, length, ecn }));
    }

    fn received(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        let (host, flow) = (packet.to.host, flow_hash(packet.from, packet.to));
        self.0.push((now, What::Received { host, flow, length, ecn }));
    }

    fn dropped(&mut self, now: Picos, link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        let flow = flow_hash(packet.from, packet.to);
        self.0.push((now, What::Dropped { link, flow, length, cause }));
    }

    fn queued(&mut self, now: Picos, link: LinkId, bytes: u64) {
        self.0.push((now, What::Queued { link, bytes }));
    }
}

/// The first event in which two runs differ, with its number, in words; `None` if they are the same.
fn first_difference(one: &Trace, other: &Trace) -> Option<String> {
    let longest = one.0.len().max(other.0.len());
    let number = (0..longest).find(|number| one.0.get(*number) != other.0.get(*number))?;
    let say = |trace: &Trace| match trace.0.get(number) {
        Some((at, what)) => format!("{what:?} at {at}"),
        None => "the end".to_owned(),
    };
    Some(format!("event {number}: {} in one run, {} in the other", say(one), say(other)))
}

/// Four hosts, and a cable that loses, corrupts, duplicates and reorders.
fn scenario(policy: Policy, loss: f64) -> Scenario {
    let stages = vec![
        Stage::Loss(loss),
        Stage::Corrupt(0.02),
        Stage::Duplicate(0.02),
        Stage::Reorder { probability: 0.1, gap: 2, by: Picos::from_micros(30) },
    ];
    let bad = FaultSpec::lasting(Target::AnyCables(1), FaultKind::Impair(stages), Picos::ZERO);
    Scenario {
        topology: Topology::LeafSpine { leaves: 2, spines: 2, hosts_per_leaf: 2 },
        workload: Workload::Permutation { bytes: 300_000 },
        transport: Transport::with(policy),
        faults: vec![bad],
        ..Scenario::default()
    }
}

fn trace(scenario: &Scenario, seed: u64) -> Trace {
    let mut trace = Trace::default();
    let outcome = run(scenario, seed, &mut trace).unwrap();
    assert_eq!(outcome.ended, Ended::Done, "{:?}", outcome.errors);
    trace
}

#[test]
fn equal_seeds_are_equal_event_by_event() {
    for policy in Policy::ALL {
        let scenario = scenario(policy, 0.01);
        let one = trace(&scenario, 3);
        if let Some(difference) = first_difference(&one, &trace(&scenario, 3)) {
            panic!("{policy}, seed 3: {difference}");
        }
        assert!(one.0.len() > 1000, "{policy}: nothing was compared");
    }
}

/// Whoever breaks determinism learns where: the first draw that comes out otherwise is named, and all
/// before it was the same.
#[test]
fn the_first_differing_draw_is_named() {
    let (one, other) = (scenario(Policy::Recycle, 0.01), scenario(Policy::Recycle, 0.5));
    let (one, other) = (trace(&one, 3), trace(&other, 3));
    let difference = first_difference(&one, &other).expect("more is lost");
    let number = one.0.iter().zip(&other.0).position(|(one, other)| one != other).unwrap();
    assert!(number > 0 && difference.starts_with(&format!("event {number}: ")), "{difference}");
    let lost = |trace: &Trace| matches!(trace.0[number].1, What::Dropped { cause: Drop::Lost, .. });
    assert!(lost(&other) && !lost(&one), "the first loss of the lossier run: {difference}");
    let cut = Trace(one.0[..number].to_vec());
    assert!(first_difference(&one, &cut).unwrap().ends_with("the end in the other"));
}

/// Pinned: the whole protocol on the whole fabric, the same in debug and release, alone and beside other
/// runs. A change of the protocol or of the model changes the numbers; then look at what changed, and
/// pin again.
#[test]
fn whole_runs_are_pinned() {
    const PINNED: [(Policy, u64); 3] = [
        (Policy::Recycle, 0xa054_b67d_9cdd_7510),
        (Policy::Single, 0x9a4f_163e_2bc9_9aa3),
        (Policy::TcpLike, 0xa7ee_1b16_8617_222d),
    ];
    let digest = |policy| {
        let outcome = run(&scenario(policy, 0.01), 3, &mut sealane_sim::world::Silent).unwrap();
        (policy, u64::from_str_radix(&outcome.digest, 16).unwrap())
    };
    let alone = PINNED.map(|(policy, _)| digest(policy));
    let together = std::thread::scope(|scope| {
        let threads = PINNED.map(|(policy, _)| scope.spawn(move || digest(policy)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(alone, together);
    assert_eq!(alone, PINNED, "{alone:#x?}");
}
