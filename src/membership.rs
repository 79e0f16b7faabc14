//! Communicators made of others: who is in, where they are, and the secret that keeps everyone else
//! out (PROTOCOL §10.6).
//!
//! A communicator that is split off, duplicated, shrunk or grown is an *epoch*: it has sockets, sessions
//! and keys of its own, and shares nothing with the one that it came from but the way in which its
//! members learned of each other. That costs a handshake for each pair that talks, and buys that groups
//! neither wait for nor fail with each other, and that whoever is not a member can read nothing.

mod agreement;
mod decision;
pub(crate) mod door;

use std::net::IpAddr;
use std::sync::Arc;

use rand::TryRngCore;
use rand::rngs::OsRng;
use sealane_collectives::Topology;
use sealane_transport::device::Device;
use sealane_transport::{Epoch, Rank};
use zeroize::Zeroizing;

use crate::bootstrap::RendezvousError;
use crate::bootstrap::rendezvous::Meeting;
use crate::bootstrap::rendezvous::open::{Setup, host_id};
use crate::bootstrap::rendezvous::wire::{Carrier, Place};
use crate::runtime::Wire;

pub(crate) use agreement::{Agreement, Letter, Outcome};
pub(crate) use decision::{Decision, Part, Purpose, decode_place, encode_place, kind};

/// Sockets of ours for an epoch to come, and where they are.
pub(crate) struct Site {
    wire: Wire,
    pub(crate) place: Place,
}

impl Site {
    /// Opens sockets at the addresses of the present ones.
    pub(crate) fn open(setup: &Setup, ips: &[IpAddr]) -> Result<Self, RendezvousError> {
        let (wire, carrier) = match setup.carrier(ips)? {
            Some(wire) => (wire, Carrier::Verbs),
            None => (setup.bind_at(ips.to_vec())?, Carrier::Udp),
        };
        let place = Place { host: host_id(), carrier, addresses: wire.local_addresses().to_vec() };
        Ok(Self { wire, place })
    }

    /// Enters an epoch. `None` if we are not a member.
    pub(crate) fn enter(
        self,
        setup: &Arc<Setup>,
        decision: &Decision,
    ) -> Result<Option<Meeting>, RendezvousError> {
        let me = setup.identity.rank();
        let members: Vec<Rank> = decision.members.iter().map(|(rank, _)| *rank).collect();
        let Some(rank) = members.iter().position(|member| *member == me) else { return Ok(None) };
        let world = members.len() as u32;
        let mut net = setup.net(world, self.wire, Some(decision.epoch.clone()))?;
        for (member, place) in decision.members.iter().filter(|(member, _)| *member != me) {
            net.endpoint.add_peer(*member, &place.addresses)?;
        }
        // So that whoever breaks it can tell all, by way of one (PROTOCOL §10.4).
        if let Some(first) = members.first().filter(|first| **first != me) {
            net.endpoint.connect(net.clock.now(), *first)?;
        }
        Ok(Some(Meeting {
            net,
            rank: Rank(rank as u32),
            world,
            topology: Topology::new(decision.members.iter().map(|(_, place)| place.host)),
            early: Vec::new(),
            members,
            epoch: decision.epoch.number(),
        }))
    }
}

/// An epoch that nobody else knows the secret of.
pub(crate) fn fresh_epoch(number: u64) -> Result<Epoch, RendezvousError> {
    let mut secret = Zeroizing::new([0; 32]);
    OsRng
        .try_fill_bytes(&mut *secret)
        .map_err(|error| RendezvousError::Entropy(error.to_string()))?;
    Ok(Epoch::new(number, secret))
}

#[cfg(test)]
mod tests;
