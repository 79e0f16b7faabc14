#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::{ReduceOp, Tag};

#[test]
fn ranks_are_numbered_and_return_in_order() {
    let ranks = run(4, |communicator| Ok((communicator.rank().0, communicator.size()))).unwrap();
    assert_eq!(ranks, [(0, 4), (1, 4), (2, 4), (3, 4)]);
}

#[test]
fn the_error_of_one_rank_ends_the_others_and_is_the_one_returned() {
    let error = run(3, |communicator| {
        if communicator.rank() == Rank(1) {
            return Err(Error::Argument("not today".to_owned()));
        }
        let mut values = [1_u32; 100];
        communicator.all_reduce(&mut values, ReduceOp::Sum)
    });
    assert!(matches!(&error, Err(Error::Argument(text)) if text == "not today"), "{error:?}");
}

#[test]
fn a_panic_of_one_rank_ends_the_others_and_goes_on() {
    let outcome = std::panic::catch_unwind(|| {
        run(2, |communicator| {
            assert_ne!(communicator.rank(), Rank(1), "as it was told");
            communicator.recv(&mut [0_u8; 8], Rank(1), Tag(1))
        })
    });
    let panic = outcome.unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("as it was told"));
}

/// The ranks that joined took in everything that had come with the roster, and dropped what was not
/// part of it: an abort by rank 0 at once was lost, and they saw it leave a second later instead.
#[test]
fn regression_an_abort_right_after_the_rendezvous_reaches_all() {
    run(3, |communicator| {
        if communicator.rank() == Rank(0) {
            communicator.abort("on second thoughts");
            return Ok(());
        }
        let ended = communicator.barrier();
        let Err(Error::Aborted { reason, .. }) = &ended else { panic!("{ended:?}") };
        assert!(reason.contains("on second thoughts"), "{reason}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn nobody_and_too_many_are_errors() {
    for world in [0, RANKS_MAX + 1] {
        let error = run(world, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("give 1 to 64"), "{error}");
    }
}

#[test]
fn one_rank_reduces_with_itself() {
    let values = run(1, |communicator| {
        let mut value = [2.5_f64];
        communicator.all_reduce(&mut value, ReduceOp::Average)?;
        communicator.barrier()?;
        Ok(value[0])
    });
    assert_eq!(values.unwrap(), [2.5]);
}

#[test]
fn a_free_port_can_be_bound() {
    UdpSocket::bind(("127.0.0.1", free_port().unwrap())).unwrap();
}
