//! The core end to end, in virtual time: two or more endpoints on a small wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Net, NetOptions, WireModel, address, net};
use sealane_transport::device::DeviceEvent;
use sealane_transport::{
    BufferId, Config, CongestionPolicy, Event, LossCause, Rank, RecvRequest, SendRequest, Tag,
};

fn pattern(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ salt).collect()
}

fn send(net: &mut Net, from: usize, to: u32, tag: u64, buffer: u64, bytes: Vec<u8>) {
    let length = bytes.len() as u64;
    let node = &mut net.nodes[from];
    node.memory.buffers.insert(BufferId(buffer), bytes);
    let request = SendRequest {
        tag: Tag(tag),
        buffer: BufferId(buffer),
        length,
        immediate: 7,
        gated: false,
        deferred_ack: tag.is_multiple_of(2),
    };
    node.endpoint.send(net.now, Rank(to), request).unwrap();
}

fn post(net: &mut Net, at: usize, from: Option<u32>, tag: u64, buffer: u64, capacity: usize) {
    let node = &mut net.nodes[at];
    node.memory.buffers.insert(BufferId(buffer), vec![0; capacity]);
    let request = RecvRequest {
        from: from.map(Rank),
        tag: Tag(tag),
        buffer: BufferId(buffer),
        capacity: capacity as u64,
        exact: false,
        progress: false,
    };
    node.endpoint.post_recv(net.now, request, &mut node.memory).unwrap();
}

fn received(net: &Net, at: usize) -> usize {
    net.nodes[at].events.iter().filter(|event| matches!(event, Event::Received { .. })).count()
}

fn sent(net: &Net, at: usize) -> usize {
    net.nodes[at].events.iter().filter(|event| matches!(event, Event::Sent { .. })).count()
}

/// Messages of many sizes, both ways, with the receives posted before, and their content checked.
fn exchange(options: NetOptions, sizes: &[usize]) -> Net {
    let mut net = net(options);
    for (i, size) in sizes.iter().enumerate() {
        let i = i as u64;
        for (from, to) in [(0, 1), (1, 0)] {
            post(&mut net, to, Some(from as u32), i, 1000 + i, *size);
            send(&mut net, from, to as u32, i, i, pattern(*size, from as u8));
        }
    }
    let count = sizes.len();
    let finished = net.run(Duration::from_secs(60), |net| {
        (0..2).all(|at| received(net, at) == count && sent(net, at) == count)
    });
    for at in 0..2 {
        let lost = net.nodes[at]
            .events
            .iter()
            .find(|event| matches!(event, Event::PeerLost { .. } | Event::RecvFailed { .. }));
        assert_eq!(lost, None);
    }
    assert!(finished, "received {} and {} of {count}", received(&net, 0), received(&net, 1));
    for (i, size) in sizes.iter().enumerate() {
        for (from, to) in [(0_usize, 1_usize), (1, 0)] {
            let got = &net.nodes[to].memory.buffers[&BufferId(1000 + i as u64)];
            assert!(*got == pattern(*size, from as u8), "message {i} of {size} bytes differs");
        }
    }
    net
}

const SIZES: &[usize] = &[0, 1, 63, 64, 65, 1000, 1472, 5000, 65_536, 300_000, 3_000_000];

#[test]
fn messages_of_all_sizes_arrive_intact_both_ways() {
    let net = exchange(NetOptions::default(), SIZES);
    for node in &net.nodes {
        assert_eq!(node.endpoint.stats().dropped.total(), 0);
        assert_eq!(node.endpoint.stats().fragments_resent, 0);
    }
}

#[test]
fn large_datagrams_are_found_by_probing() {
    let net = exchange(NetOptions { mtu: 60_000, ..NetOptions::default() }, SIZES);
    assert_eq!(net.nodes[0].endpoint.peer_info(Rank(1)).unwrap().mtu, 60_000);
}

#[test]
fn loss_reordering_duplication_and_corruption_change_nothing() {
    for seed in 0..8 {
        let model = WireModel {
            jitter: Duration::from_micros(50),
            loss: 0.05 * (seed % 4) as f64,
            duplicate: 0.05,
            corrupt: 0.02,
            ..WireModel::default()
        };
        exchange(NetOptions { seed, model, ..NetOptions::default() }, SIZES);
    }
}

#[test]
fn rekeying_every_few_packets_never_stalls() {
    let config = Config {
        rekey_packets: Some(64),
        timer_granularity: Duration::from_micros(10),
        congestion: CongestionPolicy::Fixed(64 << 10),
        ..Config::default()
    };
    let model = WireModel { loss: 0.05, ..WireModel::default() };
    let options = NetOptions { config, model, ..NetOptions::default() };
    let net = exchange(options, &[1, 20_000_000]);
    let updates = net.nodes[0].endpoint.stats().keys_updated;
    assert!(updates > 5, "{updates} updates in {:?}", net.now);
}

#[test]
fn a_send_without_a_receive_is_held_to_the_eager_budget_and_completes_later() {
    let mut net = net(NetOptions::default());
    send(&mut net, 0, 1, 5, 1, pattern(2_000_000, 3));
    net.run(Duration::from_secs(5), |_| false);
    assert_eq!(sent(&net, 0), 0);
    post(&mut net, 1, None, 5, 1000, 2_000_000);
    assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1 && received(net, 1) == 1));
    assert!(net.nodes[1].memory.buffers[&BufferId(1000)] == pattern(2_000_000, 3));
}

#[test]
fn a_blackholed_port_is_left_behind() {
    let mut net = net(NetOptions::default());
    post(&mut net, 1, Some(0), 1, 1000, 64);
    send(&mut net, 0, 1, 1, 1, pattern(64, 0));
    assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1));
    net.wire.borrow_mut().blackholes = vec![address(1, 1), address(1, 2)];
    let start = net.now;
    post(&mut net, 1, Some(0), 2, 1001, 4_000_000);
    send(&mut net, 0, 1, 2, 2, pattern(4_000_000, 0));
    assert!(net.run(Duration::from_secs(20), |net| sent(net, 0) == 2));
    assert!(net.now.since(start) < Duration::from_millis(200), "{:?}", net.now.since(start));
}

#[test]
fn a_failed_port_is_left_at_once_and_for_good() {
    let mut net = net(NetOptions::default());
    post(&mut net, 1, Some(0), 1, 1000, 64);
    send(&mut net, 0, 1, 1, 1, pattern(64, 0));
    assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1));
    post(&mut net, 1, Some(0), 2, 1001, 4_000_000);
    send(&mut net, 0, 1, 2, 2, pattern(4_000_000, 0));
    net.run(Duration::from_micros(50), |_| false);
    assert_eq!(sent(&net, 0), 1, "under way");
    net.wire.borrow_mut().dead_ports = vec![address(0, 1), address(0, 2)];
    for port in [1, 2] {
        let now = net.now;
        net.nodes[0].endpoint.handle_device_event(now, DeviceEvent::PortFailed(port));
    }
    let start = net.now;
    assert!(net.run(Duration::from_secs(20), |net| sent(net, 0) == 2));
    assert!(net.now.since(start) < Duration::from_millis(100), "{:?}", net.now.since(start));
    assert_eq!(net.wire.borrow().posted_dead, 0, "nothing was posted to a dead port");
}

/// A message that matched a posted receive asked for more of itself before its only piece was placed. The
/// grant was stale by the time it went out, and took an acknowledgement along at once: one packet more for
/// every small message.
#[test]
fn regression_acknowledgements_that_nobody_waits_for_ride_along() {
    let mut net = net(NetOptions::default());
    let mut acks = [0; 2];
    for round in 0..300 {
        if round == 100 {
            acks = [0, 1].map(|at| net.nodes[at].endpoint.stats().acks_sent);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            post(&mut net, to, Some(from as u32), 2 * round, 1000 + round, 8);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            send(&mut net, from, to as u32, 2 * round, round, pattern(8, from as u8));
            let here = round as usize + 1;
            assert!(net.run(Duration::from_secs(5), |net| received(net, to) == here));
        }
    }
    let after = [0, 1].map(|at| net.nodes[at].endpoint.stats().acks_sent);
    assert_eq!(after, acks);
}

/// A receiver without a processor for 20 ms: over 256 paths its sender gave up, and sent again, all
/// that was in flight, and took the losses for a black hole of large packets.
#[test]
fn regression_a_receiver_that_sleeps_is_not_sent_everything_again() {
    for seed in 0..4 {
        let mut net = net(NetOptions { ports: 16, mtu: 8972, seed, ..NetOptions::default() });
        post(&mut net, 1, Some(0), 1, 1000, 4_000_000);
        send(&mut net, 0, 1, 1, 1, pattern(4_000_000, 0));
        assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1));
        for message in 2..6 {
            let before = *net.nodes[0].endpoint.stats();
            post(&mut net, 1, Some(0), message, 1000 + message, 16_000_000);
            send(&mut net, 0, 1, message, message, pattern(16_000_000, 0));
            net.run(Duration::from_micros(25 + 5 * message), |_| false);
            assert_eq!(sent(&net, 0), message as usize - 1, "under way");
            net.nodes[1].paused = true;
            net.run(Duration::from_millis(20), |_| false);
            net.nodes[1].paused = false;
            assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == message as usize));
            let after = net.nodes[0].endpoint.stats();
            let resent = after.fragments_resent - before.fragments_resent;
            assert_eq!(resent, 0, "seed {seed}, message {message}");
        }
        assert_eq!(net.nodes[0].endpoint.peer_info(Rank(1)).unwrap().mtu, 8972);
    }
}

/// A device that sprays and repeats by itself overtakes: nothing is given up for that, one path is used,
/// and the first packet is as large as the device has them. What it loses in spite of its word is sent again.
#[test]
fn on_a_reliable_device_recovery_spraying_and_the_search_for_the_mtu_rest() {
    let on = |reliable, loss| {
        let model = WireModel {
            latency: Duration::from_micros(200),
            jitter: Duration::from_micros(300),
            loss,
            ..WireModel::default()
        };
        let config = Config { timer_granularity: Duration::from_micros(10), ..Config::default() };
        exchange(NetOptions { config, model, mtu: 8900, reliable, ..NetOptions::default() }, SIZES)
    };
    let net = on(true, 0.0);
    for (node, peer) in net.nodes.iter().zip([1, 0]) {
        // What overtook the end of the handshake was dropped.
        let dropped = net.nodes[peer as usize].endpoint.stats().dropped.total();
        assert_eq!(node.endpoint.stats().fragments_resent, dropped);
        assert_eq!(node.endpoint.peer_info(Rank(peer)).unwrap().mtu, 8900);
        let paths = node.endpoint.path_info(Rank(peer));
        assert_eq!(paths.iter().filter(|path| path.answers > 0).count(), 1);
    }
    // The same wire with a device that claims nothing: there, what was overtaken was taken for lost.
    assert!(on(false, 0.0).nodes.iter().any(|node| node.endpoint.recovery_stats().spurious > 0));
    assert!(on(true, 0.05).nodes.iter().all(|node| node.endpoint.stats().fragments_resent > 0));
}

#[test]
fn a_silent_peer_is_lost_within_the_timeout_and_everything_fails_once() {
    let mut net = net(NetOptions::default());
    post(&mut net, 1, Some(0), 1, 1000, 64);
    send(&mut net, 0, 1, 1, 1, pattern(64, 0));
    assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1));
    net.nodes[1].paused = true;
    let start = net.now;
    post(&mut net, 0, Some(1), 9, 1000, 64);
    send(&mut net, 0, 1, 2, 2, pattern(5_000_000, 0));
    assert!(net.run(Duration::from_secs(20), |net| {
        net.nodes[0].events.iter().any(|event| matches!(event, Event::PeerLost { .. }))
    }));
    assert!(net.now.since(start) < Duration::from_millis(1700), "{:?}", net.now.since(start));
    let events = &net.nodes[0].events;
    assert_eq!(events.iter().filter(|e| matches!(e, Event::SendFailed { .. })).count(), 1);
    assert_eq!(events.iter().filter(|e| matches!(e, Event::RecvFailed { .. })).count(), 1);
}

#[test]
fn an_idle_session_closes_and_forms_again() {
    let config = Config { idle_timeout: Duration::from_secs(1), ..Config::default() };
    let mut net = net(NetOptions { config, ..NetOptions::default() });
    for round in 0..3 {
        post(&mut net, 1, None, round, 1000 + round, 64);
        send(&mut net, 0, 1, round, round, pattern(64, 0));
        let count = round as usize + 1;
        assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == count));
        net.run(Duration::from_secs(3), |_| false);
        assert!(!net.nodes[0].endpoint.peer_info(Rank(1)).unwrap().connected);
    }
}

#[test]
fn an_orderly_close_is_reported_as_such() {
    let mut net = net(NetOptions::default());
    post(&mut net, 1, Some(0), 1, 1000, 64);
    send(&mut net, 0, 1, 1, 1, pattern(64, 0));
    assert!(net.run(Duration::from_secs(5), |net| sent(net, 0) == 1));
    net.nodes[0].endpoint.close(net.now, 0, "finished");
    assert!(net.run(Duration::from_secs(1), |net| {
        net.nodes[1].events.iter().any(|event| {
            matches!(event, Event::PeerLost { cause: LossCause::Closed { code: 0, .. }, .. })
        })
    }));
}

#[test]
fn many_small_messages_to_several_peers_all_arrive() {
    let mut net = net(NetOptions { nodes: 4, ..NetOptions::default() });
    let each = 3000_u64;
    for to in 1..4_u32 {
        for i in 0..each {
            send(&mut net, 0, to, i, u64::from(to) * 100_000 + i, pattern(8, i as u8));
            post(&mut net, to as usize, Some(0), i, i, 8);
        }
    }
    let total = 3 * each as usize;
    assert!(net.run(Duration::from_secs(30), |net| sent(net, 0) == total));
}
