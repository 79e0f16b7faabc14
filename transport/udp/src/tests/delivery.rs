//! What is posted arrives, whole and marked, over both families and every size.

use super::*;

fn crosses(ip: IpAddr) {
    let (mut a, mut b) = (device(ip, 1), device(ip, 1));
    let payload = pattern(5000, 1);
    post(&mut a, route(0, &b, 0), &payload, 5000, Ecn::NotEct);
    a.flush();
    let arrived = receive(&mut b, |got| !got.is_empty());
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].bytes, payload);
    assert_eq!(arrived[0].stride, 5000);
    assert_eq!(arrived[0].route, Route { local: 0, remote: a.local_addresses()[0] });
    // And back over the route it came by.
    post(&mut b, arrived[0].route, &payload[..7], 7, Ecn::NotEct);
    b.flush();
    assert_eq!(receive(&mut a, |got| !got.is_empty())[0].bytes, payload[..7]);
}

#[test]
fn a_datagram_crosses_ipv4() {
    crosses(V4);
}

#[test]
fn a_datagram_crosses_ipv6() {
    crosses(V6);
}

#[test]
fn every_kind_of_size_crosses() {
    for ip in [V4, V6] {
        let (mut a, mut b) = (device(ip, 1), device(ip, 1));
        let largest = usize::from(a.capabilities().mtu);
        assert_eq!(largest, if ip.is_ipv4() { 65_507 } else { 65_487 });
        for size in [1, 2, 63, 64, 1200, 1472, 1473, 4096, 9000, 16_384, 32_768, 60_000, largest] {
            let payload = pattern(size, size as u8);
            post(&mut a, route(0, &b, 0), &payload, size, Ecn::Ect0);
            a.flush();
            let arrived = receive(&mut b, |got| !got.is_empty());
            assert_eq!(arrived.len(), 1, "{size} bytes over {ip}");
            assert_eq!(arrived[0].bytes, payload, "{size} bytes over {ip}");
        }
    }
}

#[test]
fn a_train_arrives_as_packets_of_its_stride() {
    for (ip, gro) in [(V4, true), (V6, true), (V4, false), (V6, false)] {
        let mut a = device(ip, 1);
        let mut b = UdpDevice::bind(&UdpConfig { gro, ..config(ip, 1) }).unwrap();
        assert_eq!(a.capabilities().train_packets, 64);
        let payload = pattern(44 * 1400 + 333, 9);
        post(&mut a, route(0, &b, 0), &payload, 1400, Ecn::Ect1);
        a.flush();
        let arrived = receive(&mut b, |got| bytes_of(got) == payload.len());
        let packets: Vec<&[u8]> = arrived.iter().flat_map(Arrived::packets).collect();
        assert_eq!(packets, payload.chunks(1400).collect::<Vec<_>>(), "{ip} gro {gro}");
        assert!(arrived.iter().all(|x| x.ecn == Ecn::Ect1));
        assert_eq!(arrived.len(), if gro { 1 } else { 45 });
    }
}

#[test]
fn a_train_is_split_here_when_the_kernel_must_not() {
    let mut a = UdpDevice::bind(&UdpConfig { gso: false, ..config(V4, 1) }).unwrap();
    let mut b = device(V4, 1);
    assert_eq!(a.capabilities().train_packets, 1);
    let payload = pattern(40 * 1200 + 1, 5);
    post(&mut a, route(0, &b, 0), &payload, 1200, Ecn::Ect0);
    a.flush();
    let arrived = receive(&mut b, |got| bytes_of(got) == payload.len());
    let packets: Vec<&[u8]> = arrived.iter().flat_map(Arrived::packets).collect();
    assert_eq!(packets, payload.chunks(1200).collect::<Vec<_>>());
    assert_eq!(a.stats().sent_messages, 41);
}

#[test]
fn ecn_marks_are_seen() {
    for ip in [V4, V6] {
        let (mut a, mut b) = (device(ip, 1), device(ip, 1));
        for ecn in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
            post(&mut a, route(0, &b, 0), b"marked", 6, ecn);
            a.flush();
            let arrived = receive(&mut b, |got| !got.is_empty());
            assert_eq!(arrived[0].ecn, ecn, "over {ip}");
        }
    }
}

#[test]
fn a_full_queue_leaves_before_the_flush() {
    let (mut a, mut b) = (device(V4, 1), device(V4, 1));
    for i in 0..16u8 {
        post(&mut a, route(0, &b, 0), &[i; 100], 100, Ecn::NotEct);
    }
    let arrived = receive(&mut b, |got| bytes_of(got) == 1600);
    let firsts: Vec<u8> =
        arrived.iter().flat_map(Arrived::packets).map(|packet| packet[0]).collect();
    assert_eq!(firsts, (0..16).collect::<Vec<_>>());
    assert_eq!(a.stats().send_calls, 1);
}

#[test]
fn empty_datagrams_are_counted_and_dropped() {
    let mut b = device(V4, 1);
    let sender = std::net::UdpSocket::bind((V4, 0)).unwrap();
    sender.send_to(&[], b.local_addresses()[0]).unwrap();
    sender.send_to(b"x", b.local_addresses()[0]).unwrap();
    assert_eq!(receive(&mut b, |got| !got.is_empty())[0].bytes, b"x");
    assert_eq!(b.stats().received_empty, 1);
}

#[test]
fn sixty_four_sockets_all_carry_both_ways() {
    let (mut a, mut b) = (device(V4, 64), device(V4, 64));
    for i in 0..64u16 {
        post(&mut a, route(i, &b, usize::from(63 - i)), &i.to_be_bytes(), 2, Ecn::Ect0);
    }
    a.flush();
    let arrived = receive(&mut b, |got| got.len() == 64);
    let mut seen: Vec<u16> = arrived
        .iter()
        .map(|x| {
            let i = u16::from_be_bytes([x.bytes[0], x.bytes[1]]);
            assert_eq!(x.route, Route { local: 63 - i, ..route(0, &a, usize::from(i)) });
            i
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..64).collect::<Vec<_>>());
}

#[test]
fn a_poll_keeps_to_its_budget_and_takes_turns() {
    let (mut a, mut b) = (device(V4, 2), device(V4, 4));
    // One socket is flooded, the others hold one packet each.
    for _ in 0..40 {
        post(&mut a, route(0, &b, 0), &[1; 9], 9, Ecn::NotEct);
        a.flush();
    }
    for to in 1..4 {
        post(&mut a, route(1, &b, to), &[2; 9], 9, Ecn::NotEct);
    }
    a.flush();
    let mut arrived = Vec::new();
    for budget in [0, 1, 3, 5, 7] {
        let batch = poll(&mut b, budget);
        assert!(batch.len() <= budget, "{} of {budget}", batch.len());
        arrived.extend(batch);
    }
    for _ in 0..10 {
        arrived.extend(poll(&mut b, 8));
    }
    assert_eq!(arrived.len(), 43);
    let last_quiet = arrived.iter().rposition(|x| x.bytes[0] == 2).unwrap();
    assert!(last_quiet < 30, "the flooded socket went first: {last_quiet}");
}

#[test]
fn the_receive_budget_fits_the_receive_buffers() {
    let shapes = [(1400, 1400), (1400, 46 * 1400), (8192, 8192), (8192, 57_344), (65_507, 65_507)];
    for (stride, train) in shapes {
        let mut a = device(V4, 1);
        let small = UdpConfig { receive_buffer: 512 << 10, ..config(V4, 2) };
        let mut b = UdpDevice::bind(&small).unwrap();
        let budget = b.capabilities().receive_budget as usize;
        assert_eq!(budget, 768 << 10);
        let payload = pattern(train, 3);
        let trains = budget / train;
        for i in 0..trains {
            post(&mut a, route(0, &b, i % 2), &payload, stride, Ecn::NotEct);
            a.flush();
        }
        receive(&mut b, |got| bytes_of(got) == trains * train);
        assert_eq!(b.stats().receive_overflows, 0);
    }
}

#[test]
fn overrun_receive_buffers_are_counted() {
    let mut a = device(V4, 1);
    let mut b = UdpDevice::bind(&UdpConfig { receive_buffer: 128 << 10, ..config(V4, 1) }).unwrap();
    let payload = pattern(60_000, 3);
    for _ in 0..40 {
        post(&mut a, route(0, &b, 0), &payload, 60_000, Ecn::NotEct);
        a.flush();
    }
    let first = receive(&mut b, |got| !got.is_empty()).len();
    // The kernel tells the count with the next message that it does accept.
    post(&mut a, route(0, &b, 0), &payload, 60_000, Ecn::NotEct);
    a.flush();
    let second = receive(&mut b, |got| !got.is_empty()).len();
    assert_eq!(first + second + b.stats().receive_overflows as usize, 41);
}
