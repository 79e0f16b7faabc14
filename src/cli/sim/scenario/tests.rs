#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_sim::engine::Bandwidth;
use sealane_sim::fabric::Stage;
use sealane_sim::scenario::{FaultKind, Policy, Target, Topology, Workload};
use sealane_sim::workload::Repeat;

use super::*;

fn plan(text: &str) -> Plan {
    Source::from_text(text).plan(&[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn wrong(text: &str) -> String {
    match Source::from_text(text).plan(&[]) {
        Ok(plan) => panic!("this is no error: {text}\n{plan:?}"),
        Err(Wrong(said)) => said,
    }
}

#[test]
fn an_empty_file_is_the_default_scenario() {
    let plan = plan("");
    assert_eq!(plan.title, "test");
    assert_eq!(plan.scenario.workload, Workload::Permutation { bytes: 2_000_000 });
    assert_eq!(plan.scenario.graph().unwrap().hosts, 16);
    assert!(plan.axes.is_empty() && plan.seed.is_none());
}

#[test]
fn every_section_is_read() {
    let text = r#"
        title = "all of it"
        seed = 7
        limit = "3ms"
        handshakes = true
        fabric = { kind = "leaf-spine", leaves = 2, spines = 3, hosts_per_leaf = 4, rate = "25Gbps", delay = "2us", jitter = "10ns", overhead = 42 }
        queue = { limit = "100KB", mark_min = "10KB", mark_max = 20000, trim = true }
        cable = [{ between = ["leaf0", "spine1"], rate = "10Gbps", limit = "50KB" }]
        host = { ports = 4, mtu = 9000, ecn = false, payload = "full", seal_rate = "72Gbps", seal_packet = "100ns" }
        transport = { policy = "tcp-like", paths = 16, ack_every = 4, rto_min = "200ms", congestion = "fixed", window = "64KiB" }
        workload = { kind = "incast", senders = 3, target = 1, size = "1MiB", repeat = "each", times = 5 }
    "#;
    let Plan { title, scenario, seed, .. } = plan(text);
    assert_eq!((title.as_str(), seed), ("all of it", Some(7)));
    assert_eq!(scenario.limit, Picos::from_micros(3000));
    assert_eq!(scenario.sessions, Sessions::Handshake);
    assert_eq!(scenario.topology, Topology::LeafSpine { leaves: 2, spines: 3, hosts_per_leaf: 4 });
    assert_eq!(scenario.links.jitter, Picos::from_nanos(10));
    assert_eq!((scenario.wire_overhead, scenario.queues.mark_max), (42, 20_000));
    let cable = &scenario.cables[0];
    assert_eq!(cable.rate, Some(Bandwidth::from_gbps(10)));
    let queue = cable.queue.unwrap();
    assert_eq!((queue.limit, queue.mark_min, queue.trim), (50_000, 10_000, true));
    assert_eq!(
        (scenario.nic.mtu, scenario.nic.mtu_base, scenario.nic.phantom),
        (9000, 9000, false)
    );
    assert_eq!(scenario.nic.seal.packet, Picos::from_nanos(100));
    assert_eq!((scenario.transport.policy, scenario.transport.paths), (Policy::TcpLike, 16));
    assert_eq!(scenario.transport.rto_min.as_millis(), 200);
    assert_eq!(scenario.repeat, Repeat::Each(5));
    assert_eq!(scenario.workload, Workload::Incast { senders: 3, target: 1, bytes: 1 << 20 });
}

#[test]
fn faults_of_all_kinds_and_places() {
    let text = r#"
        fault = [
            { kind = "blackhole", cables = 2, start = "100us", duration = "200us" },
            { kind = "flapping", cable = ["edge0.0", "agg0.0"], down = "1us", up = "2us", duration = "1ms" },
            { kind = "rate", cables = "core", rate = "1Gbps" },
            { kind = "impair", one_way = ["host0", "edge0.0"], stages = ["loss gemodel 1% 10% 70% 0.1%", "reorder 0.25 gap 5 by 20us"] },
            { kind = "pause", host = 3, every = "1ms", duration = "10us", times = 3 },
            { kind = "partition", pair = [1, 2] },
            { kind = "loss", cables = "all", share = 0.01 },
            { switch = "core0" },
        ]
    "#;
    let faults = plan(text).scenario.faults;
    assert_eq!(faults[0].target, Target::AnyCables(2));
    assert_eq!(faults[0].duration, Some(Picos::from_micros(200)));
    let FaultKind::Impair(stages) = &faults[3].kind else { panic!("{:?}", faults[3]) };
    assert_eq!(stages[0], Stage::Gemodel { p: 0.01, r: 0.1, bad: 0.7, good: 0.001 });
    assert_eq!(faults[4].times, 3);
    assert_eq!(faults[5].target, Target::Pair { from: 1, to: 2 });
    assert_eq!(faults[6].kind, FaultKind::Impair(vec![Stage::Loss(0.01)]));
    assert_eq!(faults[7].kind, FaultKind::Blackhole);
}

#[test]
fn errors_name_line_key_and_what_is_allowed() {
    for (text, parts) in [
        ("\n\nspeed = 3", &["test.toml:3: speed: unknown key", "title, seed, limit", "fabric"][..]),
        (
            "[fabric]\nradix = 4\nradixx = 5",
            &["test.toml:3: fabric.radixx: unknown key", "tiers, radix"],
        ),
        (
            "[fabric]\nkind = \"torus\"",
            &["test.toml:2: fabric.kind: `torus` is none of: fat-tree, leaf"],
        ),
        (
            "[fabric]\ndelay = \"12 parsecs\"",
            &[":2: fabric.delay: `12 parsecs` is no time", "ns, us"],
        ),
        ("[fabric]\nrate = 100", &[":2: fabric.rate: `100` is no rate", "Gbps"]),
        ("[fabric]\n\nradix = 7", &[":1: fabric: ", "even number from 2 to 512"]),
        ("[transport]\npaths = 0", &[":2: transport.paths: 0 is not allowed", "from 1 to 256"]),
        ("[transport]\npaths = \"many\"", &["`many` is no whole number"]),
        ("[transport]\npolicy = \"reps\"", &["recycle, random, single, go-back-n, tcp-like"]),
        (
            "[transport]\ncongestion = \"fixed\"",
            &["transport.window: is missing", "bytes in flight"],
        ),
        ("[queue]\nmark_min = \"1MB\"", &[":2: queue.mark_min: 1000000 B lie above mark_max"]),
        ("[queue]\nlimit = 0", &[":2: queue.limit: "]),
        ("[workload]\nkind = \"incast\"\nsenders = 99", &[":1: workload: ", "1 to 15 can"]),
        ("[workload]\ntimes = 3", &[":2: workload.times: needs repeat"]),
        ("[workload]\nkind = \"flows\"", &["workload.flow: is missing", "[[workload.flow]]"]),
        (
            "[workload]\nkind = \"arrivals\"\nsizes = \"nowhere\"",
            &[":3: workload.sizes: cannot read"],
        ),
        (
            "[[fault]]\nkind = \"blackhole\"",
            &[":2: fault[0].kind: says where by exactly one of: cable"],
        ),
        ("[[fault]]\ncables = 1\nhost = 2", &["fault[0].host: says where by exactly one of"]),
        ("[[fault]]\ncables = \"some\"", &["all, core (between switches), host"]),
        (
            "[[fault]]\nkind = \"pause\"\nhost = 1\n\n[[fault]]\nkind = \"pause\"\nhost = 99",
            &[":5: fault: "],
        ),
        ("[[fault]]\nkind = \"loss\"\ncables = 1\nshare = 2", &["fault[0].share: `2` is no share"]),
        (
            "[[fault]]\nkind = \"impair\"\ncables = 1\nstages = [\"lose 1%\"]",
            &["loss gemodel P R", "reorder P"],
        ),
        ("[[cable]]\nbetween = [\"host0\", \"core7\"]", &[":1: cable: no node is named `core7`"]),
        ("[[cable]]\nbetween = \"host0\"", &["takes a list"]),
        ("fabric = 3", &["test.toml:1: fabric: write a section: [fabric]"]),
        ("fault = 3", &["write sections: [[fault]]"]),
        ("limit = \"0s\"", &["test.toml:1: limit: "]),
        ("handshakes = \"yes\"", &["none of: true, false"]),
        ("seed = -1", &["`-1` is no whole number"]),
        ("title = ", &["test.toml:1: "]),
        ("[fabric\nkind = 1", &["test.toml:1: "]),
    ] {
        let said = wrong(text);
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in: {said}\nof: {text}");
        }
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn lists_and_ranges_are_axes() {
    let source = Source::from_text(
        "[fabric]\ndelay = \"1us..3us/3\"\n[transport]\npolicy = [\"recycle\", \"single\"]\npaths = \"8..128\"",
    );
    let axes = source.plan(&[]).unwrap().axes;
    let keys: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
    assert_eq!(keys, ["fabric.delay", "transport.policy", "transport.paths"]);
    let numbers = |axis: &Axis| axis.values.iter().map(|v| v.number).collect::<Vec<_>>();
    assert_eq!((axes[0].unit, numbers(&axes[0])), ("µs", vec![Some(1.0), Some(2.0), Some(3.0)]));
    assert_eq!(numbers(&axes[1]), [None, None]);
    assert_eq!(numbers(&axes[2]), [8.0, 16.0, 32.0, 64.0, 128.0].map(Some), "by factors");
    let last = source.plan(&[2, 1, 4]).unwrap().scenario;
    assert_eq!(last.links.delay, Picos::from_micros(3));
    assert_eq!((last.transport.policy, last.transport.paths), (Policy::Single, 128));
}

#[test]
fn a_short_range_of_whole_numbers_has_each_once() {
    let axes = Source::from_text("[transport]\nack_every = \"1..3\"").plan(&[]).unwrap().axes;
    let texts: Vec<&str> = axes[0].values.iter().map(|value| value.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
}

#[test]
fn ranges_that_make_no_sense_are_told_so() {
    for (value, part) in [
        ("\"128..8\"", "a range rises"),
        ("\"8..128/1\"", "2 to 1000 values"),
        ("\"8..128/x\"", "2 to 1000 values"),
        ("\"8..many\"", "`many` is no whole number"),
        ("[]", "1 to 1000 values"),
        ("[8, [16]]", "holds no lists"),
        ("[8, 999]", "transport.paths"),
    ] {
        let source = Source::from_text(&format!("[transport]\npaths = {value}"));
        let said = source.plan(&[]).err().or_else(|| source.plan(&[1]).err()).unwrap().0;
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn every_value_of_a_stage_is_read_or_refused() {
    for text in [
        "loss 1%",
        "loss random 0.5",
        "loss gemodel 1% 10%",
        "corrupt 0.1%",
        "duplicate 1",
        "delay 10us",
        "delay 10us 5us",
        "reorder 25% by 20us",
        "reorder 25% gap 5 by 20us",
        "rate 10Gbps",
    ] {
        stage::parse(text).unwrap_or_else(|problem| panic!("{problem}"));
    }
    for text in [
        "",
        "loss",
        "loss 101%",
        "loss gemodel 1%",
        "delay",
        "reorder 1% gap 0 by 1us",
        "rate 0bps",
    ] {
        assert!(stage::parse(text).is_err(), "{text}");
    }
}

proptest::proptest! {
    /// Whatever stands in a file, it is read or refused, in one line.
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\[{0,2}(fabric|queue|cable|host|transport|workload|fault)\]{0,2}\n)?(kind|limit|rate|paths|cables|size|seed|stages) = ("[a-z0-9.%/]{0,12}"|-?[0-9]{1,20}|\[[0-9", ]{0,9}\]|[a-z]{1,5})\n?"#) {
        if let Err(Wrong(said)) = Source::from_text(&text).plan(&[]) {
            assert!(!said.contains('\n') && said.starts_with("test.toml:"), "{said}");
        }
    }
}

/// The keys that a section takes, as its error for an unknown one lists them.
fn keys(section: &str) -> Vec<String> {
    let said = wrong(&format!("{section}\nno_such_key = 1"));
    let (_, list) = said.split_once("takes here: ").unwrap_or_else(|| panic!("{said}"));
    list.split(", ").map(str::to_owned).collect()
}

/// One section of each kind, with what it must have.
const SECTIONS: [&str; 21] = [
    "",
    "[queue]",
    "[host]",
    "[transport]",
    "[transport]\ncongestion = \"fixed\"\nwindow = 1000",
    "[[cable]]\nbetween = [\"host0\", \"edge0.0\"]",
    "[fabric]\nkind = \"fat-tree\"",
    "[fabric]\nkind = \"leaf-spine\"",
    "[fabric]\nkind = \"dumbbell\"",
    "[fabric]\nkind = \"wire\"",
    "[workload]\nkind = \"permutation\"",
    "[workload]\nkind = \"incast\"",
    "[workload]\nkind = \"all-to-all\"",
    "[workload]\nkind = \"all-reduce\"",
    "[workload]\nkind = \"flows\"\n[[workload.flow]]\nfrom = 0\nto = 1",
    "[[fault]]\nkind = \"blackhole\"\ncables = \"all\"",
    "[[fault]]\nkind = \"flapping\"\ncable = [\"a\", \"b\"]\ndown = \"1us\"\nup = \"1us\"",
    "[[fault]]\nkind = \"loss\"\nswitch = \"core0\"\nshare = 0.5",
    "[[fault]]\nkind = \"impair\"\none_way = [\"a\", \"b\"]\nstages = [\"loss 1%\"]",
    "[[fault]]\nkind = \"pause\"\nhost = 1",
    "[[fault]]\nkind = \"partition\"\npair = [0, 1]",
];

#[test]
fn every_key_is_in_the_manual() {
    let manual = include_str!("../../../../docs/SIMULATION.md");
    let mut count = 0;
    for section in SECTIONS {
        for key in keys(section) {
            let forms = ["`KEY`", "`KEY = ", "`[KEY]`", "`[[KEY]]`"];
            let there = forms.iter().any(|form| manual.contains(&form.replace("KEY", &key)));
            assert!(there, "`{key}` of {section} is not in docs/SIMULATION.md");
            count += 1;
        }
    }
    assert!(count > 100, "{count} keys");
}
