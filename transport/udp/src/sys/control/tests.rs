#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_encoded_is_found_again() {
    let mut control = Control::<64>::new();
    let used = control.encode(true, Ecn::Ect0, Some(1400));
    let items: Vec<_> =
        Items::new(&control.bytes[..used]).map(|i| (i.level, i.kind, i.data.to_vec())).collect();
    assert_eq!(
        items,
        [
            (libc::IPPROTO_IP, libc::IP_TOS, 2i32.to_ne_bytes().to_vec()),
            (libc::SOL_UDP, libc::UDP_SEGMENT, 1400u16.to_ne_bytes().to_vec()),
        ]
    );
    assert_eq!(Control::<64>::new().encode(false, Ecn::NotEct, None), 0);
    assert_eq!(decode(&control.bytes[..used]).ecn, Ecn::Ect0);
}

#[test]
fn the_layout_is_that_of_the_platform() {
    assert_eq!(std::mem::offset_of!(libc::cmsghdr, cmsg_level), WORD);
    assert_eq!(std::mem::offset_of!(libc::cmsghdr, cmsg_type), WORD + 4);
    assert_eq!(HEADER % WORD, 0);
    assert_eq!(std::mem::offset_of!(libc::sock_extended_err, ee_origin), 4);
    assert_eq!(std::mem::offset_of!(libc::sock_extended_err, ee_info), 8);
}

#[test]
fn a_message_that_lies_about_its_length_ends_the_walk() {
    let mut control = Control::<64>::new();
    let used = control.put(0, libc::SOL_UDP, libc::UDP_GRO, &1400i32.to_ne_bytes());
    for length in [0usize, HEADER - 1, used + 1, usize::MAX] {
        control.bytes[..WORD].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(decode(&control.bytes[..used]), Ancillary::default(), "length {length}");
    }
}

#[test]
fn nonsense_segment_sizes_are_ignored() {
    for size in [0i32, -1, i32::MIN] {
        let mut control = Control::<64>::new();
        let used = control.put(0, libc::SOL_UDP, libc::UDP_GRO, &size.to_ne_bytes());
        assert_eq!(decode(&control.bytes[..used]).stride, None);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_break_the_walk(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode_error(&bytes);
        prop_assert!(Items::new(&bytes).count() <= bytes.len() / HEADER + 1);
    }

    #[test]
    fn plausible_lengths_never_break_the_walk(
        lengths in prop::collection::vec(0usize..48, 1..6),
        fill in any::<u8>(),
    ) {
        let mut bytes = vec![fill; 128];
        let mut at = 0;
        for length in lengths {
            if at + WORD <= bytes.len() {
                bytes[at..at + WORD].copy_from_slice(&length.to_ne_bytes());
            }
            at += align(length.max(1));
        }
        let _ = decode(&bytes);
        let _ = decode_error(&bytes);
    }
}
