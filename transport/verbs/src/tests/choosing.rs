//! Which port and GID is chosen, and what is said where none can be.

use std::net::IpAddr;

use crate::{Candidate, GidKind, Link, PortState, Selection, VerbsError, choose};

/// RoCE v2 on port 1 with this IPv4 address.
fn roce(device: &str, gid_index: u32, last: u8) -> Candidate {
    Candidate {
        device: device.to_owned(),
        port: 1,
        state: PortState::Active,
        link: Link::Ethernet,
        mtu: 4096,
        lid: 0,
        gid_index,
        gid: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last],
        kind: GidKind::RoceV2,
    }
}

fn link_local(device: &str, gid_index: u32) -> Candidate {
    let gid = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0xff, 0xfe, 0, 0, 1];
    Candidate { gid, ..roce(device, gid_index, 0) }
}

fn chosen(candidates: &[Candidate], selection: &str, addresses: &[IpAddr]) -> String {
    choose(candidates, &selection.parse().unwrap(), addresses).unwrap().candidate.name()
}

#[test]
fn a_gid_that_routers_know_goes_before_a_link_local_one() {
    let all = [link_local("mlx5_0", 0), roce("mlx5_0", 3, 1)];
    assert_eq!(chosen(&all, "", &[]), "mlx5_0:1:3");
}

#[test]
fn the_port_by_which_peers_are_reached_goes_before_a_larger_mtu() {
    let near = Candidate { mtu: 2048, ..roce("rxe0", 1, 7) };
    let all = [roce("mlx5_0", 3, 1), near];
    assert_eq!(chosen(&all, "", &[]), "mlx5_0:1:3");
    let choice = choose(&all, &Selection::default(), &["10.0.0.7".parse().unwrap()]).unwrap();
    assert_eq!(choice.candidate.name(), "rxe0:1:1");
    assert!(choice.reason.contains("10.0.0.7"), "{}", choice.reason);
}

#[test]
fn roce_v1_is_used_only_by_its_index() {
    let old = Candidate { kind: GidKind::RoceV1, ..roce("mlx5_0", 2, 1) };
    let all = [old.clone(), Candidate { mtu: 2048, ..roce("mlx5_0", 3, 1) }];
    assert_eq!(chosen(&all, "", &[]), "mlx5_0:1:3");
    assert_eq!(chosen(&all, "mlx5_0:1:2", &[]), "mlx5_0:1:2");
    let error = choose(&[old], &Selection::default(), &[]).unwrap_err();
    assert!(matches!(error, VerbsError::NotFound { .. }), "{error}");
}

#[test]
fn what_was_asked_for_is_kept_to() {
    let all = [roce("mlx5_0", 3, 1), roce("mlx5_1", 3, 2), roce("mlx5_1", 5, 3)];
    assert_eq!(chosen(&all, "mlx5_1", &[]), "mlx5_1:1:3");
    assert_eq!(chosen(&all, "mlx5_1::5", &[]), "mlx5_1:1:5");
    let error = choose(&all, &"mlx5_2".parse().unwrap(), &[]).unwrap_err().to_string();
    assert!(error.contains("mlx5_2") && error.contains("mlx5_0:1:3, mlx5_1:1:3"), "{error}");
}

#[test]
fn what_cannot_be_used_says_why_and_what_to_do() {
    let down = Candidate { state: PortState::Down, ..roce("mlx5_0", 3, 1) };
    let small = Candidate { mtu: 1024, ..roce("mlx5_1", 3, 2) };
    assert_eq!(chosen(&[down.clone(), small.clone(), roce("rxe0", 1, 3)], "", &[]), "rxe0:1:1");
    let error = choose(&[down], &Selection::default(), &[]).unwrap_err().to_string();
    assert!(error.contains("port 1 is down"), "{error}");
    let error = choose(&[small], &Selection::default(), &[]).unwrap_err().to_string();
    assert!(error.contains("MTU of 1024") && error.contains("mtu 9000"), "{error}");
}

#[test]
fn no_device_at_all_is_said_with_the_way_to_a_software_one() {
    let error = choose(&[], &Selection::default(), &[]).unwrap_err();
    assert!(matches!(error, VerbsError::NoDevices));
    assert!(error.to_string().contains("rdma link add"), "{error}");
    let error = choose(&[], &"rxe0".parse().unwrap(), &[]).unwrap_err().to_string();
    assert!(error.contains("this host has none"), "{error}");
}
