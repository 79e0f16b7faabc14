//! The device on a real verbs stack: Soft-RoCE in the virtual machine of `tests/verbs/run.sh`, or a
//! card. `cargo test -p sealane-verbs --features rdma-core -- --ignored` runs them on this host.

use std::process::Command;
use std::thread;
use std::time::Duration;

use sealane_transport::device::{Device, DeviceEvent, Ecn, Received, Route, Train};

use crate::{Selection, VerbsConfig, VerbsDevice, VerbsError, Wakeup};

/// Far more than any of these waits may take.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

struct Arrived {
    route: Route,
    ecn: Ecn,
    bytes: Vec<u8>,
}

fn config(queue_pairs: usize) -> VerbsConfig {
    VerbsConfig { queue_pairs, receive_slots: 128, ..VerbsConfig::default() }
}

fn device(queue_pairs: usize) -> VerbsDevice {
    VerbsDevice::open(&config(queue_pairs)).unwrap()
}

fn route(from: u16, to: &VerbsDevice, queue: usize) -> Route {
    Route { local: from, remote: to.local_addresses()[queue] }
}

fn post(device: &mut VerbsDevice, route: Route, bytes: &[u8], stride: usize, ecn: Ecn) {
    device.lend().unwrap()[..bytes.len()].copy_from_slice(bytes);
    device.post(Train { route, length: bytes.len(), stride, ecn });
}

fn poll(device: &mut VerbsDevice, budget: usize) -> Vec<Arrived> {
    let mut arrived = Vec::new();
    device.poll(budget, &mut |got: Received<'_>| {
        arrived.push(Arrived { route: got.route, ecn: got.ecn, bytes: got.bytes.to_vec() });
    });
    arrived
}

/// Polls `to` until so many packets are there; `from` is polled too, as its driver would.
fn receive(from: &mut VerbsDevice, to: &mut VerbsDevice, count: usize) -> Vec<Arrived> {
    let waiter = to.waiter();
    let mut arrived = Vec::new();
    for _ in 0..1000 {
        poll(from, 64);
        arrived.extend(poll(to, 64));
        if arrived.len() >= count {
            return arrived;
        }
        waiter.wait(Some(Duration::from_millis(10)));
    }
    panic!("only {} packets: {:?} {:?}", arrived.len(), from.stats(), to.stats());
}

/// A pair whose destinations are resolved in both directions.
fn acquainted(queues: usize) -> (VerbsDevice, VerbsDevice) {
    let (mut a, mut b) = (device(queues), device(queues));
    for mark in [Ecn::NotEct, Ecn::Ect0] {
        let (there, back) = (route(0, &b, 0), route(0, &a, 0));
        post(&mut a, there, b"hello", 5, mark);
        receive(&mut a, &mut b, 1);
        post(&mut b, back, b"hello", 5, mark);
        receive(&mut b, &mut a, 1);
    }
    (a, b)
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8 ^ seed)).collect()
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn every_size_up_to_the_mtu_crosses_with_its_source() {
    let (mut a, mut b) = acquainted(2);
    let mtu = usize::from(a.capabilities().mtu);
    assert!(mtu >= 1200 && mtu.is_power_of_two(), "{mtu}");
    for size in [1, 2, 63, 64, 191, 192, 193, 1200, 2048.min(mtu), mtu - 1, mtu] {
        let bytes = pattern(size, size as u8);
        let to = route(1, &b, 0);
        post(&mut a, to, &bytes, size, Ecn::NotEct);
        a.flush();
        let arrived = receive(&mut a, &mut b, 1);
        assert_eq!(arrived[0].bytes, bytes, "{size} bytes");
        assert_eq!(arrived[0].route, Route { local: 0, remote: a.local_addresses()[1] });
    }
    assert!(a.stats().sent_inline >= 4, "{:?}", a.stats());
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_train_is_one_doorbell_and_arrives_as_its_packets() {
    let (mut a, mut b) = acquainted(1);
    let before = a.stats().send_calls;
    let bytes = pattern(15 * 1400 + 333, 9);
    let to = route(0, &b, 0);
    post(&mut a, to, &bytes, 1400, Ecn::Ect0);
    a.flush();
    assert_eq!(a.stats().send_calls, before + 1);
    let arrived = receive(&mut a, &mut b, 16);
    let joined: Vec<u8> = arrived.iter().flat_map(|got| got.bytes.clone()).collect();
    assert_eq!(joined, bytes);
    assert!(arrived.iter().all(|got| got.ecn == Ecn::Ect0), "marks travel");
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn every_pair_of_queue_pairs_is_a_path() {
    let (mut a, mut b) = acquainted(4);
    for from in 0..4_u16 {
        for to in 0..4_u8 {
            let to_route = route(from, &b, usize::from(to));
            post(&mut a, to_route, &[from as u8, to], 2, Ecn::NotEct);
        }
    }
    a.flush();
    let mut arrived = receive(&mut a, &mut b, 16);
    arrived.sort_by_key(|got| got.bytes.clone());
    for (index, got) in arrived.iter().enumerate() {
        let (from, to) = (index / 4, index % 4);
        assert_eq!(got.bytes, [from as u8, to as u8]);
        let expected = Route { local: to as u16, remote: a.local_addresses()[from] };
        assert_eq!(got.route, expected);
    }
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn slots_come_back_although_few_completions_are_asked_for() {
    let (mut a, mut b) = acquainted(2);
    for round in 0..40_u16 {
        for _ in 0..32 {
            let to = route(round % 2, &b, 0);
            post(&mut a, to, &round.to_be_bytes(), 2, Ecn::NotEct);
        }
        a.flush();
        assert_eq!(receive(&mut a, &mut b, 32).len(), 32);
    }
    let stats = *a.stats();
    assert!(stats.send_completions * 8 <= stats.sent_packets, "{stats:?}");
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn another_q_key_is_not_heard() {
    let (mut a, mut b) = acquainted(1);
    let mut stranger = VerbsDevice::open(&VerbsConfig { qkey: 0x0bad_0bad, ..config(1) }).unwrap();
    let to = route(0, &b, 0);
    post(&mut stranger, to, b"stranger", 8, Ecn::NotEct);
    for _ in 0..20 {
        poll(&mut stranger, 8);
        stranger.waiter().wait(Some(Duration::from_millis(5)));
    }
    assert_eq!(stranger.stats().sent_packets, 1);
    post(&mut a, to, b"friend", 6, Ecn::NotEct);
    a.flush();
    let arrived = receive(&mut a, &mut b, 1);
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].bytes, b"friend");
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_packet_ends_the_wait_and_a_wake_too() {
    let (mut a, mut b) = acquainted(1);
    while !poll(&mut b, 8).is_empty() {}
    // The destination that was resolved for it woke it too.
    b.waiter().wait(Some(Duration::ZERO));
    assert_eq!(b.waiter().wait(Some(Duration::from_millis(1))), Wakeup::TimedOut);
    let waiter = b.waiter();
    let sleeper = thread::spawn(move || waiter.wait(LONG));
    let to = route(0, &b, 0);
    post(&mut a, to, b"x", 1, Ecn::NotEct);
    a.flush();
    assert_eq!(sleeper.join().unwrap(), Wakeup::Ready);
    // Readiness stays until the packet is taken.
    assert_eq!(b.waiter().wait(LONG), Wakeup::Ready);
    assert_eq!(receive(&mut a, &mut b, 1).len(), 1);
    let waiter = b.waiter();
    let sleeper = thread::spawn(move || waiter.wait(None));
    b.waiter().wake();
    assert_eq!(sleeper.join().unwrap(), Wakeup::Woken);
    let orphan = b.waiter();
    drop(b);
    orphan.wake();
    assert_eq!(orphan.wait(LONG), Wakeup::Woken);
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_queue_pair_in_error_is_set_up_anew_and_keeps_its_address() {
    let (mut a, mut b) = acquainted(2);
    for round in 1..=3 {
        b.sabotage(0);
        let to = route(0, &b, 0);
        for _ in 0..50 {
            poll(&mut b, 64);
            if b.stats().queues_revived >= round {
                break;
            }
            b.waiter().wait(Some(Duration::from_millis(10)));
        }
        assert_eq!(b.stats().queues_revived, round, "{:?}", b.stats());
        post(&mut a, to, b"again", 5, Ecn::NotEct);
        a.flush();
        assert_eq!(receive(&mut a, &mut b, 1)[0].bytes, b"again");
    }
    a.sabotage(1);
    let to = route(1, &b, 1);
    post(&mut a, to, b"lost", 4, Ecn::NotEct);
    a.flush();
    for _ in 0..50 {
        poll(&mut a, 64);
        a.waiter().wait(Some(Duration::from_millis(2)));
    }
    post(&mut a, to, b"sent", 4, Ecn::NotEct);
    a.flush();
    let arrived = receive(&mut a, &mut b, 1);
    assert_eq!(arrived[0].bytes, b"sent", "{:?}", a.stats());
    assert_eq!(a.poll_event(), None);
}

fn set_link(link: &str, state: &str) {
    let status = Command::new("ip").args(["link", "set", link, state]).status().unwrap();
    assert!(status.success(), "ip link set {link} {state}");
}

/// Posts a packet if there is room, and lets both devices do what they can.
fn knock(a: &mut VerbsDevice, b: &mut VerbsDevice, to: Route, word: &[u8]) -> Vec<Arrived> {
    if a.lend().is_some() {
        post(a, to, word, word.len(), Ecn::NotEct);
        a.flush();
    }
    poll(a, 64);
    let arrived = poll(b, 64);
    b.waiter().wait(Some(Duration::from_millis(2)));
    arrived
}

/// Queue pairs fail while there is no link: revived at once they would fail again, until given up.
#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_link_that_goes_down_is_told_of_and_queue_pairs_outlive_it() {
    let link = std::env::var("SEALANE_LINK").expect("the device's interface, to be taken down");
    let (mut a, mut b) = acquainted(2);
    let to = route(0, &b, 0);
    for round in 1..=2 {
        set_link(&link, "down");
        for _ in 0..300 {
            knock(&mut a, &mut b, to, b"down");
        }
        assert_eq!((a.stats().links_down, b.stats().links_down), (round, round));
        while let Some(event) = a.poll_event() {
            assert!(!matches!(event, DeviceEvent::PortFailed(_)), "{event:?}");
        }
        set_link(&link, "up");
        let back = (0..1000).find(|_| {
            let arrived = knock(&mut a, &mut b, to, b"back");
            arrived.iter().any(|got| got.bytes == b"back")
        });
        assert!(back.is_some(), "nothing passes: {:?} {:?}", a.stats(), b.stats());
    }
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_peer_that_is_not_there_holds_up_nobody() {
    let (mut a, mut b) = acquainted(1);
    let ghost: std::net::SocketAddr = "[::ffff:10.7.0.99%17]:4791".parse().unwrap();
    for _ in 0..40 {
        post(&mut a, Route { local: 0, remote: ghost }, b"hello?", 6, Ecn::NotEct);
    }
    let to = route(0, &b, 0);
    for _ in 0..64 {
        post(&mut a, to, b"here", 4, Ecn::NotEct);
    }
    a.flush();
    // Long before the kernel gives up on the neighbour.
    assert_eq!(receive(&mut a, &mut b, 64).len(), 64);
    assert_eq!(a.stats().handles_failed, 0);
    let waiter = a.waiter();
    for _ in 0..1000 {
        poll(&mut a, 8);
        if let Some(event) = a.poll_event() {
            assert_eq!(event, DeviceEvent::Unreachable(Route { local: 0, remote: ghost }));
            assert_eq!(a.stats().handles_failed, 1);
            assert_eq!(a.stats().send_unresolved, 40);
            return;
        }
        waiter.wait(Some(Duration::from_millis(20)));
    }
    panic!("the ghost was not given up: {:?}", a.stats());
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn what_cannot_be_sent_is_counted() {
    let mut a = device(1);
    let nowhere: std::net::SocketAddr = "10.0.0.1:4791".parse().unwrap();
    post(&mut a, Route { local: 0, remote: nowhere }, b"x", 1, Ecn::NotEct);
    let own = a.local_addresses()[0];
    post(&mut a, Route { local: 9, remote: own }, b"x", 1, Ecn::NotEct);
    a.lend().unwrap();
    a.post(Train {
        route: Route { local: 0, remote: own },
        length: 0,
        stride: 1,
        ecn: Ecn::NotEct,
    });
    assert_eq!(a.stats().send_unroutable, 3);
    assert_eq!(a.stats().sent_packets, 0);
}

#[test]
#[ignore = "needs a verbs device: tests/verbs/run.sh brings one"]
fn a_device_that_is_not_there_is_refused_with_what_there_is() {
    let selection = Selection { device: Some("mlx9_9".to_owned()), ..Selection::default() };
    let error = VerbsDevice::open(&VerbsConfig { selection, ..config(1) }).unwrap_err();
    assert!(matches!(error, VerbsError::NotFound { .. }), "{error}");
    assert!(!error.to_string().contains("this host has none"), "{error}");
}
