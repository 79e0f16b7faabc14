#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

/// A rank that had the roster before us had failed already, and told us why. The rendezvous took its
/// word and dropped it, so that this rank later saw the others leave without a reason.
#[test]
fn what_faster_ranks_say_during_the_rendezvous_is_kept() {
    let timeout = Duration::from_secs(1);
    let mut guest =
        Guest { rank: Rank(2), world: 3, timeout, places: BTreeMap::new(), early: Vec::new() };
    let notice =
        Event::Control { peer: Rank(1), kind: 4, body: Bytes::from_static(&[1, 0, 0, 0, 0]) };
    assert!(guest.take(notice.clone()).is_ok());
    assert_eq!(guest.early, [notice]);
    assert!(!guest.is_complete());
}
