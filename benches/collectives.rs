//! All-reduce by size, and goodput of send and receive, between two ranks on two threads over loopback
//! sockets. `cargo bench --bench collectives`
#![allow(missing_docs, reason = "a bench has no users")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::unwrap_used, reason = "a bench whose ranks fail has nothing to say")]

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sealane::bootstrap::{Credentials, Launch};
use sealane::{Communicator, Rank, ReduceOp, Tag};

const SIZES: [usize; 8] = [8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 2 << 20, 64 << 20];

/// What both ranks do at once.
#[derive(Clone, Copy)]
enum Task {
    AllReduce,
    /// Rank 0 sends, rank 1 receives.
    SendRecv,
}

#[derive(Clone, Copy)]
struct Order {
    task: Task,
    bytes: usize,
    iterations: u64,
}

fn connect(rank: u32, port: u16) -> Communicator {
    let variables = HashMap::from([
        ("SEALANE_RANK", rank.to_string()),
        ("SEALANE_WORLD_SIZE", "2".to_owned()),
        ("SEALANE_MASTER", format!("127.0.0.1:{port}")),
    ]);
    let text = "a secret of this bench alone".to_owned().into();
    Communicator::builder()
        .launch(Launch::detect(&|name| variables.get(name).cloned()).unwrap())
        .credentials(Credentials::Secret { text, origin: "the bench".to_owned() })
        .connect()
        .unwrap()
}

fn perform(communicator: &Communicator, order: Order) -> Duration {
    let mut values = vec![0_f32; order.bytes / 4];
    communicator.barrier().unwrap();
    let started = Instant::now();
    for _ in 0..order.iterations {
        match (order.task, communicator.rank()) {
            (Task::AllReduce, _) => communicator.all_reduce(&mut values, ReduceOp::Sum).unwrap(),
            (Task::SendRecv, Rank(0)) => communicator.send(&values, Rank(1), Tag(1)).unwrap(),
            (Task::SendRecv, _) => {
                communicator.recv(&mut values, Rank(0), Tag(1)).unwrap();
            }
        }
    }
    communicator.barrier().unwrap();
    started.elapsed()
}

/// Rank 1, which follows orders until there are no more.
fn follower(port: u16) -> (Sender<Order>, thread::JoinHandle<()>) {
    let (sender, orders) = channel();
    let thread = thread::spawn(move || {
        let communicator = connect(1, port);
        for order in orders {
            perform(&communicator, order);
        }
    });
    (sender, thread)
}

fn collectives(criterion: &mut Criterion) {
    let port = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (orders, thread) = follower(port);
    let leader = connect(0, port);
    for (name, task) in [("all_reduce", Task::AllReduce), ("send_recv", Task::SendRecv)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(300));
        for bytes in SIZES {
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter_custom(|iterations| {
                    let order = Order { task, bytes, iterations };
                    orders.send(order).unwrap();
                    perform(&leader, order)
                });
            });
        }
        group.finish();
    }
    drop(orders);
    drop(leader);
    thread.join().unwrap();
}

criterion_group!(benches, collectives);
criterion_main!(benches);
