//! The other ranks' side: say HELLO to rank 0, until it answers with the ROSTER.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use sealane_transport::{Event, HandshakeError, LossCause, Rank, Time, close};

use super::carrier::part;
use super::open::{Setup, ips, place, resolve};
use super::vigil::Vigil;
use super::wire::{Hello, Place, Reject, decode_roster, kind};
use super::{
    Invitation, Master, Meeting, RendezvousError, drive_until, is_final, rejected, topology,
};
use crate::runtime::net::Net;

/// Between attempts to find or reach rank 0, which may start later than we do.
const RETRY: Duration = Duration::from_millis(100);

/// The close code of a connection that a newer one of the same rank replaced (PROTOCOL §8.5).
const ABANDONED: u16 = 0xff01;

/// A handshake that this rank refused: who it claimed to be, and why not.
type Refusal = (Option<Rank>, HandshakeError);

/// How one attempt ended without a result.
enum Attempt {
    /// Rank 0 was not there: try again.
    Again(Option<LossCause>),
    /// Trying again would not help.
    Failed(RendezvousError),
}

impl<E: Into<RendezvousError>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) fn join(
    invitation: &Invitation,
    master: &Master,
    setup: &Setup,
    deadline: Time,
) -> Result<Meeting, RendezvousError> {
    let (mut last, mut refused) = (None, None);
    while setup.clock.now() < deadline {
        match attempt(invitation, master, setup, deadline, &mut refused) {
            Ok(meeting) => return Ok(meeting),
            Err(Attempt::Failed(error)) => return Err(error),
            Err(Attempt::Again(cause)) => last = cause.or(last),
        }
        thread::sleep(RETRY.min(deadline.since(setup.clock.now())));
    }
    // A name that never resolved is the better explanation.
    resolve(master)?;
    let (master, within) = (master.clone(), invitation.timeout);
    Err(RendezvousError::NoMaster { master, within, last, refused })
}

fn attempt(
    invitation: &Invitation,
    master: &Master,
    setup: &Setup,
    deadline: Time,
    refused: &mut Option<Refusal>,
) -> Result<Meeting, Attempt> {
    // Names may appear later, as Kubernetes' do.
    let Ok(remotes) = resolve(master) else { return Err(Attempt::Again(None)) };
    let Some(first) = remotes.first() else { return Err(Attempt::Again(None)) };
    let wire = setup.bind_towards(master, *first)?;
    let carrier = setup.carrier(&ips(&wire))?;
    let mut net = setup.net(invitation.world, wire, None)?;
    let family = |remote: &&std::net::SocketAddr| remote.is_ipv4() == first.is_ipv4();
    let remotes: Vec<_> = remotes.iter().filter(family).copied().collect();
    net.endpoint.add_peer(Rank(0), &remotes)?;
    let hello = Hello { world: invitation.world, place: place(&net, carrier.as_ref()) };
    let now = net.clock.now();
    net.endpoint.send_control(now, Rank(0), kind::HELLO, Bytes::from(hello.encode()))?;
    let mut guest = Guest {
        rank: invitation.rank,
        world: invitation.world,
        timeout: invitation.timeout,
        places: BTreeMap::new(),
        early: Vec::new(),
    };
    let (mut outcome, mut vigil) = (None, Vigil::default());
    vigil.watch(&mut net, Rank(0));
    drive_until(&mut net, deadline, |net| {
        // What comes after the ROSTER is no longer of the rendezvous, and stays where it is.
        while !guest.is_complete()
            && let Some(event) = net.endpoint.poll_event()
        {
            if let Event::Refused { claimed, error } = event {
                *refused = Some((claimed, error));
                continue;
            }
            if let Err(error) = guest.take(event) {
                outcome = Some(error);
                return true;
            }
        }
        guest.is_complete()
    });
    vigil.end(&mut net);
    if let Some(outcome) = outcome {
        leave(&mut net);
        return Err(outcome);
    }
    if !guest.is_complete() {
        return Err(Attempt::Again(None));
    }
    let topology = topology(guest.places.values());
    if let Some(carrier) = carrier {
        part(&mut net);
        let me = (invitation.rank, invitation.world);
        net = setup.move_to(carrier, me, guest.places.iter())?;
        guest.early.clear();
    } else {
        for (rank, place) in guest.places.iter().filter(|(rank, _)| rank.0 != 0) {
            if *rank != invitation.rank {
                net.endpoint.add_peer(*rank, &place.addresses)?;
            }
        }
    }
    let Guest { rank, world, early, .. } = guest;
    let members = (0..world).map(Rank).collect();
    Ok(Meeting { net, rank, world, topology, early, members, epoch: 0 })
}

/// Says goodbye, so that rank 0 need not wait for our timeout.
fn leave(net: &mut Net) {
    let now = net.clock.now();
    net.endpoint.close_peer(now, Rank(0), close::ABORTED, "rendezvous failed");
    net.transmit(&crate::runtime::net::NoMemory);
}

struct Guest {
    rank: Rank,
    world: u32,
    timeout: Duration,
    places: BTreeMap<Rank, Place>,
    /// What ranks that have the ROSTER already say to us.
    early: Vec<Event>,
}

impl Guest {
    fn is_complete(&self) -> bool {
        self.places.len() == self.world as usize
    }

    fn take(&mut self, event: Event) -> Result<(), Attempt> {
        match event {
            Event::Control { peer: Rank(0), kind: kind::ROSTER, body } => self.roster(&body),
            Event::Control { peer: Rank(0), kind: kind::REJECT, body } => {
                let reject = Reject::decode(&body).map_err(protocol)?;
                Err(Attempt::Failed(rejected(reject, self.timeout)))
            }
            Event::PeerLost { peer: Rank(0), cause: LossCause::Handshake(error) }
                if is_final(&error) =>
            {
                Err(Attempt::Failed(RendezvousError::Identity { peer: Rank(0), error }))
            }
            // Rank 0 gave up our session for another one of the same name.
            Event::PeerLost { peer: Rank(0), cause: LossCause::Closed { code: ABANDONED, .. } } => {
                Err(RendezvousError::DuplicateRank { rank: self.rank }.into())
            }
            Event::PeerLost { peer: Rank(0), cause } => Err(Attempt::Again(Some(cause))),
            other => {
                self.early.push(other);
                Ok(())
            }
        }
    }

    fn roster(&mut self, body: &[u8]) -> Result<(), Attempt> {
        for (rank, place) in decode_roster(body).map_err(protocol)? {
            if rank.0 >= self.world {
                let what = format!("ROSTER with {rank} in a world of {}", self.world);
                return Err(RendezvousError::Protocol { rank: Rank(0), what }.into());
            }
            self.places.insert(rank, place);
        }
        Ok(())
    }
}

fn protocol(error: super::wire::Malformed) -> RendezvousError {
    RendezvousError::Protocol { rank: Rank(0), what: error.to_string() }
}

#[cfg(test)]
mod tests;
