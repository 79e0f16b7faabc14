#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use sealane_sim::fabric::Stage;
use sealane_sim::scenario::{self, FaultKind, FaultSpec, Scenario, Target, Topology, Workload};
use serde_json::Value;

use super::*;

/// A scenario with drops, copies and damage, and its traces.
fn traced(phantom: bool, packets: u64) -> (Vec<u8>, Value, scenario::Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let (pcapng, perfetto) = (folder.path().join("a.pcapng"), folder.path().join("a.json"));
    let stages = vec![Stage::Loss(0.02), Stage::Corrupt(0.01), Stage::Duplicate(0.02)];
    let mut scenario = Scenario {
        topology: Topology::LeafSpine { leaves: 2, spines: 2, hosts_per_leaf: 2 },
        workload: Workload::AllToAll { bytes: 40_000 },
        faults: vec![
            FaultSpec::lasting(Target::CoreCables, FaultKind::Impair(stages), Picos::ZERO),
            FaultSpec::passing(
                Target::AnyCables(1),
                FaultKind::Blackhole,
                Picos::from_micros(5),
                Picos::from_micros(20),
            ),
        ],
        ..Scenario::default()
    };
    scenario.nic.phantom = phantom;
    let options = TraceOptions {
        pcapng: Some(pcapng.clone()),
        perfetto: Some(perfetto.clone()),
        trace_packets: packets,
    };
    let mut traces = Traces::create(&options, scenario.wire_overhead).unwrap();
    let outcome = scenario::run(&scenario, 3, &mut traces).unwrap();
    assert!(!traces.failed());
    traces.finish().unwrap();
    let json = serde_json::from_slice(&std::fs::read(perfetto).unwrap()).unwrap();
    (std::fs::read(pcapng).unwrap(), json, outcome)
}

/// The blocks of a pcapng file: type and body.
fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut found) = (0, Vec::new());
    while at < file.len() {
        let length = word(at + 4) as usize;
        assert!(length.is_multiple_of(4) && length >= 12, "{length} at {at}");
        assert_eq!(word(at + length - 4) as usize, length, "both lengths of a block are one");
        found.push((word(at), &file[at + 8..at + length - 4]));
        at += length;
    }
    assert_eq!(at, file.len());
    found
}

/// A packet of a pcapng file.
struct Captured<'a> {
    interface: u32,
    nanos: u64,
    whole: u32,
    bytes: &'a [u8],
    direction: u32,
}

fn captured(body: &[u8]) -> Captured<'_> {
    let word = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
    let length = word(12) as usize;
    let options = 20 + length.next_multiple_of(4);
    assert_eq!(word(options), u32::from(4_u16) << 16 | 2, "the flags option, four bytes");
    Captured {
        interface: word(0),
        nanos: u64::from(word(4)) << 32 | u64::from(word(8)),
        whole: word(16),
        bytes: &body[20..20 + length],
        direction: word(options + 4),
    }
}

#[test]
fn a_capture_has_every_packet_at_both_of_its_hosts() {
    for phantom in [true, false] {
        let (file, _, outcome) = traced(phantom, u64::MAX);
        let blocks = blocks(&file);
        assert_eq!(blocks[0].0, 0x0A0D_0D0A);
        assert_eq!(&blocks[0].1[..4], 0x1A2B_3C4D_u32.to_le_bytes());
        assert_eq!(blocks[1..5].iter().filter(|(kind, _)| *kind == 1).count(), 4, "a host each");
        let packets: Vec<_> = blocks[5..].iter().map(|(_, body)| captured(body)).collect();
        assert!(packets.windows(2).all(|pair| pair[0].nanos <= pair[1].nanos));
        let passed = |way| packets.iter().filter(|packet| packet.direction == way).count() as u64;
        assert_eq!(passed(2), outcome.fabric.injected);
        assert_eq!(passed(1), outcome.fabric.delivered);
        for packet in &packets {
            assert_eq!(
                u32::from(u16::from_be_bytes([packet.bytes[2], packet.bytes[3]])),
                packet.whole
            );
            let words =
                packet.bytes[..20].chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
            let sum: u32 = words.sum();
            assert_eq!((sum & 0xFFFF) + (sum >> 16), 0xFFFF, "the checksum of the IP header");
            let end = if packet.direction == 2 { 12 } else { 16 };
            let host = u32::from_be_bytes([
                0,
                packet.bytes[end + 1],
                packet.bytes[end + 2],
                packet.bytes[end + 3],
            ]);
            assert_eq!(host - 1, packet.interface, "its own host's interface");
            assert!(phantom || packet.bytes.len() as u32 == packet.whole, "full packets are whole");
        }
        assert!(
            !phantom || packets.iter().any(|packet| (packet.bytes.len() as u32) < packet.whole)
        );
    }
}

#[test]
fn a_trace_for_perfetto_keeps_its_slices_apart() {
    let (_, json, outcome) = traced(true, u64::MAX);
    let events = json["traceEvents"].as_array().unwrap();
    let phase = |name: &str| events.iter().filter(|e| e["ph"] == name).collect::<Vec<_>>();
    let slices = phase("X");
    assert_eq!(slices.len() as u64, outcome.fabric.injected + outcome.fabric.delivered);
    let mut ends: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    for slice in &slices {
        let place = (slice["pid"].as_u64().unwrap(), slice["tid"].as_u64().unwrap());
        let start = slice["ts"].as_f64().unwrap();
        let end = ends.entry(place).or_default();
        assert!(start >= *end - 1e-6, "{slice} begins before {end}");
        *end = start + slice["dur"].as_f64().unwrap();
    }
    let ids = |name| phase(name).iter().map(|e| e["id"].as_u64().unwrap()).collect::<BTreeSet<_>>();
    assert!(ids("f").is_subset(&ids("s")) && ids("f").len() as u64 > outcome.fabric.delivered / 2);
    let drops =
        phase("i").iter().filter(|e| e["name"].as_str().unwrap().starts_with("drop")).count();
    assert!(drops > 0 && drops as u64 <= outcome.fabric.dropped(), "{drops} drops");
    assert_eq!(phase("b").len(), 12, "a flow each");
    assert!(phase("C").len() > 100 && phase("M").len() > 5);
    let faults = phase("i").iter().filter(|e| e["s"] == "g").count();
    assert!(faults >= 3, "{faults} faults");
}

#[test]
fn a_trace_ends_where_it_was_told_to() {
    let (file, json, outcome) = traced(true, 10);
    let outbound =
        blocks(&file)[5..].iter().filter(|(_, body)| captured(body).direction == 2).count();
    assert_eq!(outbound, 10);
    assert!(outcome.fabric.injected > 10);
    assert!(json["traceEvents"].as_array().unwrap().len() < 200);
}

#[test]
fn a_file_that_cannot_be_made_is_said_before_the_run() {
    let options = TraceOptions {
        pcapng: Some("/nowhere/at/all.pcapng".into()),
        perfetto: None,
        trace_packets: 1,
    };
    let failure = Traces::create(&options, 0).unwrap_err().to_string();
    assert!(failure.contains("/nowhere/at/all.pcapng"), "{failure}");
}
