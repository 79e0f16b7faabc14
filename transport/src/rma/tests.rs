#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::*;
use crate::error::Error;
use crate::ids::{BufferId, Rank};
use crate::limits::{GRANTS_MAX, REVOKED_MAX, SEGMENTS_MAX};

fn grants() -> Grants {
    Grants::new(Rank(0), 0, [7; 32])
}

fn exposure(offset: u64, length: u64, permissions: Permissions, audience: Audience) -> Exposure {
    Exposure { buffer: BufferId(3), offset, length, permissions, audience }
}

#[test]
fn grants_are_what_they_encode_to() {
    let grant = Grant {
        owner: Rank(0x0102_0304),
        key: RemoteKey(0x1112_1314_1516_1718),
        length: 0x2122_2324_2526_2728,
        permissions: Permissions::READ | Permissions::ATOMIC,
        epoch: 0x3132_3334,
    };
    let bytes = grant.encode();
    assert_eq!(
        bytes,
        [
            1, 5, 0, 0, 1, 2, 3, 4, 0x31, 0x32, 0x33, 0x34, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
            0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28
        ]
    );
    assert_eq!(Grant::decode(&bytes), Ok(grant));
    for length in 0..bytes.len() {
        assert_eq!(Grant::decode(&bytes[..length]), Err(GrantError::Size(length)));
    }
    let changed = |at: usize, to| {
        let mut bytes = bytes;
        bytes[at] = to;
        Grant::decode(&bytes)
    };
    assert_eq!(changed(0, 2), Err(GrantError::Version(2)));
    assert_eq!(changed(1, 8), Err(GrantError::Reserved));
    assert_eq!(changed(3, 1), Err(GrantError::Reserved));
    assert!(!format!("{grant:?}").contains(&grant.key.0.to_string()), "keys are not printed");
    assert_eq!(grant.permissions.to_string(), "read+atomic");
    assert_eq!(Permissions::NONE.to_string(), "nothing");
}

#[test]
fn every_rule_has_its_refusal() {
    let mut grants = grants();
    let permissions = Permissions::READ | Permissions::WRITE;
    let grant = grants.grant(exposure(100, 64, permissions, Audience::only(Rank(1)))).unwrap();
    let check = |grants: &Grants, rank, offset, length, wanted| {
        grants.check(Rank(rank), &grant.at(offset), length, wanted)
    };
    let extent = Ok(Extent { buffer: BufferId(3), offset: 110 });
    assert_eq!(check(&grants, 1, 10, 54, Permissions::WRITE), extent);
    assert_eq!(check(&grants, 1, 10, 54, Permissions::READ), extent);
    assert!(check(&grants, 1, 64, 0, Permissions::WRITE).is_ok(), "nothing at the end");
    for (offset, length) in [(10, 55), (64, 1), (65, 0), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
        let refused = check(&grants, 1, offset, length, Permissions::WRITE);
        assert_eq!(refused, Err(Refusal::OutOfBounds), "{offset} {length}");
    }
    assert_eq!(check(&grants, 1, 0, 8, Permissions::ATOMIC), Err(Refusal::NotPermitted));
    assert_eq!(check(&grants, 2, 0, 8, Permissions::WRITE), Err(Refusal::UnknownKey));
    let guess = RemoteAddress { key: RemoteKey(grant.key.0 ^ 1), ..grant.at(0) };
    let guessed = grants.check(Rank(1), &guess, 1, Permissions::WRITE);
    assert_eq!(guessed, Err(Refusal::UnknownKey));

    assert!(grants.revoke(grant.key) && !grants.revoke(grant.key));
    assert_eq!(check(&grants, 1, 0, 8, Permissions::WRITE), Err(Refusal::Revoked));
    assert_eq!(check(&grants, 2, 0, 8, Permissions::WRITE), Err(Refusal::UnknownKey));
    let second = grants.grant(exposure(0, 8, permissions, Audience::Anyone)).unwrap();
    assert_eq!(grants.advance_epoch(), [second.key]);
    for grant in [grant, second] {
        let refused = grants.check(Rank(1), &grant.at(0), 8, Permissions::WRITE);
        assert_eq!(refused, Err(Refusal::EpochOver));
    }
    assert!(grants.is_empty());
}

#[test]
fn keys_differ_and_their_number_is_bounded() {
    let mut grants = grants();
    let mut keys = BTreeSet::new();
    for _ in 0..GRANTS_MAX {
        let grant = grants.grant(exposure(0, 1, Permissions::ALL, Audience::Anyone)).unwrap();
        assert!(keys.insert(grant.key.0));
    }
    let one_more = grants.grant(exposure(0, 1, Permissions::ALL, Audience::Anyone));
    assert_eq!(one_more, Err(Error::Limit("grants of an endpoint")));
    // Half of all bits are set: nothing regular is in them.
    let ones: u32 = keys.iter().map(|key| key.count_ones()).sum();
    let all = 64 * GRANTS_MAX as u32;
    assert!(ones.abs_diff(all / 2) < all / 100, "{ones} of {all}");
    for key in keys.iter().take(REVOKED_MAX + 1) {
        assert!(grants.revoke(RemoteKey(*key)));
    }
    let address = |key| RemoteAddress { key: RemoteKey(key), offset: 0, epoch: 0 };
    let refusal = |key| grants.check(Rank(1), &address(key), 0, Permissions::NONE);
    let mut revoked = keys.iter().take(REVOKED_MAX + 1);
    assert_eq!(refusal(*revoked.next().unwrap()), Err(Refusal::UnknownKey), "long ago");
    assert!(revoked.all(|key| refusal(*key) == Err(Refusal::Revoked)));
    let endless = exposure(u64::MAX, 1, Permissions::ALL, Audience::Anyone);
    assert!(matches!(grants.grant(endless), Err(Error::Config(_))));
}

#[test]
fn statuses_are_refusals_and_back() {
    assert_eq!(Refusal::from_status(Refusal::DONE), None);
    for status in 1..20 {
        assert_eq!(Refusal::from_status(status).unwrap().status(), status);
    }
    assert_eq!(Refusal::from_status(9), Some(Refusal::Other(9)));
}

#[test]
fn segments_cut_where_they_end() {
    let segment = |buffer, offset, length| Segment { buffer: BufferId(buffer), offset, length };
    let list = [segment(1, 10, 3), segment(2, 0, 0), segment(3, 5, 100), segment(1, 0, 1)];
    let segments = Segments::new(&list).unwrap();
    assert_eq!((segments.length(), segments.single()), (104, None));
    let pieces = |offset, length| segments.pieces(offset, length).collect::<Vec<_>>();
    assert_eq!(pieces(0, 104), [segment(1, 10, 3), segment(3, 5, 100), segment(1, 0, 1)]);
    assert_eq!(pieces(2, 2), [segment(1, 12, 1), segment(3, 5, 1)]);
    assert_eq!(pieces(3, 100), [segment(3, 5, 100)]);
    assert_eq!(pieces(102, 2), [segment(3, 104, 1), segment(1, 0, 1)]);
    assert_eq!(pieces(104, 0), []);
    assert_eq!(Segments::new(&[]).unwrap().single(), Some((BufferId(0), 0)));
    assert_eq!(Segments::new(&list[..2]).unwrap().single(), Some((BufferId(1), 10)));
    assert!(Segments::new(&vec![list[0]; SEGMENTS_MAX]).is_some());
    assert!(Segments::new(&vec![list[0]; SEGMENTS_MAX + 1]).is_none());
    assert!(Segments::new(&[segment(1, u64::MAX, 1)]).is_none());
    assert!(Segments::new(&[segment(1, 0, 1 << 40), segment(1, 0, 1)]).is_none());
    assert!(Segments::new(&[segment(1, 0, u64::MAX), segment(1, 0, u64::MAX)]).is_none());
}
