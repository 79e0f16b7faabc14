#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sealane_transport::device::{Device, DeviceEvent, Route, Train};

use super::*;

fn post(device: &mut SimDevice, remote: SocketAddr, packet: usize, count: usize, ecn: Ecn) {
    let length = packet * count;
    let buffer = device.lend().unwrap();
    buffer[..length].fill(7);
    device.post(Train { route: Route { local: 0, remote }, length, stride: packet, ecn });
    device.flush();
}

/// Polls everything: (bytes of each batch, stride, codepoint).
fn drain(device: &mut SimDevice) -> Vec<(usize, usize, Ecn)> {
    let mut batches = Vec::new();
    device.poll(usize::MAX, &mut |batch| {
        batches.push((batch.bytes.len(), batch.stride, batch.ecn));
    });
    batches
}

fn second(network: &Network) {
    network.advance(network.now() + Duration::from_secs(1));
}

#[test]
fn datagrams_take_their_latency_and_coalesce() {
    let network = Network::new(1, LinkSettings::default());
    let mut a = network.attach(&DeviceSettings::default());
    let mut b = network.attach(&DeviceSettings::default());
    let to = b.local_addresses()[1];
    post(&mut a, to, 100, 3, Ecn::Ect0);
    let due = network.next_arrival().unwrap();
    assert_eq!(due, Time::ZERO + Duration::from_micros(10));
    network.advance(due - Duration::from_nanos(1));
    assert!(drain(&mut b).is_empty());
    network.advance(due);
    assert_eq!(drain(&mut b), [(300, 100, Ecn::Ect0)]);
    assert_eq!(network.next_arrival(), None);
    assert_eq!(network.counters().delivered, 3);
}

#[test]
fn equal_seeds_are_equal_runs() {
    let run = |seed| {
        let links = LinkSettings {
            jitter: Duration::from_micros(50),
            loss: 0.2,
            duplicate: 0.2,
            reorder: 0.2,
            corrupt: 0.2,
            ..LinkSettings::default()
        };
        let network = Network::new(seed, links);
        let mut a = network.attach(&DeviceSettings::default());
        let b = network.attach(&DeviceSettings::default());
        for _ in 0..100 {
            post(&mut a, b.local_addresses()[0], 64, 10, Ecn::Ect0);
            second(&network);
        }
        let counters = network.counters();
        assert!(counters.lost > 100 && counters.duplicated > 100);
        assert!(counters.reordered > 100 && counters.corrupted > 100);
        (network.digest(), counters)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}

#[test]
fn a_slow_link_queues_marks_and_drops() {
    let rate = Rate { bytes_per_second: 1_000_000, queue_bytes: 5000, mark_bytes: 2000 };
    let links = LinkSettings { rate: Some(rate), ..LinkSettings::default() };
    let network = Network::new(1, links);
    let mut a = network.attach(&DeviceSettings::default());
    let mut b = network.attach(&DeviceSettings::default());
    post(&mut a, b.local_addresses()[0], 1000, 8, Ecn::Ect0);
    let counters = network.counters();
    assert_eq!((counters.overflowed, counters.marked), (3, 2));
    network.advance(Time::ZERO + Duration::from_micros(1010));
    assert_eq!(drain(&mut b), [(1000, 1000, Ecn::Ect0)], "one packet per millisecond");
    second(&network);
    assert_eq!(drain(&mut b), [(2000, 1000, Ecn::Ect0), (2000, 1000, Ecn::Ce)]);
}

#[test]
fn blackholes_partitions_and_mtu_swallow() {
    let network = Network::new(1, LinkSettings::default());
    let mut a = network.attach(&DeviceSettings::default());
    let mut b = network.attach(&DeviceSettings::default());
    let (from, to) = (a.local_addresses()[0], b.local_addresses()[0]);
    network.blackhole(from, to);
    post(&mut a, to, 100, 1, Ecn::Ect0);
    network.heal();
    network.partition(0, 1);
    post(&mut a, to, 100, 1, Ecn::Ect0);
    post(&mut b, from, 100, 1, Ecn::Ect0);
    network.heal();
    network.set_links_between(0, 1, LinkSettings { mtu: 1500, ..LinkSettings::default() });
    post(&mut a, to, 1501, 1, Ecn::Ect0);
    post(&mut a, to, 1500, 1, Ecn::Ect0);
    post(&mut b, from, 1501, 1, Ecn::Ect0);
    second(&network);
    assert_eq!(drain(&mut b), [(1500, 1500, Ecn::Ect0)]);
    assert_eq!(drain(&mut a).len(), 2);
    let counters = network.counters();
    assert_eq!((counters.blackholed, counters.too_large), (2, 1));
}

#[test]
fn nobody_there_is_an_event_only_with_icmp() {
    let network = Network::new(1, LinkSettings::default());
    let mut a = network.attach(&DeviceSettings::default());
    let b = network.attach(&DeviceSettings::default());
    let to = b.local_addresses()[0];
    network.detach(b.host());
    for icmp in [false, true] {
        network.set_icmp(icmp);
        post(&mut a, to, 100, 1, Ecn::Ect0);
        second(&network);
        let event = a.poll_event();
        assert_eq!(event.is_some(), icmp);
        let route = Route { local: 0, remote: to };
        assert!(event.is_none_or(|event| event == DeviceEvent::Unreachable(route)));
    }
}

#[test]
fn the_receive_queue_is_bounded() {
    let settings = DeviceSettings { receive_budget: 1000, ..DeviceSettings::default() };
    let network = Network::new(1, LinkSettings::default());
    let mut a = network.attach(&settings);
    let mut b = network.attach(&settings);
    post(&mut a, b.local_addresses()[0], 100, 16, Ecn::NotEct);
    second(&network);
    assert_eq!(network.counters().overflowed, 6);
    assert_eq!(drain(&mut b), [(1000, 100, Ecn::NotEct)]);
}

#[test]
fn taps_see_posted_and_injected_datagrams() {
    let network = Network::new(1, LinkSettings { loss: 1.0, ..LinkSettings::default() });
    let mut a = network.attach(&DeviceSettings::default());
    let seen: &'static [AtomicU64; 2] = Box::leak(Box::default());
    network.tap(Box::new(|packet| {
        seen[usize::from(packet.injected)].fetch_add(1, Ordering::Relaxed);
    }));
    let to = SocketAddr::from(([10, 0, 0, 9], 4000));
    post(&mut a, to, 100, 4, Ecn::NotEct);
    network.inject(to, a.local_addresses()[0], Ecn::NotEct, b"forged");
    assert_eq!(seen.each_ref().map(|count| count.load(Ordering::Relaxed)), [4, 1]);
    assert_eq!(network.counters().lost, 5);
}
