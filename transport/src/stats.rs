//! Counters: what was carried, and everything that was dropped, by cause.

/// Counters of an endpoint since its start. All are packets (datagram segments) unless they say
/// otherwise. Nothing from the network ever surfaces as an error of the endpoint: it is counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Data-plane packets sealed and posted.
    pub packets_sent: u64,
    /// Their bytes, headers and tags included.
    pub bytes_sent: u64,
    /// Data-plane packets opened and accepted.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Fragments sent again because their first packet was lost.
    pub fragments_resent: u64,
    /// Packets that carried nothing but an acknowledgement.
    pub acks_sent: u64,
    /// Sending keys replaced.
    pub keys_updated: u64,
    /// Peers lost.
    pub peers_lost: u64,
    /// Control-plane (QUIC) datagrams in.
    pub control_received: u64,
    /// Control-plane (QUIC) datagrams out.
    pub control_sent: u64,
    /// What was dropped.
    pub dropped: Dropped,
}

/// Packets dropped, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Shorter than a header and a tag, reserved bits set, or of an unknown version.
    pub malformed_header: u64,
    /// No session has the id.
    pub unknown_session: u64,
    /// A number that was received before.
    pub replayed: u64,
    /// A number that fell off the replay window.
    pub too_old: u64,
    /// The tag did not verify: corrupted or forged.
    pub authentication: u64,
    /// A key generation that is neither previous, current nor next.
    pub generation: u64,
    /// An empty datagram.
    pub empty: u64,
    /// Authenticated packets whose content broke the protocol; each ended its session.
    pub violations: u64,
}

impl Dropped {
    /// Each cause by its field's name, with its packets.
    #[must_use]
    pub const fn by_cause(&self) -> [(&'static str, u64); 8] {
        [
            ("malformed_header", self.malformed_header),
            ("unknown_session", self.unknown_session),
            ("replayed", self.replayed),
            ("too_old", self.too_old),
            ("authentication", self.authentication),
            ("generation", self.generation),
            ("empty", self.empty),
            ("violations", self.violations),
        ]
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_cause().into_iter().map(|(_, packets)| packets).sum()
    }
}
