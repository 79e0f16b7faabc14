//! Completion codes, asynchronous events and work-request ids, known and unknown.

use proptest::prelude::*;

use crate::completion::{AsyncMeaning, Verdict, meaning, verdict};
use crate::wr_id::{WrId, next_life};

proptest! {
    #[test]
    fn every_code_has_a_verdict_and_only_zero_is_done(status: u32) {
        prop_assert_eq!(verdict(status) == Verdict::Done, status == 0);
    }

    #[test]
    fn an_id_comes_back(receive: bool, life in 0_u16..1 << 15, queue: u16, item: u32) {
        let id = WrId { receive, life, queue, item };
        prop_assert_eq!(WrId::unpack(id.pack()), id);
    }
}

#[test]
fn codes_of_a_newer_library_fail_the_queue_pair_and_nothing_else() {
    for status in [2, 4, 21, 22, 23, 1000, u32::MAX] {
        assert_eq!(verdict(status), Verdict::Failed);
    }
    for kind in [19, 20, 1000, u32::MAX] {
        assert_eq!(meaning(kind), AsyncMeaning::Other);
    }
}

#[test]
fn the_port_and_the_device_are_told_apart() {
    assert_eq!(meaning(10), AsyncMeaning::LinkDown);
    assert_eq!(meaning(9), AsyncMeaning::LinkUp);
    assert_eq!(meaning(8), AsyncMeaning::DeviceFailed);
    assert_eq!(meaning(1), AsyncMeaning::QueueFailed);
    assert_eq!(meaning(18), AsyncMeaning::AddressChanged);
}

#[test]
fn lives_wrap_within_their_fifteen_bits() {
    assert_eq!(next_life(0), 1);
    assert_eq!(next_life((1 << 15) - 1), 0);
}
