//! Verbs addresses survive the trip through socket addresses.

use std::net::SocketAddr;

use proptest::prelude::*;

use crate::{Link, ROCE_PORT, VerbsAddress};

proptest! {
    #[test]
    fn an_infiniband_address_comes_back(gid: [u8; 16], lid in 1_u16.., qpn in 0_u32..1 << 24) {
        prop_assume!(gid != [0; 16]);
        let address = VerbsAddress { gid, lid, qpn };
        let back = VerbsAddress::from_socket(address.to_socket(), Link::InfiniBand);
        prop_assert_eq!(back, Some(address));
    }

    #[test]
    fn a_roce_address_comes_back_with_the_port_of_roce(gid: [u8; 16], qpn in 0_u32..1 << 24) {
        prop_assume!(gid != [0; 16]);
        let address = VerbsAddress { gid, lid: 0, qpn };
        prop_assert_eq!(address.to_socket().port(), ROCE_PORT);
        prop_assert_eq!(VerbsAddress::from_socket(address.to_socket(), Link::Ethernet), Some(address));
    }

    #[test]
    fn no_two_queue_pairs_share_a_socket_address(gid: [u8; 16], a in 0_u32..1 << 24, b in 0_u32..1 << 24) {
        prop_assume!(a != b);
        let at = |qpn| VerbsAddress { gid, lid: 0, qpn }.to_socket();
        prop_assert_ne!(at(a), at(b));
    }
}

#[test]
fn addresses_that_no_queue_pair_has_are_refused() {
    for (text, link) in [
        ("10.0.0.1:4791", Link::Ethernet),
        ("[::]:4791", Link::Ethernet),
        ("[fe80::1%16777216]:4791", Link::Ethernet),
        ("[fe80::1%17]:0", Link::InfiniBand),
    ] {
        let address: SocketAddr = text.parse().unwrap();
        assert_eq!(VerbsAddress::from_socket(address, link), None, "{text}");
    }
}
