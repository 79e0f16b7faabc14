//! Opening a device: what is refused, why, and that nothing leaks.

use std::process::Command;

use super::*;
use crate::sys::option;
use crate::{UdpError, local_ip_for};

#[test]
fn a_taken_port_is_named() {
    let holder = std::net::UdpSocket::bind((V4, 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = UdpDevice::bind(&UdpConfig { first_port: Some(port), ..config(V4, 1) });
    let error = error.expect_err("the port is taken");
    assert!(matches!(error, UdpError::PortInUse { address } if address.port() == port));
    assert!(error.to_string().contains("ss -ulpn"), "{error}");
    drop(holder);
    let device = UdpDevice::bind(&UdpConfig { first_port: Some(port), ..config(V4, 3) }).unwrap();
    assert_eq!(device.local_addresses()[0].port(), port);
    assert_eq!(device.local_addresses().len(), 3);
}

#[test]
fn a_foreign_address_is_named() {
    // TEST-NET-1 (RFC 5737) is nobody's.
    let error = UdpDevice::bind(&config("192.0.2.1".parse().unwrap(), 1)).expect_err("foreign");
    assert!(matches!(error, UdpError::AddressNotAvailable { .. }), "{error}");
    assert!(error.to_string().contains("ip address"), "{error}");
}

#[test]
fn contradictory_settings_are_refused() {
    let base = config(V4, 1);
    let bad = [
        UdpConfig { addresses: vec![], ..base.clone() },
        UdpConfig { addresses: vec![V4, V6], ..base.clone() },
        UdpConfig { addresses: vec!["224.0.0.1".parse().unwrap()], ..base.clone() },
        UdpConfig { addresses: vec![V4; 17], ..base.clone() },
        UdpConfig { ports: 0, ..base.clone() },
        UdpConfig { ports: 65, ..base.clone() },
        UdpConfig { mtu: Some(1199), ..base },
    ];
    for config in bad {
        let result = UdpDevice::bind(&config);
        assert!(matches!(result, Err(UdpError::InvalidConfig { .. })), "{config:?}");
    }
}

#[test]
fn sockets_are_spread_over_the_addresses() {
    let second: IpAddr = "127.0.0.2".parse().unwrap();
    let spread = UdpConfig { addresses: vec![V4, second], ..config(V4, 4) };
    let device = UdpDevice::bind(&spread).unwrap();
    let ips: Vec<IpAddr> = device.local_addresses().iter().map(std::net::SocketAddr::ip).collect();
    assert_eq!(ips, [V4, second, V4, second]);
    // 127.0.0.2 is no listed address, yet the loopback interface's.
    assert_eq!(device.capabilities().mtu, 65_507);
}

#[test]
fn the_mtu_can_be_capped() {
    let device = UdpDevice::bind(&UdpConfig { mtu: Some(8192), ..config(V4, 1) }).unwrap();
    assert_eq!(device.capabilities().mtu, 8192);
    assert_eq!(device.capabilities().mtu_base, 1200);
}

#[test]
fn an_unspecified_address_is_reported_as_one_that_peers_can_use() {
    for ip in ["0.0.0.0", "::"] {
        let device = device(ip.parse().unwrap(), 1);
        assert!(!device.local_addresses()[0].ip().is_unspecified());
    }
}

#[test]
fn the_address_towards_a_peer_is_found() {
    assert_eq!(local_ip_for((V4, 9).into()).unwrap(), V4);
    assert_eq!(local_ip_for((V6, 0).into()).unwrap(), V6);
}

/// Set in the process that runs out of descriptors.
const CHILD: &str = "SEALANE_UDP_TEST_DESCRIPTORS";

#[test]
fn running_out_of_descriptors_is_named_and_leaks_nothing() {
    // The limit is the process's: a child lowers its own.
    let name = "tests::opening::descriptors_child";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn descriptors_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    option::set_descriptor_limit(open + 20).unwrap();
    for _ in 0..3 {
        let error = UdpDevice::bind(&config(V4, 64)).expect_err("too few descriptors");
        let UdpError::TooManyFiles { opened, wanted, limit } = error else { panic!("{error}") };
        assert!((10..=20).contains(&opened), "{opened}");
        assert_eq!((wanted, limit), (64, open + 20));
        assert!(error.to_string().contains("ulimit -n"), "{error}");
    }
    // What was opened on the way was closed again.
    device(V4, 10);
}
