//! Late join: the first rank of a communicator opens a door at an address that newcomers know; they
//! knock, prove who they are like any rank of the job, and are told of the epoch that they are in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use sealane_transport::{Event, Rank, Time, close};

use super::decision::{Decision, Part, decode_place, encode_place, kind};
use super::{Place, Purpose, Site};
use crate::bootstrap::rendezvous::open::{Setup, ips, resolve};
use crate::bootstrap::rendezvous::{Master, RankList, RendezvousError, drive_until};
use crate::runtime::net::{Net, NoMemory};

/// Between knocks at a door that is not open yet.
const RETRY: Duration = Duration::from_millis(100);

/// How long the door stays open for newcomers to take what they are told.
const PARTING: Duration = Duration::from_secs(2);

/// An open door, and who has come.
pub(crate) struct Door {
    net: Net,
    places: BTreeMap<Rank, Place>,
}

impl Door {
    /// Waits at `at` for the ranks of the job that are expected, at most until `deadline`.
    pub(crate) fn open(
        setup: &Setup,
        at: &Master,
        expected: &[Rank],
        deadline: Time,
    ) -> Result<Self, RendezvousError> {
        let wire = setup.bind_master(&resolve(at)?)?;
        let mut net = setup.net(0, wire, None)?;
        let mut places = BTreeMap::new();
        drive_until(&mut net, deadline, |net| {
            while let Some(event) = net.endpoint.poll_event() {
                match event {
                    Event::Control { peer, kind: kind::JOIN, body } if expected.contains(&peer) => {
                        if let Ok((_, place)) = decode_place(&body) {
                            places.insert(peer, place);
                        }
                    }
                    // It may come again, as another process.
                    Event::PeerLost { peer, .. } => {
                        places.remove(&peer);
                    }
                    _ => {}
                }
            }
            expected.iter().all(|rank| places.contains_key(rank))
        });
        Ok(Self { net, places })
    }

    /// Those who came, in the order in which they were expected.
    pub(crate) fn newcomers(&self, expected: &[Rank]) -> Vec<(Rank, Place)> {
        let place = |rank: &Rank| Some((*rank, self.places.get(rank)?.clone()));
        expected.iter().filter_map(place).collect()
    }

    /// Tells them, and stays until they have heard it.
    pub(crate) fn tell(mut self, decision: &Decision) {
        let now = self.net.clock.now();
        let mut present: Vec<Rank> = self.places.keys().copied().collect();
        for rank in &present {
            for frame in decision.encode() {
                // Who is lost meanwhile need not be told: it fails in the new communicator.
                let frame = Bytes::from(frame);
                let _ = self.net.endpoint.send_control(now, *rank, kind::EPOCH, frame);
            }
        }
        drive_until(&mut self.net, now + PARTING, |net| {
            while let Some(event) = net.endpoint.poll_event() {
                if let Event::PeerLost { peer, .. } = event {
                    present.retain(|rank| *rank != peer);
                }
            }
            present.is_empty()
        });
    }
}

/// Knocks at the door that `leader` opens at `master`, until it is told of an epoch.
pub(crate) fn knock(
    setup: &Arc<Setup>,
    (master, leader): (&Master, Rank),
    timeout: Duration,
) -> Result<(Site, Decision), RendezvousError> {
    let deadline = setup.clock.now() + timeout;
    let mut last = None;
    while setup.clock.now() < deadline {
        match attempt(setup, (master, leader), deadline)? {
            Knock::In(site, decision) => return Ok((*site, decision)),
            Knock::Again(cause) => last = cause.or(last),
        }
        thread::sleep(RETRY.min(deadline.since(setup.clock.now())));
    }
    Err(RendezvousError::Missing {
        missing: RankList::new([leader.0]),
        within: timeout,
        refused: last.map(|error| (Some(leader), error)),
    })
}

/// How one knock ended.
enum Knock {
    In(Box<Site>, Decision),
    Again(Option<sealane_transport::HandshakeError>),
}

fn attempt(
    setup: &Arc<Setup>,
    (master, leader): (&Master, Rank),
    deadline: Time,
) -> Result<Knock, RendezvousError> {
    // Names may appear later, as Kubernetes' do.
    let Ok(remotes) = resolve(master) else { return Ok(Knock::Again(None)) };
    let Some(first) = remotes.first() else { return Ok(Knock::Again(None)) };
    let wire = setup.bind_towards(master, *first)?;
    let site = Site::open(setup, &ips(&wire))?;
    let mut net = setup.net(0, wire, None)?;
    let same_family = |remote: &&std::net::SocketAddr| remote.is_ipv4() == first.is_ipv4();
    let remotes: Vec<_> = remotes.iter().filter(same_family).copied().collect();
    net.endpoint.add_peer(leader, &remotes)?;
    let body = Bytes::from(encode_place(0, &site.place));
    net.endpoint.send_control(net.clock.now(), leader, kind::JOIN, body)?;
    let (mut told, mut gone): (Option<(Decision, u32)>, _) = (None, None);
    let complete = |told: &Option<(Decision, u32)>| {
        told.as_ref().is_some_and(|(decision, total)| decision.members.len() >= *total as usize)
    };
    drive_until(&mut net, deadline, |net| {
        while let Some(event) = net.endpoint.poll_event() {
            match event {
                Event::Control { peer, kind: kind::EPOCH, body } if peer == leader => {
                    let Ok(Part { decision, total }) = Part::decode(&body) else { continue };
                    match &mut told {
                        Some((begun, _)) => begun.members.extend(decision.members),
                        None => told = Some((decision, total)),
                    }
                }
                Event::PeerLost { cause, .. } => gone = Some(cause),
                _ => {}
            }
        }
        gone.is_some() || complete(&told)
    });
    match told.filter(|(decision, _)| decision.purpose == Purpose::Grow) {
        Some(told) if complete(&Some(told.clone())) => {
            net.endpoint.close_peer(net.clock.now(), leader, close::DONE, "welcome");
            net.transmit(&NoMemory);
            Ok(Knock::In(Box::new(site), told.0))
        }
        _ => Ok(Knock::Again(match gone {
            Some(sealane_transport::LossCause::Handshake(error)) => Some(error),
            _ => None,
        })),
    }
}
