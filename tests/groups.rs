//! Communicators made of others: parts, twins, and what is left after a failure. Each runs and fails
//! apart from the rest, and lets nobody else in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use sealane::{Communicator, Crash, Error, Rank, ReduceOp, Tag, local};

fn sum(communicator: &Communicator) -> Result<u32, Error> {
    let mut one = [1];
    communicator.all_reduce(&mut one, ReduceOp::Sum)?;
    Ok(one[0])
}

#[test]
fn parts_have_the_ranks_of_one_colour_in_the_order_of_their_keys() {
    local::run(6, |communicator| {
        let me = communicator.rank().0;
        // Rank 5 joins none; the others by parity, backwards.
        let colour = (me != 5).then_some(me % 2);
        let Some(part) = communicator.split(colour, -(me as i32))? else {
            assert_eq!(me, 5);
            return communicator.barrier();
        };
        let expected: &[u32] = if me % 2 == 0 { &[4, 2, 0] } else { &[3, 1] };
        assert_eq!((part.size() as usize, part.epoch()), (expected.len(), 1));
        let mut names = vec![0; expected.len()];
        part.all_gather_into(&[me], &mut names)?;
        assert_eq!(names, expected);
        assert_eq!(names[part.rank().0 as usize], me);
        // Roots, sources and peers are ranks of the part.
        let mut root = [me];
        part.broadcast(&mut root, Rank(1))?;
        assert_eq!(root, [expected[1]]);
        if part.rank() == Rank(0) {
            part.send(&[me], Rank(1), Tag(3))?;
        } else if part.rank() == Rank(1) {
            let came = part.recv_start(vec![0_u32], None, Tag(3))?.wait()?;
            assert_eq!((came.source, &came.data[..]), (Rank(0), &expected[..1]));
        }
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn parts_of_parts_and_twins_are_used_at_once_from_several_threads() {
    local::run(4, |communicator| {
        let me = communicator.rank().0;
        let half = communicator.split(Some(me / 2), 0)?.unwrap();
        let alone = half.split(Some(half.rank().0), 0)?.unwrap();
        let twin = communicator.duplicate()?;
        assert_eq!((half.size(), alone.size(), twin.size()), (2, 1, 4));
        assert_eq!((alone.epoch(), twin.epoch(), twin.rank()), (2, 1, communicator.rank()));
        thread::scope(|scope| {
            for (one, size) in [(communicator, 4), (&half, 2), (&alone, 1), (&twin, 4)] {
                scope.spawn(move || {
                    for _ in 0..30 {
                        assert_eq!(sum(one).unwrap(), size);
                    }
                });
            }
        });
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_part_that_fails_leaves_the_others_and_the_whole_alone() {
    local::run(4, |communicator| {
        let me = communicator.rank().0;
        let half = communicator.split(Some(me / 2), 0)?.unwrap();
        if me == 3 {
            half.abort("enough of this half");
        }
        if me >= 2 {
            let error = half.barrier().unwrap_err();
            assert!(matches!(error, Error::Aborted { .. }), "{error}");
        } else {
            assert_eq!(sum(&half)?, 2);
        }
        drop(half);
        assert_eq!(sum(communicator)?, 4);
        Ok(())
    })
    .unwrap();
}

#[test]
fn survivors_go_on_without_the_lost_ranks_again_and_again() {
    let over = Barrier::new(5);
    local::run(5, |communicator| {
        let me = communicator.rank().0;
        communicator.barrier()?;
        let leave = |whole: &Communicator| {
            whole.simulate_crash(Crash::Silent);
            over.wait();
            Ok(())
        };
        if me == 0 {
            return leave(communicator);
        }
        let error = sum(communicator).unwrap_err();
        assert!(matches!(error, Error::PeerLost { rank: Rank(0), .. }), "{error}");
        let four = communicator.shrink()?;
        assert_eq!((four.size(), four.rank(), sum(&four)?), (4, Rank(me - 1), 4));
        if me == 3 {
            return leave(&four);
        }
        let error = sum(&four).unwrap_err();
        assert!(matches!(error, Error::PeerLost { rank: Rank(2), .. }), "{error}");
        let three = four.shrink()?;
        assert_eq!((three.size(), three.epoch(), sum(&three)?), (3, 2, 3));
        let part = three.split(Some(0), -(me as i32))?.unwrap();
        let mut names = [0; 3];
        part.all_gather_into(&[me], &mut names)?;
        assert_eq!(names, [4, 2, 1]);
        over.wait();
        Ok(())
    })
    .unwrap();
}

/// A rank that lives and does not call shrink, be it the one that would decide, is left out after the
/// operation timeout; when it comes at last, it is told so.
#[test]
fn a_rank_that_does_not_shrink_is_left_out_and_told_so() {
    for late in [2, 0] {
        let (begun, over) = (Barrier::new(3), Barrier::new(3));
        let limit = Duration::from_millis(700);
        local::run_with(
            3,
            |_, builder| builder.operation_timeout(limit),
            |communicator| {
                let me = communicator.rank().0;
                sum(communicator).unwrap();
                begun.wait();
                if me == (late + 1) % 3 {
                    communicator.abort("a bug");
                }
                if me == late {
                    over.wait();
                    let error = communicator.shrink().unwrap_err();
                    assert!(matches!(error, Error::Excluded { .. }), "{late}: {error}");
                    return Ok(());
                }
                let rest = communicator.shrink();
                over.wait();
                let rest = rest?;
                assert_eq!((rest.size(), sum(&rest)?), (2, 2), "{late}");
                rest.barrier()
            },
        )
        .unwrap();
    }
}

/// One rank fails for a reason of its own; all call shrink although nobody is lost.
#[test]
fn a_communicator_without_losses_shrinks_to_all_of_its_ranks() {
    local::run(3, |communicator| {
        if communicator.rank() == Rank(1) {
            communicator.abort("a bug");
        }
        let anew = communicator.shrink()?;
        assert_eq!((anew.size(), anew.rank(), sum(&anew)?), (3, communicator.rank(), 3));
        Ok(())
    })
    .unwrap();
}
