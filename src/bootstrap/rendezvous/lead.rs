//! Rank 0's side: collect HELLOs, then send the ROSTER.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sealane_transport::device::Device;
use sealane_transport::{Event, HandshakeError, LossCause, Rank, Time};

use super::carrier::see_off;
use super::open::{Setup, ips, place, resolve};
use super::vigil::Vigil;
use super::wire::{Hello, Place, Reject, encode_roster, kind};
use super::{
    Announce, FAREWELL, Invitation, Master, Meeting, RankList, RendezvousError, drive_until,
    topology,
};
use crate::runtime::net::Net;

/// Who has come so far.
struct Register {
    world: u32,
    timeout: Duration,
    places: BTreeMap<Rank, Place>,
    refused: Option<(Option<Rank>, HandshakeError)>,
}

pub(super) fn lead(
    invitation: &Invitation,
    master: &Master,
    setup: &Setup,
    announce: Option<Announce>,
    deadline: Time,
) -> Result<Meeting, RendezvousError> {
    let world = invitation.world;
    let wire = setup.bind_master(&resolve(master)?)?;
    if let (Some(announce), Some(address)) = (announce, wire.local_addresses().first()) {
        announce(*address).map_err(RendezvousError::Announce)?;
    }
    let carrier = setup.carrier(&ips(&wire))?;
    let mut net = setup.net(world, wire, None)?;
    let mut register = Register {
        world,
        timeout: invitation.timeout,
        places: BTreeMap::from([(Rank(0), place(&net, carrier.as_ref()))]),
        refused: None,
    };
    let (mut failure, mut vigil) = (None, Vigil::default());
    drive_until(&mut net, deadline, |net| {
        while let Some(event) = net.endpoint.poll_event() {
            match register.take(event) {
                Ok(Some(arrived)) => vigil.watch(net, arrived),
                Ok(None) => {}
                Err(error) => {
                    failure = Some(error);
                    return true;
                }
            }
        }
        register.places.len() == world as usize
    });
    vigil.end(&mut net);
    let failure = failure.or_else(|| register.missing());
    if let Some((error, reject)) = failure {
        register.dismiss(&mut net, &reject);
        return Err(error);
    }
    let now = net.clock.now();
    let roster: Vec<Bytes> =
        encode_roster(register.places.iter().map(|(rank, place)| (*rank, place)))
            .into_iter()
            .map(Bytes::from)
            .collect();
    for rank in (1..world).map(Rank) {
        for frame in &roster {
            net.endpoint.send_control(now, rank, kind::ROSTER, frame.clone())?;
        }
    }
    // Addresses of connected peers came with their parameters, corrected by what was seen.
    let topology = topology(register.places.values());
    if let Some(carrier) = carrier {
        see_off(&mut net, world);
        net = setup.move_to(carrier, (Rank(0), world), register.places.iter())?;
    }
    let members = (0..world).map(Rank).collect();
    Ok(Meeting { net, rank: Rank(0), world, topology, early: Vec::new(), members, epoch: 0 })
}

impl Register {
    /// Takes in an event; returns who has arrived with it.
    fn take(&mut self, event: Event) -> Result<Option<Rank>, (RendezvousError, Reject)> {
        match event {
            Event::Control { peer, kind: kind::HELLO, body } => {
                self.hello(peer, &body).map(|()| Some(peer))
            }
            Event::Refused { claimed, error } => {
                self.refused = Some((claimed, error));
                Ok(None)
            }
            Event::PeerLost { peer, cause } => {
                // Another process of the same name took its session, even if it had not said HELLO yet.
                Err(if cause == LossCause::Restarted {
                    (
                        RendezvousError::DuplicateRank { rank: peer },
                        Reject::Duplicate { rank: peer.0 },
                    )
                } else {
                    (
                        RendezvousError::Lost { rank: peer, cause: Some(cause) },
                        Reject::Lost { rank: peer.0 },
                    )
                })
            }
            _ => Ok(None),
        }
    }

    fn hello(&mut self, peer: Rank, body: &[u8]) -> Result<(), (RendezvousError, Reject)> {
        let hello = Hello::decode(body).map_err(|error| {
            (
                RendezvousError::Protocol { rank: peer, what: error.to_string() },
                Reject::Lost { rank: peer.0 },
            )
        })?;
        if hello.world != self.world || peer.0 >= self.world {
            let (theirs, ours) = (hello.world, self.world);
            return Err((
                RendezvousError::WorldMismatch { rank: peer, theirs, ours },
                Reject::World { rank: peer.0, theirs, ours },
            ));
        }
        if let Some(ours) = self.places.get(&Rank(0)).map(|place| place.carrier)
            && hello.place.carrier != ours
        {
            let theirs = hello.place.carrier;
            return Err((
                RendezvousError::DeviceMismatch { rank: peer, theirs, ours },
                Reject::Device { rank: peer.0, theirs, ours },
            ));
        }
        if self.places.insert(peer, hello.place).is_some() {
            return Err((
                RendezvousError::DuplicateRank { rank: peer },
                Reject::Duplicate { rank: peer.0 },
            ));
        }
        Ok(())
    }

    fn missing(&self) -> Option<(RendezvousError, Reject)> {
        let missing: Vec<u32> =
            (0..self.world).filter(|rank| !self.places.contains_key(&Rank(*rank))).collect();
        if missing.is_empty() {
            return None;
        }
        let reject = Reject::missing(&missing);
        let error = RendezvousError::Missing {
            missing: RankList::new(missing),
            within: self.timeout,
            refused: self.refused.clone(),
        };
        Some((error, reject))
    }

    /// Tells everyone who is here, and stays until they have gone or a moment has passed.
    fn dismiss(&self, net: &mut Net, reject: &Reject) {
        let body = Bytes::from(reject.encode());
        let now = net.clock.now();
        let mut present: Vec<Rank> = self.places.keys().copied().filter(|r| r.0 != 0).collect();
        // These are connected too, although perhaps not registered.
        if let Reject::World { rank, .. }
        | Reject::Duplicate { rank }
        | Reject::Device { rank, .. } = reject
        {
            present.push(Rank(*rank));
        }
        present.sort_unstable();
        present.dedup();
        present.retain(|rank| {
            net.endpoint.send_control(now, *rank, kind::REJECT, body.clone()).is_ok()
        });
        drive_until(net, now + FAREWELL, |net| {
            while let Some(event) = net.endpoint.poll_event() {
                if let Event::PeerLost { peer, .. } = event {
                    present.retain(|rank| *rank != peer);
                }
            }
            present.is_empty()
        });
    }
}
