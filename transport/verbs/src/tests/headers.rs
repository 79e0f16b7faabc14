//! The routing header, in the forms that hardware and Soft-RoCE write it.

use proptest::prelude::*;
use sealane_transport::device::Ecn;

use crate::grh::{GRH_BYTES, parse};

/// An IPv4 header from 192.0.2.7 to 192.0.2.9 with this type of service and a checksum that fits.
fn ipv4(tos: u8) -> [u8; 20] {
    let mut header =
        [0x45, tos, 0x04, 0x1c, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 7, 192, 0, 2, 9];
    let sum: u32 = header.chunks(2).map(|p| u32::from(u16::from_be_bytes([p[0], p[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let check = !(((folded & 0xffff) + (folded >> 16)) as u16);
    header[10..12].copy_from_slice(&check.to_be_bytes());
    header
}

fn mapped() -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7]
}

fn grh(gid: [u8; 16], traffic_class: u8) -> [u8; 40] {
    let mut header = [0; GRH_BYTES];
    header[0] = 0x60 | traffic_class >> 4;
    header[1] = traffic_class << 4;
    header[6] = 0x1b;
    header[7] = 64;
    header[8..24].copy_from_slice(&gid);
    header
}

#[test]
fn an_ipv4_header_in_the_last_twenty_bytes_gives_a_mapped_gid() {
    for (tos, ecn) in [(0, Ecn::NotEct), (2, Ecn::Ect0), (1, Ecn::Ect1), (0xff, Ecn::Ce)] {
        let mut header = [0; GRH_BYTES];
        header[20..].copy_from_slice(&ipv4(tos));
        let source = parse(&header).unwrap();
        assert_eq!((source.gid, source.ecn), (mapped(), ecn));
    }
}

#[test]
fn a_header_that_never_left_the_host_has_no_checksum_and_is_read() {
    let mut header = [0; GRH_BYTES];
    header[20..].copy_from_slice(&ipv4(0));
    header[30..32].fill(0);
    assert_eq!(parse(&header).unwrap().gid, mapped());
}

#[test]
fn what_the_hardware_left_before_an_ipv4_header_does_not_matter() {
    for first in [0x00, 0x45, 0x6f, 0xff] {
        let mut header = [first; GRH_BYTES];
        header[20..].copy_from_slice(&ipv4(2));
        assert_eq!(parse(&header).unwrap().gid, mapped(), "{first:#x}");
    }
}

#[test]
fn a_global_routing_header_whose_gids_look_like_ipv4_is_read_as_what_it_is() {
    // The destination GID begins at byte 24, the source's last four bytes at 20.
    let mut gid = [0xfe; 16];
    gid[12] = 0x45;
    let source = parse(&grh(gid, 0)).unwrap();
    assert_eq!(source.gid, gid);
}

proptest! {
    #[test]
    fn a_global_routing_header_gives_its_source(gid: [u8; 16], traffic_class: u8) {
        prop_assume!(gid[12] != 0x45);
        let source = parse(&grh(gid, traffic_class)).unwrap();
        prop_assert_eq!(source.gid, gid);
        prop_assert_eq!(source.ecn, Ecn::from_bits(traffic_class));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let parsed = parse(&bytes);
        prop_assert!(parsed.is_none() || bytes.len() >= GRH_BYTES);
    }
}

#[test]
fn nonsense_is_nobody() {
    assert_eq!(parse(&[0; GRH_BYTES]), None);
    assert_eq!(parse(&[0x60; GRH_BYTES - 1]), None);
}
