//! A device other than the one that the ranks meet over (PROTOCOL §13.3).
//!
//! The rendezvous runs over UDP, because rank 0 is known by a host name and a port, which no queue pair
//! has. Ranks with another device open it before they say HELLO, so that whoever has the ROSTER first
//! finds receives posted, name its addresses in HELLO, and move to it when the ROSTER is there. The
//! sessions of the rendezvous end; every pair of ranks forms its own over the device.

use std::net::IpAddr;
use std::time::Duration;

use sealane_transport::{Event, Rank, close};

use super::open::Setup;
use super::wire::Place;
use super::{RendezvousError, drive_until};
use crate::device::DeviceChoice;
use crate::runtime::Wire;
use crate::runtime::net::{Net, NoMemory};

/// How long rank 0 waits until the others say that they have the ROSTER. The last word of one that does
/// not may have been lost three times; then its session ends by silence.
const PARTING: Duration = Duration::from_secs(2);

impl Setup {
    /// Opens the device that carries the job, if it is another than UDP. Peers reach this host by
    /// `addresses`.
    pub(crate) fn carrier(&self, addresses: &[IpAddr]) -> Result<Option<Wire>, RendezvousError> {
        match &self.device {
            DeviceChoice::Udp => Ok(None),
            DeviceChoice::Verbs(selection) => {
                self.verbs(selection, addresses).and_then(|wire| self.injured(wire)).map(Some)
            }
        }
    }

    #[cfg(feature = "verbs")]
    fn verbs(
        &self,
        selection: &crate::device::Selection,
        addresses: &[IpAddr],
    ) -> Result<Wire, RendezvousError> {
        let config = sealane_verbs::VerbsConfig {
            selection: selection.clone(),
            addresses: addresses.to_vec(),
            queue_pairs: self.udp.ports,
            qkey: qkey(&self.identity.job().to_string()),
            ..sealane_verbs::VerbsConfig::default()
        };
        let wire = Wire::verbs(&config)?;
        let ports = sealane_transport::device::Device::local_addresses(&wire);
        tracing::debug!(?ports, "opened a verbs device");
        Ok(wire)
    }

    #[cfg(not(feature = "verbs"))]
    fn verbs(&self, _: &crate::device::Selection, _: &[IpAddr]) -> Result<Wire, RendezvousError> {
        Err(RendezvousError::NoVerbs)
    }

    /// Moves to `carrier`, whose peers are at `places`.
    pub(super) fn move_to<'a>(
        &self,
        carrier: Wire,
        (rank, world): (Rank, u32),
        places: impl Iterator<Item = (&'a Rank, &'a Place)>,
    ) -> Result<Net, RendezvousError> {
        let mut net = self.net(world, carrier, None)?;
        for (peer, place) in places.filter(|(peer, _)| **peer != rank) {
            net.endpoint.add_peer(*peer, &place.addresses)?;
        }
        Ok(net)
    }
}

/// The Q_Key of a job (PROTOCOL §13.2): the first 31 bits of a digest of its id.
#[cfg(any(feature = "verbs", test))]
pub(super) fn qkey(job: &str) -> u32 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(b"sealane v1 qkey\0").chain_update(job).finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1
}

/// Rank 0 stays until the others have what they need.
pub(super) fn see_off(net: &mut Net, world: u32) {
    let mut present: Vec<Rank> = (1..world).map(Rank).collect();
    let until = net.clock.now() + PARTING;
    drive_until(net, until, |net| {
        while let Some(event) = net.endpoint.poll_event() {
            if let Event::PeerLost { peer, .. } = event {
                present.retain(|rank| *rank != peer);
            }
        }
        present.is_empty()
    });
}

/// The others tell rank 0 that they have the ROSTER.
pub(super) fn part(net: &mut Net) {
    let now = net.clock.now();
    net.endpoint.close_peer(now, Rank(0), close::DONE, "met");
    net.transmit(&NoMemory);
}

#[cfg(test)]
mod tests;
