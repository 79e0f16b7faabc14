#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod delivery;
mod network_errors;
mod opening;
mod slow_link;
mod waiting;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sealane_transport::device::{Device, DeviceEvent, Ecn, Received, Route, Train};

use crate::{UdpConfig, UdpDevice};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// What arrived, copied.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrived {
    route: Route,
    ecn: Ecn,
    stride: usize,
    bytes: Vec<u8>,
}

impl Arrived {
    fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(self.stride)
    }
}

fn config(ip: IpAddr, ports: usize) -> UdpConfig {
    UdpConfig { addresses: vec![ip], ports, ..UdpConfig::default() }
}

fn device(ip: IpAddr, ports: usize) -> UdpDevice {
    UdpDevice::bind(&config(ip, ports)).unwrap()
}

fn route(from: u16, to: &UdpDevice, port: usize) -> Route {
    Route { local: from, remote: to.local_addresses()[port] }
}

/// Posts one train of `bytes`; panics when the device takes none.
fn post(device: &mut UdpDevice, route: Route, bytes: &[u8], stride: usize, ecn: Ecn) {
    device.lend().unwrap()[..bytes.len()].copy_from_slice(bytes);
    device.post(Train { route, length: bytes.len(), stride, ecn });
}

fn poll(device: &mut UdpDevice, budget: usize) -> Vec<Arrived> {
    let mut arrived = Vec::new();
    let passed = device.poll(budget, &mut |r: Received<'_>| {
        let (route, ecn, stride) = (r.route, r.ecn, r.stride);
        arrived.push(Arrived { route, ecn, stride, bytes: r.bytes.to_vec() });
    });
    assert_eq!(passed, arrived.len());
    arrived
}

/// Polls until `enough`, sleeping on the device; gives up after some ten seconds.
fn receive(device: &mut UdpDevice, enough: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
    let waiter = device.waiter();
    let mut arrived = Vec::new();
    for _ in 0..1000 {
        arrived.extend(poll(device, 64));
        if enough(&arrived) {
            return arrived;
        }
        waiter.wait(Some(Duration::from_millis(10)));
    }
    panic!("only {} batches arrived: {:?}", arrived.len(), device.stats());
}

fn bytes_of(arrived: &[Arrived]) -> usize {
    arrived.iter().map(|a| a.bytes.len()).sum()
}

/// Polls until the device has an event.
fn event(device: &mut UdpDevice) -> DeviceEvent {
    let waiter = device.waiter();
    for _ in 0..1000 {
        poll(device, 8);
        if let Some(event) = device.poll_event() {
            return event;
        }
        waiter.wait(Some(Duration::from_millis(10)));
    }
    panic!("no event: {:?}", device.stats());
}

/// Bytes that differ from packet to packet.
fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8 ^ seed)).collect()
}
