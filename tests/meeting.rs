//! Rank 0 on a port that the system chose, which the others are told by other means.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sealane::bootstrap::{Credentials, Launch, Master};
use sealane::{Builder, Communicator, Error, Rank, ReduceOp};

fn builder(rank: u32, world: u32, port: u16) -> Builder {
    let lookup = |name: &str| match name {
        "RANK" => Some(rank.to_string()),
        "WORLD_SIZE" => Some(world.to_string()),
        "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
        "MASTER_PORT" => Some("1".to_owned()),
        "SEALANE_SECRET" => Some("a secret for tests, of enough bytes".to_owned()),
        _ => None,
    };
    let mut launch = Launch::detect(&lookup).unwrap();
    launch.master = Some(Master { host: "127.0.0.1".to_owned(), port });
    Communicator::builder()
        .launch(launch)
        .credentials(Credentials::from_environment(Rank(rank), &lookup).unwrap())
        .timeout(Duration::from_secs(30))
}

#[test]
fn the_others_are_told_which_port_rank_0_was_given() {
    let (tell, told) = mpsc::channel();
    let sum = |communicator: Communicator| {
        let mut data = [communicator.rank().0 + 1];
        communicator.all_reduce(&mut data, ReduceOp::Sum).unwrap();
        assert_eq!(data, [3]);
    };
    thread::scope(|scope| {
        scope.spawn(move || {
            let announce = move |address| tell.send(address).map_err(|error| error.to_string());
            sum(builder(0, 2, 0).announce(announce).connect().unwrap());
        });
        let address = told.recv().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        sum(builder(1, 2, address.port()).connect().unwrap());
    });
}

#[test]
fn rank_0_gives_up_when_nobody_can_be_told() {
    let announce = |_| Err("the store is gone".to_owned());
    let error = builder(0, 2, 0).announce(announce).connect().unwrap_err();
    assert!(matches!(error, Error::Rendezvous(_)));
    assert!(error.to_string().ends_with("listens: the store is gone"), "{error}");
}
