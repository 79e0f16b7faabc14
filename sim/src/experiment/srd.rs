//! The two experiments of the SRD paper (Shalev et al., IEEE Micro 2020): an incast of 48 flows, and
//! eight servers that send to eight in another rack, sixteen ranks each.
//!
//! Every rank is an endpoint of its own, as a process is; the ranks of a server share its cable.

use crate::engine::{Bandwidth, Picos};
use crate::fabric::QueueSettings;
use crate::scenario::{Policy, Scenario, ScenarioError, Topology, Transport, Workload};
use crate::topology::{Cable, Graph, NodeId};
use crate::workload::{FlowSpec, Repeat};

use super::common::{FLOW_BYTES, MTU, Times, bars};
use super::measure::{Case, Samples, by_seed, measure, project};
use super::{Check, Figure, Options, Relation, Series, SeriesKind, Watch};

const POLICIES: [Policy; 2] = [Policy::Recycle, Policy::TcpLike];

/// Flows of each pair in turn.
const ROUNDS: u32 = 3;

/// Inside a server, from its cable to its ranks: memory, not a network.
const SERVER: QueueSettings =
    QueueSettings { limit: 64 << 20, mark_min: 40_000, mark_max: 150_000, trim: false };

pub(super) fn run(options: &Options, watch: &dyn Watch) -> Result<Figure, ScenarioError> {
    let mut figure = Figure::begin();
    let (ranks, servers, racks) = options.scaled((12, 4, (8, 16)), (3, 4, (2, 4)));
    let mut cases = Vec::new();
    let workloads = [
        ("incast, bursts", incast(servers, ranks), Repeat::Rounds(ROUNDS)),
        ("incast, continuous", incast(servers, ranks), Repeat::Each(ROUNDS)),
        ("rack to rack", rack_to_rack(racks.0, racks.1), Repeat::Each(ROUNDS)),
    ];
    for policy in POLICIES {
        for (name, (graph, flows), repeat) in &workloads {
            let scenario = scenario(graph.clone(), flows.clone(), *repeat, policy);
            cases.push(Case::new(format!("{name}, {policy}"), scenario));
        }
    }
    figure.condition("cables", "100 Gb/s, 1 µs; inside servers 400 Gb/s, 100 ns");
    figure.condition(
        "incast",
        format!("{} flows of 2 MB from {servers} servers to one", servers * ranks),
    );
    figure.condition(
        "rack to rack",
        format!("{} servers to as many, {} ranks each, full bisection", racks.0, racks.1),
    );
    figure.condition("tcp-like", "one path, Reno on loss alone, timeouts of 50 ms at least");
    figure.condition("flows", format!("{ROUNDS} of each pair in turn; bursts with a barrier"));
    let samples = measure(&mut figure, &cases, options, watch, |_, run| Times::of(run))?;
    let (ours, tcp) = samples.split_at(workloads.len());
    let names: Vec<&str> = workloads.iter().map(|(name, ..)| *name).collect();
    plot(&mut figure, &names, ours, tcp);
    for ((name, ours), tcp) in names.iter().zip(ours).zip(tcp) {
        check(&mut figure, name, ours, tcp);
    }
    figure.note(
        "The ideal gives all flows the same share of the busiest cable, so that all end together. The \
         paper's figures are of real machines; only ratios can be compared.",
    );
    figure.note(
        "The TCP-like baseline is our core with one path, no ECN, Reno and a floor below its timeouts; \
         it has neither TSO bursts nor a kernel's scheduling, which make TCP worse in the paper.",
    );
    Ok(figure)
}

fn scenario(graph: Graph, flows: Vec<FlowSpec>, repeat: Repeat, policy: Policy) -> Scenario {
    let mut scenario = Scenario {
        topology: Topology::Graph(graph),
        workload: Workload::Flows(flows),
        repeat,
        transport: Transport::with(policy),
        ..Scenario::default()
    };
    scenario.nic.mtu = MTU;
    scenario.nic.mtu_base = MTU;
    scenario
}

fn cable(a: u32, b: u32) -> Cable {
    Cable {
        a: NodeId(a),
        b: NodeId(b),
        rate: Bandwidth::from_gbps(100),
        delay: Picos::from_micros(1),
        jitter: Picos::ZERO,
        queue: None,
    }
}

/// A rank's way into its server.
fn inside(rank: u32, server: u32) -> Cable {
    let (rate, delay) = (Bandwidth::from_gbps(400), Picos::from_nanos(100));
    Cable { rate, delay, queue: Some(SERVER), ..cable(rank, server) }
}

fn flow(from: u32, to: u32) -> FlowSpec {
    FlowSpec { from, to, bytes: FLOW_BYTES, start: Picos::ZERO }
}

/// Servers under one switch, all of whose ranks send to one host.
fn incast(servers: u32, ranks: u32) -> (Graph, Vec<FlowSpec>) {
    let target = servers * ranks;
    let hosts = target + 1;
    let (server, top) = (|index: u32| hosts + index, hosts + servers);
    let mut switches: Vec<String> = (0..servers).map(|index| format!("server{index}")).collect();
    switches.push("tor".to_owned());
    let mut cables: Vec<Cable> =
        (0..target).map(|rank| inside(rank, server(rank / ranks))).collect();
    cables.push(cable(target, top));
    cables.extend((0..servers).map(|index| cable(server(index), top)));
    let flows = (0..target).map(|rank| flow(rank, target)).collect();
    (Graph { hosts, switches, cables }, flows)
}

/// Two racks of servers with as many spines as servers in a rack; each rank sends to its like.
fn rack_to_rack(servers: u32, ranks: u32) -> (Graph, Vec<FlowSpec>) {
    let (half, hosts) = (servers * ranks, 2 * servers * ranks);
    let server = |index: u32| hosts + index;
    let leaf = |rack: u32| hosts + 2 * servers + rack;
    let spine = |index: u32| hosts + 2 * servers + 2 + index;
    let mut switches: Vec<String> =
        (0..2 * servers).map(|index| format!("server{index}")).collect();
    switches.extend((0..2).map(|rack| format!("leaf{rack}")));
    switches.extend((0..servers).map(|index| format!("spine{index}")));
    let mut cables: Vec<Cable> =
        (0..hosts).map(|rank| inside(rank, server(rank / ranks))).collect();
    cables.extend((0..2 * servers).map(|index| cable(server(index), leaf(index / servers))));
    for rack in 0..2 {
        cables.extend((0..servers).map(|index| cable(leaf(rack), spine(index))));
    }
    let flows = (0..half).map(|rank| flow(rank, half + rank)).collect();
    (Graph { hosts, switches, cables }, flows)
}

/// The ideal of one round.
fn ideal(times: &Times) -> f64 {
    times.ideal / f64::from(ROUNDS)
}

fn plot(figure: &mut Figure, names: &[&str], ours: &[Samples<Times>], tcp: &[Samples<Times>]) {
    let mut median = Series::new("Sealane, median", SeriesKind::Measured);
    let mut longest = Series::new("Sealane, longest", SeriesKind::Measured);
    let mut mean = Series::new("TCP-like, mean", SeriesKind::Measured);
    let mut tail = Series::new("TCP-like, longest", SeriesKind::Measured);
    let mut whole = Series::new("ideal", SeriesKind::Ideal);
    for (index, name) in names.iter().enumerate() {
        let x = index as f64;
        median.push(x, name, &project(&ours[index], |times| times.at(0.5) / ideal(times)));
        longest.push(x, name, &project(&ours[index], |times| times.last() / ideal(times)));
        mean.push(x, name, &project(&tcp[index], |times| times.mean() / ideal(times)));
        tail.push(x, name, &project(&tcp[index], |times| times.last() / ideal(times)));
        whole.set(x, name, 1.0);
    }
    let series = vec![median, longest, mean, tail, whole];
    let mut panel = bars("Completion of 2 MB flows", "", "completion ÷ ideal", "", series);
    panel.y.scale = super::AxisScale::Log;
    figure.panels.push(panel);
}

fn check(figure: &mut Figure, name: &str, ours: &Samples<Times>, tcp: &Samples<Times>) {
    let over = by_seed(ours, ours, |times, _| times.at(0.5) / ideal(times));
    figure.checks.push(
        Check::new(format!("{name}: our median ÷ ideal"), &over, Relation::AtMost, 1.15, "")
            .published("1.15 (SRD, rack to rack); TCP 1.5"),
    );
    let below = by_seed(ours, tcp, |ours, tcp| ours.last() / tcp.mean());
    figure.checks.push(
        Check::new(
            format!("{name}: our longest ÷ TCP-like mean"),
            &below,
            Relation::AtMost,
            1.0,
            "",
        )
        .published("below 1 (SRD's longest against TCP's mean)"),
    );
}
