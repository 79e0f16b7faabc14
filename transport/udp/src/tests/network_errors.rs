//! What the network says comes back as events, and stalls nobody else.

use super::*;

/// An address at which nobody listens.
fn deserted(ip: IpAddr) -> std::net::SocketAddr {
    std::net::UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn an_unreachable_port_becomes_an_event() {
    for (ip, ports) in [(V4, 1), (V6, 1), (V4, 4), (V6, 4)] {
        let mut a = device(ip, ports);
        let gone = Route { local: ports as u16 - 1, remote: deserted(ip) };
        post(&mut a, gone, b"anyone?", 7, Ecn::Ect0);
        a.flush();
        assert_eq!(event(&mut a), DeviceEvent::Unreachable(gone));
        assert!(a.stats().error_reports >= 1);
    }
}

#[test]
fn an_unreachable_peer_costs_the_others_nothing() {
    let (mut a, mut b) = (device(V4, 1), device(V4, 1));
    let gone = Route { local: 0, remote: deserted(V4) };
    let good = route(0, &b, 0);
    // The answer to the first comes back as an error of whatever is sent next.
    for i in 0..50u8 {
        post(&mut a, gone, b"anyone?", 7, Ecn::Ect0);
        a.flush();
        post(&mut a, good, &[i; 50], 50, Ecn::Ect0);
        a.flush();
    }
    let arrived = receive(&mut b, |got| bytes_of(got) == 2500);
    let firsts: Vec<u8> = arrived.iter().flat_map(Arrived::packets).map(|p| p[0]).collect();
    assert_eq!(firsts, (0..50).collect::<Vec<_>>());
    assert_eq!(event(&mut a), DeviceEvent::Unreachable(gone));
    while let Some(event) = a.poll_event() {
        assert_eq!(event, DeviceEvent::Unreachable(gone));
    }
    assert_eq!(a.stats().send_refused, 0);
}

#[test]
fn errors_do_not_stop_receiving_on_the_socket() {
    let (mut a, mut b) = (device(V4, 1), device(V4, 1));
    for _ in 0..5 {
        post(&mut a, Route { local: 0, remote: deserted(V4) }, b"anyone?", 7, Ecn::Ect0);
    }
    a.flush();
    post(&mut b, route(0, &a, 0), b"hello", 5, Ecn::Ect0);
    b.flush();
    assert_eq!(receive(&mut a, |got| !got.is_empty())[0].bytes, b"hello");
}

#[test]
fn trains_to_nowhere_are_refused_with_an_event() {
    let mut a = device(V4, 1);
    let family = Route { local: 0, remote: (V6, 9).into() };
    let port = Route { local: 7, remote: (V4, 9).into() };
    for bad in [family, port] {
        post(&mut a, bad, b"?", 1, Ecn::NotEct);
        a.flush();
        assert_eq!(a.poll_event(), Some(DeviceEvent::Unreachable(bad)));
    }
    assert_eq!(a.stats().send_unroutable, 2);
}

#[test]
fn a_datagram_that_no_route_carries_becomes_an_event() {
    let mut a = device(V4, 1);
    // One byte above what IPv4 can express; posted as such, since probing may try anything.
    let (mut b, size) = (device(V4, 1), 65_508);
    let target = route(0, &b, 0);
    post(&mut a, target, &pattern(size, 1), size, Ecn::NotEct);
    post(&mut a, target, b"next", 4, Ecn::NotEct);
    a.flush();
    assert!(matches!(event(&mut a), DeviceEvent::TooLarge(r, _) if r == target));
    assert_eq!(a.poll_event(), None);
    assert_eq!(receive(&mut b, |got| !got.is_empty())[0].bytes, b"next");
    assert_eq!(a.stats().send_refused, 1);
}

#[test]
fn events_are_bounded_and_deduplicated() {
    let mut a = device(V4, 1);
    for i in 0..600u16 {
        for _ in 0..2 {
            let bad = Route { local: 1000 + i, remote: (V4, 9).into() };
            post(&mut a, bad, b"?", 1, Ecn::NotEct);
        }
    }
    let events = std::iter::from_fn(|| a.poll_event()).count();
    assert_eq!(events, 256);
    assert_eq!(a.stats().events_dropped, 2 * (600 - 256));
}
