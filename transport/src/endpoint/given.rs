//! Sessions from a given secret: for simulations of more hosts than TLS handshakes would allow, and
//! for tests of the data plane alone. Production builds do not have this (feature `simulation`).

use zeroize::Zeroizing;

use crate::control::{Established, PeerParameters, capability};
use crate::error::Error;
use crate::ids::{Rank, SessionId};
use crate::limits;
use crate::time::Time;

use super::{Endpoint, packet_max};

impl Endpoint {
    /// As [`join_with_secret`](Self::join_with_secret), but nothing is sealed and no payload is
    /// copied: packets have their true lengths, headers and frames, and the last 16 bytes begin with
    /// the length of the frames. Both sides must do so.
    ///
    /// # Errors
    ///
    /// As [`join_with_secret`](Self::join_with_secret).
    pub fn join_phantom(&mut self, now: Time, peer: Rank, budget: u64) -> Result<(), Error> {
        self.phantom = true;
        let joined = self.join_with_secret(now, peer, &[0; 32], budget);
        self.phantom = false;
        joined
    }

    /// Forms a session with `peer`, whose addresses are known, as if a handshake had given `secret`.
    /// Both sides must do so, with the same secret. `budget` is the peer's receive budget in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPeer`], [`Error::PeerLost`], or [`Error::Config`] without addresses.
    pub fn join_with_secret(
        &mut self,
        now: Time,
        peer: Rank,
        secret: &[u8; 32],
        budget: u64,
    ) -> Result<(), Error> {
        let index = self.alive(peer)?;
        let addresses = self.peers[index].addresses.clone();
        let remote = addresses.first().copied();
        let remote = remote.ok_or_else(|| Error::Config(format!("{peer} has no address")))?;
        let (local, theirs) = (self.rank.0, peer.0);
        self.established(
            now,
            Established {
                peer,
                local_session: SessionId(theirs + 1),
                parameters: PeerParameters {
                    world: 0,
                    session: SessionId(local + 1),
                    incarnation: 0,
                    suites: self.config.suites.clone(),
                    lanes: 1,
                    packet_max: packet_max(&self.config, &self.capabilities),
                    eager_budget: self.config.eager_budget,
                    receive_budget: budget,
                    message_window: limits::MESSAGE_WINDOW,
                    capabilities: capability::ONE_SIDED,
                    addresses,
                },
                path_secret: Zeroizing::new(*secret),
                remote,
                group: "given",
                rtt: self.config.initial_rtt,
            },
        );
        Ok(())
    }
}
