#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealane_transport::device::Ecn;

use super::*;
use crate::topology::{Dumbbell, FatTree, LeafSpine, Links};

const LINKS: Links = Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1));
const QUEUE: QueueSettings =
    QueueSettings { limit: 100_000, mark_min: 20_000, mark_max: 80_000, trim: false };

struct Run {
    fabric: Fabric,
    queue: EventQueue<Happening>,
    now: Picos,
}

impl Run {
    fn new(graph: &Graph, queue: QueueSettings, seed: u64) -> Self {
        let fabric = Fabric::new(graph, &queue, 66, seed);
        Self { fabric, queue: EventQueue::default(), now: Picos::ZERO }
    }

    fn send(&mut self, from: u32, to: u32, port: u16, length: u16) {
        let from = Address { host: from, port };
        let packet = self.fabric.packets.take(from, Address { host: to, port: 0 }, &[0; 48], &[]);
        let times = (self.now, Picos::ZERO);
        self.fabric.inject(times, packet, (length, Ecn::Ect0), &mut self.queue);
    }

    /// Runs to the end: who got what, marked or not, when.
    fn finish(&mut self) -> Vec<(Picos, u32, u16, Ecn)> {
        let mut arrived = Vec::new();
        while let Some((at, event)) = self.queue.pop(Picos::MAX) {
            self.now = at;
            let Happening::Arrive(flight) = event else { panic!("{event:?}") };
            if let Some(host) = self.fabric.arrive(at, flight, &mut self.queue) {
                arrived.push((at, host, flight.length, flight.ecn));
                self.fabric.packets.free(flight.packet);
            }
        }
        assert!(self.fabric.packets.is_empty(), "every packet is accounted for");
        arrived
    }
}

#[test]
fn a_packet_takes_serialisation_and_propagation_at_every_hop() {
    let graph = FatTree { radix: 4, oversubscription: 1, links: LINKS }.graph();
    let mut run = Run::new(&graph, QUEUE, 1);
    run.send(0, 15, 0, 4150 - 66);
    let arrived = run.finish();
    let hop = Picos(332_000) + Picos::from_micros(1);
    assert_eq!(arrived, [(Picos(hop.0 * 6), 15, 4084, Ecn::Ect0)]);
}

#[test]
fn a_full_queue_drops_and_a_long_one_marks() {
    let graph = Dumbbell { pairs: 4, bottleneck: Bandwidth::from_gbps(10), links: LINKS }.graph();
    let mut run = Run::new(&graph, QUEUE, 1);
    for _ in 0..30 {
        for host in 0..4 {
            run.send(host, 4 + host, 0, 1434);
        }
    }
    let arrived = run.finish();
    let counters = run.fabric.counters;
    assert_eq!(arrived.len() as u64 + counters.overflowed, 120);
    assert!(counters.overflowed > 20, "{counters:?}");
    assert_eq!(arrived.iter().filter(|a| a.3 == Ecn::Ce).count() as u64, counters.marked);
    let middle = graph.cables.len() - 1;
    let longest = run.fabric.link_counters()[2 * middle].longest;
    let bytes = Bandwidth::from_gbps(10).bytes_in(longest);
    assert!((98_500..=100_000).contains(&bytes), "{longest}");
    assert!(arrived.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn a_trimmed_packet_overtakes_as_a_header() {
    let graph = Dumbbell { pairs: 1, bottleneck: Bandwidth::from_gbps(10), links: LINKS }.graph();
    let mut run = Run::new(&graph, QueueSettings { trim: true, limit: 10_000, ..QUEUE }, 1);
    for _ in 0..10 {
        run.send(0, 1, 0, 1934);
    }
    let arrived = run.finish();
    assert_eq!(arrived.len(), 10, "nothing is lost");
    assert!(run.fabric.counters.trimmed > 0);
    let last = arrived.last().unwrap();
    assert_eq!(last.2, 1934, "the last to arrive was queued in full");
}

/// Of a packet without payload, header, frames and tag are 64 bytes: cut to that, it was whole, and its
/// receiver took it for an empty piece of a message. Found by swarm seed 40.
#[test]
fn regression_a_trimmed_packet_without_payload_is_not_whole() {
    let mut pool = PacketPool::default();
    for kept in [64, 100, 300] {
        let bytes: Vec<u8> = (0..kept).map(|byte| byte as u8).collect();
        let id = pool.take(Address::default(), Address::default(), &bytes, &[]);
        pool[id].cut(64);
        let mut out = [0; 64];
        pool[id].write_to(&mut out);
        assert_eq!(out[..63], bytes[..63]);
        assert_ne!(out[63], bytes[63]);
    }
}

#[test]
fn five_tuples_spread_and_each_keeps_its_way() {
    let graph = LeafSpine { leaves: 2, spines: 8, hosts_per_leaf: 1, links: LINKS }.graph();
    let mut run = Run::new(&graph, QUEUE, 9);
    for port in 0..256 {
        run.send(0, 1, port, 100);
        run.send(0, 1, port, 100);
    }
    run.finish();
    let up: Vec<u64> = (2..10).map(|c| run.fabric.link_counters()[2 * c].packets).collect();
    assert_eq!(up.iter().sum::<u64>(), 512);
    assert!(up.iter().all(|packets| packets % 2 == 0), "{up:?}");
    assert!(up.iter().all(|packets| (30..100).contains(packets)), "{up:?}");
}

#[test]
fn a_dead_cable_loses_what_is_on_it_and_what_comes() {
    let graph = crate::topology::wire(LINKS);
    let mut run = Run::new(&graph, QUEUE, 1);
    run.send(0, 1, 0, 1000);
    run.fabric.set_up(LinkId(0), false);
    run.send(0, 1, 0, 1000);
    run.send(1, 0, 0, 1000);
    assert_eq!(run.finish().len(), 1, "the other direction lives");
    assert_eq!(run.fabric.counters.blackholed, 2);
    run.fabric.set_up(LinkId(0), true);
    run.fabric.partition(0, 1);
    run.send(0, 1, 0, 1000);
    run.fabric.heal(0, 1);
    run.send(0, 1, 0, 1000);
    assert_eq!(run.finish().len(), 1);
}

fn impaired(stages: Vec<Stage>, packets: u32, seed: u64) -> (Vec<Picos>, FabricCounters) {
    let graph = crate::topology::wire(LINKS);
    let mut run = Run::new(&graph, QueueSettings::unlimited(), seed);
    let rng = Rng::new(seed, 77);
    run.fabric.set_impairments(LinkId(0), Some(Impairments::new(stages, rng)));
    for _ in 0..packets {
        run.send(0, 1, 0, 934);
    }
    (run.finish().into_iter().map(|arrived| arrived.0).collect(), run.fabric.counters)
}

#[test]
fn stages_do_what_they_are_named_for() {
    let (arrived, counters) = impaired(vec![Stage::Loss(0.1)], 10_000, 3);
    assert_eq!(arrived.len() as u64 + counters.lost, 10_000);
    assert!((900..1100).contains(&counters.lost), "{counters:?}");

    let model = Stage::Gemodel { p: 0.01, r: 0.25, bad: 1.0, good: 0.0 };
    let (_, counters) = impaired(vec![model], 100_000, 3);
    let expected = 100_000.0 * 0.01 / 0.26;
    assert!((counters.lost as f64 / expected - 1.0).abs() < 0.15, "{counters:?}");

    let (arrived, counters) = impaired(vec![Stage::Duplicate(0.5)], 1000, 3);
    assert_eq!(arrived.len() as u64, 1000 + counters.duplicated);

    let by = Picos::from_micros(50);
    let (arrived, counters) =
        impaired(vec![Stage::Reorder { probability: 1.0, gap: 10, by }], 100, 3);
    assert_eq!((arrived.len(), counters.reordered), (100, 10));
    let (_, corrupted) = impaired(vec![Stage::Corrupt(1.0)], 100, 3);
    assert_eq!(corrupted.corrupted, 100);
    let jitter = Stage::Delay { constant: by, jitter: by };
    let (arrived, _) = impaired(vec![jitter], 100, 3);
    assert!(arrived.iter().all(|at| *at >= by) && arrived.is_sorted());
}

#[test]
fn equal_seeds_are_equal_runs_and_a_link_draws_for_itself() {
    let stages = vec![Stage::Loss(0.2), Stage::Corrupt(0.1)];
    assert_eq!(impaired(stages.clone(), 500, 5), impaired(stages.clone(), 500, 5));
    assert_ne!(impaired(stages.clone(), 500, 5), impaired(stages, 500, 6));
}

#[test]
fn a_packet_without_payload_still_shows_any_flipped_bit() {
    let mut pool = PacketPool::default();
    for head in [64, 300] {
        let id = pool.take(Address::default(), Address::default(), &vec![0; head], &[0; 16]);
        let packet = &mut pool[id];
        for bit in [0, 63 * 8, 64 * 8, 999 * 8] {
            packet.flip(bit, 1000);
            assert_eq!(packet.bytes().iter().filter(|byte| **byte != 0).count(), 1, "{bit}");
            packet.flip(bit, 1000);
        }
        packet.flip(999 * 8, 1000);
        let mut out = vec![2; 1000];
        packet.write_to(&mut out);
        assert_eq!((out[head - 1], out[head], out[983], out[984], out[999]), (0, 2, 2, 0, 1));
    }
}
