//! Communicators of several ranks, in threads of one process, over real sockets: every call of the
//! family against what it must give.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Error, Rank, ReduceOp};

/// A port that no other test of this process uses, below the ephemeral range.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    20_000 + (std::process::id() % 500) as u16 * 10 + NEXT.fetch_add(1, Ordering::Relaxed)
}

fn connect(rank: u32, world: u32, port: u16) -> Communicator {
    let lookup = |name: &str| match name {
        "RANK" => Some(rank.to_string()),
        "WORLD_SIZE" => Some(world.to_string()),
        "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
        "MASTER_PORT" => Some(port.to_string()),
        "SEALANE_SECRET" => Some("a secret for tests, of enough bytes".to_owned()),
        _ => None,
    };
    Communicator::builder()
        .launch(Launch::detect(&lookup).unwrap())
        .credentials(Credentials::from_environment(Rank(rank), &lookup).unwrap())
        .operation_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(30))
        .connect()
        .unwrap()
}

/// Runs `body` as every rank of a world.
fn ranks(world: u32, body: impl Fn(&Communicator) + Sync) {
    let port = port();
    thread::scope(|scope| {
        for rank in 0..world {
            let body = &body;
            scope.spawn(move || body(&connect(rank, world, port)));
        }
    });
}

/// The value of a rank at an index.
fn value(rank: usize, index: usize) -> i64 {
    (rank * 1000 + index) as i64
}

fn values(rank: usize, count: usize) -> Vec<i64> {
    (0..count).map(|index| value(rank, index)).collect()
}

/// The sum over all ranks.
fn sum(world: usize, index: usize) -> i64 {
    (0..world).map(|rank| value(rank, index)).sum()
}

#[test]
fn even_blocks() {
    for world in [1, 3, 4] {
        ranks(world, |communicator| {
            let (me, n, each) = (communicator.rank().0 as usize, world as usize, 37);
            let root = Rank(world - 1);
            let all: Vec<i64> = (0..n).flat_map(|rank| values(rank, each)).collect();

            let mut output = vec![0; n * each];
            communicator.all_gather_into(&values(me, each), &mut output).unwrap();
            assert_eq!(output, all);

            let mut output = vec![0; if me + 1 == n { n * each } else { 0 }];
            communicator.gather_into(&values(me, each), &mut output, root).unwrap();
            assert_eq!(output, if me + 1 == n { all.clone() } else { Vec::new() });

            let input = if me + 1 == n { all.clone() } else { Vec::new() };
            let mut output = vec![0; each];
            communicator.scatter_into(&input, &mut output, root).unwrap();
            assert_eq!(output, values(me, each));

            let mut output = vec![0; each];
            communicator
                .reduce_scatter_into(&values(me, n * each), &mut output, ReduceOp::Sum)
                .unwrap();
            let own = |index: usize| sum(n, me * each + index);
            assert_eq!(output, (0..each).map(own).collect::<Vec<_>>());

            let mut output = vec![0; n * each];
            communicator.all_to_all_into(&values(me, n * each), &mut output).unwrap();
            let from = |index: usize| value(index / each, me * each + index % each);
            assert_eq!(output, (0..n * each).map(from).collect::<Vec<_>>());

            let mut data = values(me, each);
            communicator.reduce(&mut data, ReduceOp::Sum, root).unwrap();
            let reduced = |index| if me + 1 == n { sum(n, index) } else { value(me, index) };
            assert_eq!(data, (0..each).map(reduced).collect::<Vec<_>>());
        });
    }
}

#[test]
fn uneven_blocks() {
    let counts = [5_usize, 0, 1200];
    let total: usize = counts.iter().sum();
    ranks(3, |communicator| {
        let me = communicator.rank().0 as usize;
        let all: Vec<i64> = (0..3).flat_map(|rank| values(rank, counts[rank])).collect();
        let own = counts[..me].iter().sum::<usize>();

        let mut output = vec![0; total];
        communicator.all_gather_v(&values(me, counts[me]), &mut output, &counts).unwrap();
        assert_eq!(output, all);

        let mut output = vec![0; if me == 2 { total } else { 0 }];
        communicator.gather_v(&values(me, counts[me]), &mut output, &counts, Rank(2)).unwrap();
        assert!(me != 2 || output == all);

        let mut output = vec![0; counts[me]];
        let input = if me == 0 { all.clone() } else { Vec::new() };
        communicator.scatter_v(&input, &mut output, &counts, Rank(0)).unwrap();
        assert_eq!(output, values(me, counts[me]));

        let mut output = vec![0; counts[me]];
        communicator
            .reduce_scatter_v(&values(me, total), &mut output, &counts, ReduceOp::Sum)
            .unwrap();
        assert_eq!(output, (own..own + counts[me]).map(|i| sum(3, i)).collect::<Vec<_>>());

        // Rank r sends 10 r + s elements to rank s.
        let block = |from: usize, to: usize| 10 * from + to;
        let to: Vec<usize> = (0..3).map(|rank| block(me, rank)).collect();
        let from: Vec<usize> = (0..3).map(|rank| block(rank, me)).collect();
        let input = values(me, to.iter().sum());
        let mut output = vec![0; from.iter().sum()];
        communicator.all_to_all_v((&input, &to), (&mut output, &from)).unwrap();
        let expected = (0..3).flat_map(|rank| {
            let before: usize = (0..me).map(|to| block(rank, to)).sum();
            (before..before + block(rank, me)).map(move |index| value(rank, index))
        });
        assert_eq!(output, expected.collect::<Vec<_>>());
    });
}

#[test]
fn started_operations_overlap_and_give_their_buffers_back() {
    ranks(3, |communicator| {
        let (me, each) = (communicator.rank().0 as usize, 5000);
        let mut row = vec![0; 3 * each];
        row[me * each..][..each].copy_from_slice(&values(me, each));
        let gather = communicator.all_gather_start(row).unwrap();
        let scatter =
            communicator.reduce_scatter_start(values(me, 3 * each), ReduceOp::Sum).unwrap();
        let exchange = communicator.all_to_all_start(values(me, 3 * each)).unwrap();
        let reduce = communicator.reduce_start(values(me, each), ReduceOp::Sum, Rank(1)).unwrap();

        assert_eq!(exchange.wait().unwrap()[2 * each + 7], value(2, me * each + 7));
        assert_eq!(gather.wait().unwrap()[each + 3], value(1, 3));
        let scattered = scatter.wait().unwrap();
        assert_eq!(scattered[me * each + 9], sum(3, me * each + 9));
        assert_eq!(scattered[(me + 1) % 3 * each], value(me, (me + 1) % 3 * each), "not ours");
        assert_eq!(reduce.wait().unwrap()[4], if me == 1 { sum(3, 4) } else { value(me, 4) });
    });
}

#[test]
fn lengths_that_do_not_fit_are_refused_and_harm_nothing() {
    ranks(2, |communicator| {
        let argument = |result: Result<(), Error>| {
            assert!(matches!(result, Err(Error::Argument(_))), "{result:?}");
        };
        argument(communicator.all_gather_into(&[1_u8], &mut [0; 3]));
        argument(communicator.all_gather(&mut [0_u8; 3]));
        argument(communicator.all_gather_v(&[1_u8], &mut [0; 3], &[1, 1]));
        argument(communicator.all_gather_v(&[1_u8], &mut [0; 1], &[1]));
        argument(communicator.reduce_scatter_into(&[1_u8; 3], &mut [0], ReduceOp::Sum));
        argument(communicator.all_to_all_into(&[1_u8; 2], &mut [0; 4]));
        argument(communicator.all_to_all_v((&[1_u8], &[1, 1]), (&mut [0; 2], &[1, 1])));
        argument(communicator.gather_into(&[1_u8], &mut [0; 9], communicator.rank()));
        argument(communicator.reduce(&mut [1_u8], ReduceOp::Sum, Rank(2)));
        argument(communicator.reduce_scatter_v(
            &[1_u8; 2],
            &mut [0],
            &[usize::MAX, 2],
            ReduceOp::Sum,
        ));
        communicator.barrier().unwrap();
    });
}

#[test]
fn lists_that_differ_are_a_mismatch_on_every_rank() {
    ranks(3, |communicator| {
        let counts = if communicator.rank() == Rank(1) { [2, 3, 2] } else { [2, 2, 2] };
        let input = vec![0_u8; counts[communicator.rank().0 as usize]];
        let mut output = vec![0_u8; counts.iter().sum()];
        let error = communicator.all_gather_v(&input, &mut output, &counts).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error:?}");
    });
}

#[test]
fn different_collectives_are_a_mismatch_on_every_rank() {
    ranks(4, |communicator| {
        let mut data = vec![0_f32; 40_000];
        let error = match communicator.rank() {
            Rank(1) => communicator.broadcast(&mut data, Rank(0)),
            _ => communicator.all_reduce(&mut data, ReduceOp::Sum),
        };
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error:?}");
        let after = communicator.barrier().unwrap_err();
        assert!(matches!(after, Error::Mismatch { .. }), "{after:?}");
    });
}

/// What a rank calls, of 60 elements.
type Calls = fn(&Communicator) -> Result<(), Error>;

fn sum_of<T: sealane::Element>(communicator: &Communicator, count: usize) -> Result<(), Error> {
    communicator.all_reduce(&mut vec![T::default(); count], ReduceOp::Sum)
}

/// Runs the calls of a rank, and then barriers until one fails: a difference may show only afterwards.
fn difference(communicator: &Communicator, calls: Calls) -> Error {
    let mut ended = calls(communicator);
    loop {
        match ended {
            Err(error) => return error,
            Ok(()) => ended = communicator.barrier(),
        }
    }
}

/// Who had no session with the rank that differed was never told what that had called; and small messages
/// of two roots, each taken in before it was asked for, let all of a broadcast's ranks go on.
#[test]
fn regression_every_difference_is_an_error_on_every_rank_that_says_who_called_what() {
    let usual: Calls = |c| {
        sum_of::<f32>(c, 60)?;
        c.broadcast(&mut [0_f32; 60], Rank(0))?;
        c.barrier()
    };
    let others: [(&str, Calls); 6] = [
        ("int32", |c| sum_of::<i32>(c, 60)),
        ("allreduce of 61 float", |c| sum_of::<f32>(c, 61)),
        ("allgather", |c| c.all_gather(&mut [0_f32; 60])),
        ("by max", |c| c.all_reduce(&mut [0_f32; 60], ReduceOp::Max)),
        ("from rank 1", |c| {
            sum_of::<f32>(c, 60)?;
            c.broadcast(&mut [0_f32; 60], Rank(1))?;
            c.barrier()
        }),
        ("broadcast of 60 float from rank 0", |c| {
            c.broadcast(&mut [0_f32; 60], Rank(0))?;
            sum_of::<f32>(c, 60)
        }),
    ];
    let differs = |(world, odd): (u32, u32), different: &str, calls: Calls| {
        ranks(world, |communicator| {
            let is_odd = communicator.rank() == Rank(odd);
            let error = difference(communicator, if is_odd { calls } else { usual });
            let context = format!("{different} by rank {odd} of {world}: {error}");
            let Error::Mismatch { rank, theirs, ours, .. } = &error else { panic!("{context}") };
            // Slow enough, and the others have fallen out before we came to that call.
            if ours == "nothing yet" {
                return;
            }
            assert_eq!(is_odd, *rank != Rank(odd), "{context}");
            assert_eq!(ours.contains(different), is_odd, "{context}");
            let theirs = theirs.as_ref().unwrap_or_else(|| panic!("{context}"));
            assert_eq!(theirs.contains(different), !is_odd, "{context}");
        });
    };
    thread::scope(|scope| {
        for (different, calls) in others {
            let differs = &differs;
            scope.spawn(move || {
                for world in [(2, 1), (3, 2), (4, 1), (5, 4)] {
                    differs(world, different, calls);
                }
            });
        }
    });
}

/// Ranks that waited in the call before, for one that was missing there, were named in its stead by a rank
/// that had had its part of that call.
#[test]
fn regression_who_waits_in_an_earlier_call_is_not_who_is_late() {
    let configure = |rank, builder: sealane::Builder| {
        let patience = if rank == Rank(0) { 3 } else { 60 };
        let plan = "broadcast:-:chain".parse().unwrap();
        builder.algorithms(plan).operation_timeout(Duration::from_secs(patience))
    };
    let ended = sealane::local::run_with(4, configure, |communicator| {
        communicator.barrier()?;
        let error = match communicator.rank() {
            // It lives, and calls nothing that the others call.
            Rank(1) => communicator.recv(&mut [0_u8], Rank(0), sealane::Tag(1)).map(drop),
            _ => communicator.broadcast(&mut [0_u8], Rank(0)).and_then(|()| communicator.barrier()),
        };
        Ok(error.unwrap_err())
    });
    let errors = ended.unwrap();
    let Error::Timeout { waiting_for, operation, .. } = &errors[0] else { panic!("{errors:?}") };
    assert_eq!((operation.name, &waiting_for[..]), ("barrier", &[Rank(1)][..]));
    assert!(matches!(errors[3], Error::Aborted { .. }), "{errors:?}");
}
