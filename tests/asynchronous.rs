//! Operations that run by themselves: any number, waited for in any order by anyone or by nobody, on
//! memory of any owner.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use sealane::{
    Collective, Counts, Dtype, Error, HostBuffer, Rank, ReduceOp, Request, Tag, Work, local,
};

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Memory as a framework has it: a pointer, and an owner that counts its drops.
struct Tensor {
    values: Vec<f32>,
    drops: Arc<AtomicU32>,
    at_drop: Box<dyn Fn() + Send>,
}

impl Drop for Tensor {
    fn drop(&mut self) {
        (self.at_drop)();
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

fn tensor(
    values: Vec<f32>,
    drops: &Arc<AtomicU32>,
    at_drop: impl Fn() + Send + 'static,
) -> HostBuffer {
    let mut tensor = Tensor { values, drops: drops.clone(), at_drop: Box::new(at_drop) };
    let (start, length) = (tensor.values.as_mut_ptr(), size_of_val(&tensor.values[..]));
    // SAFETY: the vector is the tensor's, which is kept and does not touch it; moving the tensor does
    // not move the vector's memory.
    unsafe { HostBuffer::from_raw(start.cast(), length, Box::new(tensor)) }
}

fn values(buffer: &HostBuffer) -> Vec<f32> {
    let chunks = buffer.as_bytes().chunks_exact(4);
    chunks.map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap())).collect()
}

fn sum(count: usize, data: impl Into<HostBuffer>) -> Request {
    Request::in_place(Collective::AllReduce(ReduceOp::Sum), Dtype::F32, count, data)
}

fn eventually(what: &str, ready: impl Fn() -> bool) {
    let mut left = 6000;
    while !ready() {
        assert!(left > 0, "never: {what}");
        left -= 1;
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn many_are_under_way_and_waited_for_in_any_order_by_any_thread() {
    local::run(3, |communicator| {
        let rank = communicator.rank().0 as f32;
        let start = |index: usize| {
            let count = 1 + index * 97 % 5000;
            communicator.submit(sum(count, vec![rank + index as f32; count])).unwrap()
        };
        let mut works: Vec<_> = (0..60).map(start).enumerate().collect();
        assert_eq!(works[59].1.sequence(), Some(59));
        works.reverse();
        let late = works.split_off(20);
        let check = |(index, work): (usize, Work<sealane::Done>)| {
            let reduced = values(&work.wait().unwrap().output);
            assert!(reduced.iter().all(|value| *value == 3.0 + 3.0 * index as f32), "{index}");
        };
        let halves = Mutex::new(late);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let Some(work) = halves.lock().unwrap().pop() else { return };
                        check(work);
                    }
                });
            }
            works.into_iter().for_each(check);
        });
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn a_dropped_handle_cancels_nothing_and_its_owner_is_freed_once_under_no_lock() {
    let drops = Arc::new(AtomicU32::new(0));
    local::run(2, |communicator| {
        thread::scope(|scope| {
            // Asks the communicator something: under the lock, it would wait for itself.
            let (ask, asked) = mpsc::channel::<mpsc::Sender<u64>>();
            scope.spawn(move || {
                for answer in asked {
                    answer.send(communicator.stats().packets_sent).unwrap();
                }
            });
            for _ in 0..20 {
                let ask = ask.clone();
                let at_drop = move || {
                    let (answer, answered) = mpsc::channel();
                    ask.send(answer).unwrap();
                    answered.recv_timeout(LONG).expect("the lock is held");
                };
                let data = tensor(vec![1.0; 3000], &drops, at_drop);
                drop(communicator.submit(sum(3000, data)).unwrap());
            }
            let last = communicator.submit(sum(1, vec![0.5_f32])).unwrap();
            assert_eq!(values(&last.wait().unwrap().output), [1.0]);
            communicator.barrier().unwrap();
            eventually("all owners freed", || drops.load(Ordering::SeqCst) == 40);
            drop(ask);
        });
        Ok(())
    })
    .unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 40);
}

#[test]
fn raw_memory_is_reduced_where_it_lies_and_its_owner_comes_back() {
    let drops = Arc::new(AtomicU32::new(0));
    local::run(2, |communicator| {
        let input = tensor(vec![2.0; 10], &drops, || {});
        let output = tensor(vec![0.0; 10], &drops, || {});
        let product = Collective::AllReduce(ReduceOp::Product);
        let request = Request::out_of_place(product, Dtype::F32, 10, input, output);
        let done = communicator.submit(request)?.wait()?;
        assert_eq!(values(&done.output), [4.0; 10]);
        let keep = done.output.into_keep().unwrap().downcast::<Tensor>().unwrap();
        assert_eq!(keep.values, [4.0; 10]);
        assert_eq!(done.input.unwrap().len(), 40);
        Ok(())
    })
    .unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}

#[test]
fn memory_that_is_in_use_is_refused_with_a_reason() {
    local::run(2, |communicator| {
        let mut memory = vec![1.0_f32; 8];
        let start = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: `memory` outlives every operation, and is looked at only after they have ended.
        let part = |from: usize, to: usize| unsafe {
            HostBuffer::from_raw(start.wrapping_add(4 * from), 4 * (to - from), Box::new(()))
        };
        let copy = Collective::AllReduce(ReduceOp::Sum);
        let refused = communicator
            .submit(Request::out_of_place(copy, Dtype::F32, 4, part(0, 4), part(3, 7)))
            .unwrap_err();
        assert!(refused.to_string().contains("overlaps"), "{refused}");
        let peer = Rank(1 - communicator.rank().0);
        let held = communicator.submit(Request::recv(part(0, 4), peer, Tag(1)))?;
        let refused = communicator.submit(Request::send(part(2, 6), peer, Tag(2))).unwrap_err();
        assert!(matches!(refused, Error::Argument(_)), "{refused}");
        communicator.barrier()?;
        let sent = communicator.submit(Request::send(part(4, 8), peer, Tag(1)))?;
        held.wait()?;
        sent.wait()?;
        communicator.submit(sum(8, part(0, 8)))?.wait()?;
        assert_eq!(memory, [2.0; 8]);
        Ok(())
    })
    .unwrap();
}

#[test]
fn nobody_waits_and_everything_ends() {
    local::run(3, |communicator| {
        let (ended, ends) = mpsc::channel();
        for index in 0..30_u32 {
            let work = communicator.submit(sum(20_000, vec![1.0_f32; 20_000]))?;
            let ended = ended.clone();
            work.on_end(move |result| ended.send((index, result.is_ok())).unwrap());
        }
        let mut order: Vec<_> = (0..30).map(|_| ends.recv_timeout(LONG).unwrap()).collect();
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(at, end)| *end == (at as u32, true)));
        assert!(ends.try_recv().is_err(), "once each");
        communicator.barrier()
    })
    .unwrap();
}

/// It runs on the thread that drives, which must not wait for itself.
#[test]
fn a_callback_may_start_operations_and_wait_for_them() {
    local::run(2, |communicator| {
        thread::scope(|scope| {
            let (submit, submitted) = mpsc::channel::<mpsc::Sender<f32>>();
            scope.spawn(move || {
                for answer in submitted {
                    let work = communicator.submit(sum(1, vec![3.0_f32])).unwrap();
                    answer.send(values(&work.wait().unwrap().output)[0]).unwrap();
                }
            });
            let (ended, end) = mpsc::channel();
            let work = communicator.submit(sum(1, vec![1.0_f32])).unwrap();
            work.on_end(move |_| {
                let (answer, answered) = mpsc::channel();
                submit.send(answer).unwrap();
                ended.send(answered.recv_timeout(LONG).unwrap()).unwrap();
            });
            drop(work);
            assert_eq!(end.recv_timeout(LONG).unwrap(), 6.0);
        });
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn a_message_that_never_comes_times_out_by_itself_and_harms_nothing() {
    local::run(2, |communicator| {
        let soon = Duration::from_millis(200);
        let request = Request::recv(vec![0_u8; 4], None, Tag(6)).timeout(soon);
        let work = communicator.submit(request)?;
        let (ended, end) = mpsc::channel();
        work.on_end(move |result| ended.send(result.unwrap_err().clone()).unwrap());
        let Error::Timeout { operation, within, .. } = end.recv_timeout(LONG).unwrap() else {
            panic!("{work:?}")
        };
        assert_eq!((operation.name, within), ("recv", soon));
        assert!(matches!(work.error(), Some(Error::Timeout { .. })));
        assert!(matches!(work.wait(), Err(Error::Timeout { .. })));
        let peer = Rank(1 - communicator.rank().0);
        let sent = communicator.send_start(vec![9_u8; 3], peer, Tag(5))?;
        let came = communicator.recv_start(vec![0_u8; 4], None, Tag(5))?.wait()?;
        assert_eq!((came.source, came.count, &came.data[..3]), (peer, 3, &[9_u8; 3][..]));
        sent.wait()?;
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn a_collective_that_a_rank_does_not_call_times_out_and_ends_the_others() {
    local::run(3, |communicator| {
        let mut request = sum(10, vec![1.0_f32; 10]);
        if communicator.rank() == Rank(2) {
            let error = loop {
                match communicator.submit(Request::recv(vec![0_u8], Rank(0), Tag(0))) {
                    Ok(work) => assert!(work.wait().is_err()),
                    Err(error) => break error,
                }
            };
            assert!(error.to_string().contains("all_reduce #0 did not finish"), "{error}");
            return Ok(());
        }
        if communicator.rank() == Rank(0) {
            request = request.timeout(Duration::from_millis(300));
        }
        let error = communicator.submit(request)?.wait().unwrap_err();
        match communicator.rank() {
            Rank(0) => assert!(matches!(error, Error::Timeout { .. }), "{error}"),
            _ => assert!(matches!(error, Error::Aborted { .. }), "{error}"),
        }
        Ok(())
    })
    .unwrap();
}

/// All but one say, after half a second, that they wait in the call: so it is the one that does not.
#[test]
fn a_timeout_names_the_rank_that_did_not_call_although_messages_go_around_a_ring() {
    let over = Barrier::new(4);
    local::run(4, |communicator| {
        communicator.barrier()?;
        if communicator.rank() != Rank(3) {
            let limit = Duration::from_millis(2000 + 500 * u64::from(communicator.rank().0));
            let request = sum(200_000, vec![1.0_f32; 200_000]).timeout(limit);
            let error = communicator.submit(request)?.wait().unwrap_err();
            match &error {
                Error::Timeout { waiting_for, .. } => assert_eq!(*waiting_for, [Rank(3)]),
                Error::Aborted { .. } => {}
                _ => panic!("{error}"),
            }
            let named = error.to_string().contains("rank 3 is slow, or did not call it");
            assert!(named, "{error}");
        }
        over.wait();
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_abort_ends_everything_that_is_under_way() {
    local::run(2, |communicator| {
        let recv = communicator.recv_start(vec![0_u8; 4], None, Tag(1))?;
        if communicator.rank() == Rank(0) {
            let sum = communicator.all_reduce_start(vec![1_u8], ReduceOp::Sum)?;
            communicator.abort("enough");
            let error = sum.wait().unwrap_err();
            assert!(matches!(error, Error::Aborted { .. }), "{error}");
        }
        let error = recv.wait().unwrap_err();
        assert!(matches!(error, Error::Aborted { .. }), "{error}");
        assert!(error.to_string().contains("enough"), "{error}");
        let error = communicator.send(&[1_u8], Rank(1 - communicator.rank().0), Tag(3));
        assert!(matches!(error, Err(Error::Aborted { .. })), "{error:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_group_starts_together_in_its_order() {
    local::run(4, |communicator| {
        let (rank, world) = (communicator.rank().0, communicator.size());
        let mut group = communicator.group();
        let reduce = group.submit(sum(100, vec![1.0_f32; 100]))?;
        let counts = Counts::Uneven((0..u64::from(world)).collect());
        let (mine, all) = (vec![rank as u8; rank as usize], vec![9_u8; 6]);
        let gather = Request::out_of_place(Collective::AllGather, Dtype::U8, 0, mine, all);
        let gather = group.submit(gather.counts(counts))?;
        let others: Vec<_> = (0..world).filter(|peer| *peer != rank).map(Rank).collect();
        let mut sends = Vec::new();
        let mut recvs = Vec::new();
        for peer in others {
            sends.push(group.submit(Request::send(vec![rank], peer, Tag(4)))?);
            recvs.push((peer, group.submit(Request::recv(vec![0_u32], peer, Tag(4)))?));
        }
        assert!(!reduce.test() && reduce.sequence().is_none());
        group.launch()?;
        assert_eq!((reduce.sequence(), gather.sequence()), (Some(0), Some(1)));
        for (peer, recv) in recvs {
            assert_eq!(recv.wait()?.output.into_vec::<u32>().unwrap(), [peer.0]);
        }
        sends.into_iter().try_for_each(|send| send.wait().map(drop))?;
        assert_eq!(gather.wait()?.output.into_vec::<u8>().unwrap(), [1, 2, 2, 3, 3, 3]);
        assert_eq!(values(&reduce.wait()?.output), [4.0; 100]);
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn a_group_that_is_not_launched_or_fails_ends_its_operations() {
    local::run(2, |communicator| {
        let mut group = communicator.group();
        let work = group.submit(sum(1, vec![1.0_f32]))?;
        drop(group);
        assert!(matches!(work.wait(), Err(Error::Aborted { .. })));

        let mut group = communicator.group();
        let first = group.submit(sum(1, vec![1.0_f32]))?;
        let wrong = group.submit(sum(2, vec![1.0_f32]))?;
        let after = group.submit(sum(1, vec![1.0_f32]))?;
        let error = group.launch().unwrap_err();
        assert!(matches!(error, Error::Argument(_)), "{error}");
        assert_eq!(values(&first.wait()?.output), [2.0]);
        assert!(matches!(wrong.wait(), Err(Error::Argument(_))));
        assert!(matches!(after.wait(), Err(Error::Aborted { .. })));
        communicator.barrier()
    })
    .unwrap();
}

#[test]
fn groups_in_another_order_are_a_mismatch_on_every_rank() {
    local::run(3, |communicator| {
        let mut group = communicator.group();
        let counts = if communicator.rank() == Rank(1) { [7, 3] } else { [3, 7] };
        let works = counts.map(|count| group.submit(sum(count, vec![1.0_f32; count])).unwrap());
        group.launch()?;
        for work in works {
            let error = work.wait().unwrap_err();
            assert!(matches!(error, Error::Mismatch { .. }), "{error}");
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn handles_outlive_their_communicator() {
    local::run(2, |communicator| {
        // Never filled: the other rank sends nothing.
        communicator.recv_start(vec![0_u8; 4], None, Tag(1))
    })
    .unwrap()
    .into_iter()
    .for_each(|work| {
        let error = work.wait().unwrap_err();
        assert!(matches!(error, Error::Aborted { .. } | Error::PeerLost { .. }), "{error}");
    });
}
