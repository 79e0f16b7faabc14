//! A rank that is not a member tries to get in, with everything that it has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use sealane_transport::{Epoch, Event, HandshakeError, LossCause, RecvRequest, Tag};
use zeroize::Zeroizing;

use super::*;
use crate::bootstrap::{Credentials, Launch, Launcher, Master};
use crate::runtime::clock::unix_seconds;
use crate::runtime::net::NoMemory;
use crate::{Communicator, Error, ReduceOp, local};

const JOB: &str = "keep-out";

fn credentials() -> Credentials {
    let text = "the secret of the job, which all ranks have".to_owned().into();
    Credentials::Secret { text, origin: "a test".to_owned() }
}

fn connect(rank: u32, world: u32, port: u16) -> Communicator {
    let master = Some(Master { host: "127.0.0.1".to_owned(), port });
    let launch = Launch {
        launcher: Launcher::Sealane,
        rank: Rank(rank),
        world,
        local_rank: Some(rank),
        master,
        run: None,
    };
    let builder = Communicator::builder().launch(launch).credentials(credentials()).job(JOB);
    builder.connect().unwrap()
}

/// Runs `body` as every rank of three, whose secret the test knows.
fn three(body: impl Fn(&Communicator) -> Result<(), Error> + Sync) {
    let port = local::free_port().unwrap();
    std::thread::scope(|scope| {
        for rank in 0..3 {
            let body = &body;
            scope.spawn(move || body(&connect(rank, 3, port)).unwrap());
        }
    });
}

/// What comes of dialling `at` as rank `me`, by one who has these things.
fn intrude(
    outsider: &Communicator,
    me: u32,
    membership: Option<Epoch>,
    at: SocketAddr,
) -> HandshakeError {
    let old = &outsider.setup;
    let setup = Setup {
        clock: old.clock,
        identity: credentials().identity(Rank(me), Some(JOB), None, unix_seconds()).unwrap(),
        config: old.config.clone(),
        udp: old.udp.clone(),
        device: old.device.clone(),
        addresses: Vec::new(),
        faults: None,
    };
    let wire = setup.bind_at(vec![at.ip()]).unwrap();
    let mut net = setup.net(2, wire, membership).unwrap();
    net.endpoint.add_peer(Rank(0), &[at]).unwrap();
    let request = RecvRequest {
        from: Some(Rank(0)),
        tag: Tag(0),
        buffer: sealane_transport::BufferId(0),
        capacity: 64,
        exact: false,
        progress: false,
    };
    net.endpoint.post_recv(net.clock.now(), request, &mut NoMemory).unwrap();
    let deadline = net.clock.now() + Duration::from_secs(60);
    loop {
        assert!(net.clock.now() < deadline, "no answer at all");
        net.turn_or_sleep(deadline);
        while let Some(event) = net.endpoint.poll_event() {
            match event {
                Event::PeerLost { cause: LossCause::Handshake(error), .. } => return error,
                Event::Connected { .. } | Event::Received { .. } => panic!("it is in: {event:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn who_was_left_out_gets_in_neither_as_itself_nor_as_another() {
    three(|communicator| {
        let me = communicator.rank().0;
        let part = communicator.split((me != 2).then_some(0), 0)?;
        // An outsider on the wire sees where the members are.
        let mut port = [0_u16];
        if let Some(part) = part.as_ref().filter(|_| me == 0) {
            port = [part.driver.inspect(|engine| engine.addresses()[0].port())];
        }
        communicator.broadcast(&mut port, Rank(0))?;
        let at = SocketAddr::from(([127, 0, 0, 1], port[0]));
        if me == 2 {
            // All ranks have the job's secret, so that it can be rank 1 as well as itself.
            for identity in [2, 1] {
                let guess = Epoch::new(1, Zeroizing::new([7; 32]));
                let other = Epoch::new(2, Zeroizing::new([7; 32]));
                for membership in [None, Some(guess), Some(other)] {
                    let error = intrude(communicator, identity, membership.clone(), at);
                    let expected = error == HandshakeError::OtherEpoch;
                    assert!(expected, "{identity} {membership:?}: {error:?}");
                }
            }
        }
        // Meanwhile and afterwards the members work.
        if let Some(part) = &part {
            for _ in 0..10 {
                let mut sum = [1];
                part.all_reduce(&mut sum, ReduceOp::Sum)?;
                assert_eq!(sum, [2]);
            }
        }
        communicator.barrier()?;
        if let Some(part) = &part {
            part.barrier()?;
        }
        Ok(())
    });
}

#[test]
fn who_is_taken_for_lost_is_told_so_and_does_not_learn_the_secret() {
    three(|communicator| {
        let me = communicator.rank().0;
        // Nobody is in the middle of anything.
        communicator.barrier()?;
        if me > 0 {
            drop(communicator.send_start(vec![me], Rank(0), Tag(0))?);
        } else {
            for _ in 1..3 {
                communicator.recv(&mut [0_u32], None, Tag(0))?;
            }
            // As if rank 2 had been silent for too long, although it is there.
            let rank = Rank(2);
            let cause = LossCause::Unreachable;
            communicator.driver.command(|engine| engine.declare_lost(rank, cause));
        }
        match (me, communicator.barrier().unwrap_err()) {
            (2, Error::Aborted { reason, .. }) => assert!(reason.contains("for lost"), "{reason}"),
            (0 | 1, Error::PeerLost { rank, .. }) => assert_eq!(rank, Rank(2)),
            (_, error) => panic!("{me}: {error}"),
        }
        let rest = communicator.shrink();
        if me == 2 {
            let error = rest.unwrap_err();
            assert!(matches!(error, Error::Excluded { rank: Rank(2) }), "{error}");
            return Ok(());
        }
        let mut sum = [1];
        rest?.all_reduce(&mut sum, ReduceOp::Sum)?;
        assert_eq!(sum, [2]);
        Ok(())
    });
}
