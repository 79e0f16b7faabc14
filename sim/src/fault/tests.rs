#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use sealane_transport::Time;
use sealane_transport::device::{Device, Ecn, Route, Train};

use super::*;
use crate::network::{LinkSettings, Network};
use crate::{DeviceSettings, SimDevice};

const PACKET: usize = 100;

struct Pair {
    network: Network,
    from: FaultDevice<SimDevice>,
    to: FaultDevice<SimDevice>,
}

fn pair(receive: Faults, transmit: Faults) -> Pair {
    let network = Network::new(1, LinkSettings::default());
    let settings = DeviceSettings { coalesce: true, ..DeviceSettings::default() };
    let from = network.attach(&settings);
    let to = network.attach(&settings);
    let from = FaultDevice::new(from, Faults::NONE, transmit, 11).unwrap();
    let to = FaultDevice::new(to, receive, Faults::NONE, 12).unwrap();
    Pair { network, from, to }
}

impl Pair {
    /// Sends packets numbered `first..first + count` as one train and returns what arrives.
    fn train(&mut self, first: u32, count: usize) {
        let remote = self.to.local_addresses()[0];
        let buffer = self.from.lend().unwrap();
        for (number, packet) in (first..).zip(buffer.chunks_mut(PACKET).take(count)) {
            packet.fill(0);
            packet[..4].copy_from_slice(&number.to_be_bytes());
        }
        let route = Route { local: 0, remote };
        let length = count * PACKET;
        self.from.post(Train { route, length, stride: PACKET, ecn: Ecn::Ect0 });
        self.from.flush();
    }

    /// Runs until nothing moves; returns the packets in the order of arrival.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        for _ in 0..200 {
            self.network.advance(self.network.now() + Duration::from_millis(1));
            self.from.poll(1, &mut |_| {});
            self.to.poll(usize::MAX, &mut |batch| {
                arrived.extend(batch.bytes.chunks(batch.stride).map(<[u8]>::to_vec));
            });
        }
        assert!(!self.from.is_holding() && !self.to.is_holding());
        arrived
    }
}

fn number(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[..4].try_into().unwrap())
}

fn run(receive: Faults, transmit: Faults) -> (Pair, Vec<Vec<u8>>) {
    let mut pair = pair(receive, transmit);
    let mut arrived = Vec::new();
    for train in 0..100 {
        pair.train(train * 10, 10);
        if train % 7 == 0 {
            arrived.extend(pair.drain());
        }
    }
    arrived.extend(pair.drain());
    (pair, arrived)
}

#[test]
fn without_faults_everything_passes_in_order() {
    let (pair, arrived) = run(Faults::NONE, Faults::NONE);
    assert!(arrived.iter().map(|packet| number(packet)).eq(0..1000));
    assert_eq!(pair.to.received().packets, 0, "the short cut was taken");
}

#[test]
fn loss_and_duplication_hit_both_sides() {
    let faults = Faults { loss: 0.1, duplicate: 0.1, ..Faults::NONE };
    for (receive, transmit) in [(faults, Faults::NONE), (Faults::NONE, faults)] {
        let (pair, arrived) = run(receive, transmit);
        let mut times = BTreeMap::new();
        for packet in &arrived {
            assert_eq!(packet.len(), PACKET);
            *times.entry(number(packet)).or_insert(0) += 1;
        }
        let (lost, twice) = (1000 - times.len(), times.values().filter(|&&n| n == 2).count());
        assert!((60..150).contains(&lost), "{lost} lost");
        assert!((50..140).contains(&twice), "{twice} twice");
        let (a, b) = (pair.to.received(), pair.from.transmitted());
        assert_eq!(a.lost + b.lost, lost as u64);
        assert_eq!(a.duplicated + b.duplicated, twice as u64);
    }
}

#[test]
fn held_packets_arrive_late_but_arrive() {
    for faults in [
        Faults { reorder: 0.2, ..Faults::NONE },
        Faults { delay: 0.2, ..Faults::NONE },
        Faults { reorder: 1.0, ..Faults::NONE },
    ] {
        for (receive, transmit) in [(faults, Faults::NONE), (Faults::NONE, faults)] {
            let (_, arrived) = run(receive, transmit);
            let order: Vec<u32> = arrived.iter().map(|packet| number(packet)).collect();
            assert!(!order.is_sorted());
            let mut sorted = order;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..1000));
        }
    }
}

#[test]
fn corruption_flips_one_bit() {
    let faults = Faults { corrupt: 0.5, ..Faults::NONE };
    let (pair, arrived) = run(Faults::NONE, faults);
    let damaged = |(at, packet): (u32, &Vec<u8>)| {
        let mut whole = vec![0; PACKET];
        whole[..4].copy_from_slice(&at.to_be_bytes());
        let bits: u32 = packet.iter().zip(&whole).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!(bits <= 1);
        u64::from(bits)
    };
    let damaged: u64 = (0..).zip(&arrived).map(damaged).sum();
    assert_eq!(damaged, pair.from.transmitted().corrupted);
    assert!((400..600).contains(&damaged), "{damaged}");
}

#[test]
fn a_blackhole_swallows_five_tuples_until_healed() {
    let everything = Faults { blackhole: 1.0, ..Faults::NONE };
    let mut pair = pair(everything, Faults::NONE);
    pair.train(0, 10);
    assert!(pair.drain().is_empty());
    assert_eq!(pair.to.received().blackholed, 10);
    pair.to.set(Faults::NONE, Faults::NONE).unwrap();
    pair.train(0, 10);
    assert_eq!(pair.drain().len(), 10);
    assert!(pair.network.now() > Time::ZERO);
}

#[test]
fn only_probabilities_are_taken() {
    for value in [-0.1, 1.1, f64::NAN] {
        let error = Faults { corrupt: value, ..Faults::NONE }.check().unwrap_err();
        assert_eq!(error.fault, "corrupt");
    }
}
