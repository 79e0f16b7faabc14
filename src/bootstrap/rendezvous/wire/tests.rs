#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn places() -> impl Strategy<Value = Place> {
    let address = prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
    ];
    let udp = prop::collection::vec(address, 0..64);
    let queue = (any::<[u8; 16]>(), any::<u16>(), any::<u32>())
        .prop_map(|(gid, lid, qpn)| SocketAddrV6::new(gid.into(), lid, 0, qpn).into());
    // Without addresses there is no telling.
    let verbs = prop::collection::vec(queue, 1..64);
    let kinds = prop_oneof![
        udp.prop_map(|addresses| (Carrier::Udp, addresses)),
        verbs.prop_map(|addresses| (Carrier::Verbs, addresses)),
    ];
    (any::<HostId>(), kinds).prop_map(|(host, (carrier, addresses))| Place {
        host,
        carrier,
        addresses,
    })
}

fn rejects() -> impl Strategy<Value = Reject> {
    prop_oneof![
        any::<(u32, u32, u32)>().prop_map(|(rank, theirs, ours)| Reject::World {
            rank,
            theirs,
            ours
        }),
        any::<u32>().prop_map(|rank| Reject::Duplicate { rank }),
        any::<u32>().prop_map(|rank| Reject::Lost { rank }),
        any::<u32>().prop_map(|rank| Reject::Device {
            rank,
            theirs: Carrier::Verbs,
            ours: Carrier::Udp,
        }),
        prop::collection::vec(any::<u32>(), 0..300).prop_map(|ranks| Reject::missing(&ranks)),
    ]
}

proptest! {
    #[test]
    fn hello_comes_back(world: u32, place in places()) {
        let hello = Hello { world, place };
        prop_assert_eq!(Hello::decode(&hello.encode()).unwrap(), hello);
    }

    #[test]
    fn reject_comes_back(reject in rejects()) {
        prop_assert_eq!(Reject::decode(&reject.encode()).unwrap(), reject);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Hello::decode(&bytes);
        let _ = decode_roster(&bytes);
        let _ = Reject::decode(&bytes);
    }

    #[test]
    fn truncation_and_excess_are_refused(world: u32, place in places()) {
        let mut bytes = Hello { world, place }.encode();
        for length in 0..bytes.len() {
            prop_assert!(Hello::decode(&bytes[..length]).is_err());
        }
        bytes.push(0);
        prop_assert!(Hello::decode(&bytes).is_err());
    }
}

#[test]
fn a_long_roster_takes_several_frames_within_the_limit() {
    let address = SocketAddr::from(([0xfd; 16], 4000));
    let place = Place { host: [7; 16], carrier: Carrier::Udp, addresses: vec![address; 64] };
    let frames = encode_roster((0..1000).map(|rank| (Rank(rank), &place)));
    assert!(frames.len() > 1);
    assert!(frames.iter().all(|frame| frame.len() <= limits::CONTROL_FRAME_MAX));
    let all: Vec<_> = frames.iter().flat_map(|frame| decode_roster(frame).unwrap()).collect();
    assert_eq!(all.len(), 1000);
    assert!(all.iter().enumerate().all(|(at, (rank, p))| rank.0 as usize == at && *p == place));
}

#[test]
fn a_wrong_count_allocates_nothing() {
    assert_eq!(decode_roster(&[0xff; 8]), Err(Malformed("ROSTER")));
}
