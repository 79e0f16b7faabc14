//! The ranks find each other (PROTOCOL §10): rank 0 is at an address that all know; the others say
//! HELLO to it, and when everyone has, it sends all of them the ROSTER. The exchange runs on the
//! authenticated control streams of ordinary sessions.

mod carrier;
mod join;
mod lead;
pub(crate) mod open;
pub(crate) mod vigil;
pub(crate) mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sealane_collectives::Topology;
use sealane_transport::{Error, Event, HandshakeError, LossCause, Rank, Time};
use sealane_udp::UdpError;
use sealane_verbs::VerbsError;

use crate::runtime::net::Net;

pub(crate) use super::environment::Master;
use wire::Reject;
pub use wire::{Carrier, HostId};

/// How long rank 0 stays to deliver bad news.
const FAREWELL: Duration = Duration::from_millis(500);

/// How much longer the others wait than rank 0, so that its list of who is missing reaches them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ranks, for messages: the first few of them by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankList {
    /// Those that are named.
    pub named: Vec<u32>,
    /// How many there are in all.
    pub count: u32,
}

impl RankList {
    pub(crate) fn new(ranks: impl IntoIterator<Item = u32>) -> Self {
        let named: Vec<u32> = ranks.into_iter().collect();
        Self { count: u32::try_from(named.len()).unwrap_or(u32::MAX), named }
    }
}

impl fmt::Display for RankList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        f.write_str(if self.count == 1 { "rank " } else { "ranks " })?;
        for (at, rank) in self.named.iter().take(SHOWN).enumerate() {
            write!(f, "{}{rank}", if at > 0 { ", " } else { "" })?;
        }
        let shown = u32::try_from(self.named.len().min(SHOWN)).unwrap_or(u32::MAX);
        if self.count > shown {
            write!(f, " and {} more", self.count - shown)?;
        }
        Ok(())
    }
}

/// Why the ranks did not find each other. Each is one line with the cause and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RendezvousError {
    /// The master's name has no address.
    #[error("cannot resolve rank 0's address {master}: {cause}; check MASTER_ADDR")]
    Resolve {
        /// What was asked for.
        master: Master,
        /// The resolver's words.
        cause: String,
    },
    /// The sockets cannot be opened.
    #[error(transparent)]
    Device(#[from] UdpError),
    /// The queue pairs cannot be opened.
    #[error(transparent)]
    Verbs(#[from] VerbsError),
    /// This build has no verbs device.
    #[error(
        "this build has no verbs device: build with `--features verbs` (libibverbs-dev must be \
         installed)"
    )]
    NoVerbs,
    /// Ranks have different devices.
    #[error(
        "{rank} was started with device {theirs}, rank 0 with {ours}: start all ranks with the same \
         --device or SEALANE_DEVICE"
    )]
    DeviceMismatch {
        /// Who differs from rank 0.
        rank: Rank,
        /// What it has.
        theirs: Carrier,
        /// What rank 0 has.
        ours: Carrier,
    },
    /// The kernel has no route to rank 0.
    #[error("no route to rank 0 at {master}: {source}; check MASTER_ADDR and the routing table")]
    NoRoute {
        /// What was asked for.
        master: Master,
        /// The operating system's words.
        source: io::Error,
    },
    /// The endpoint refused its settings or a command.
    #[error(transparent)]
    Endpoint(#[from] Error),
    /// Some ranks did not come in time.
    #[error(
        "{missing} did not arrive within {within:?}{}: check that {} started, with the same \
         master address and secret (SEALANE_TIMEOUT sets the limit in seconds)",
        refusal(.refused), if .missing.count == 1 { "it" } else { "they" }
    )]
    Missing {
        /// Who.
        missing: RankList,
        /// How long was waited.
        within: Duration,
        /// A handshake that was refused meanwhile.
        refused: Option<(Option<Rank>, HandshakeError)>,
    },
    /// Rank 0 did not answer in time.
    #[error(
        "rank 0 did not answer at {master} within {within:?}{}{}: check that it started, that \
         MASTER_ADDR and MASTER_PORT are the same on all ranks, and that UDP passes",
        last_words(.last), refusal(.refused)
    )]
    NoMaster {
        /// Where.
        master: Master,
        /// How long was waited.
        within: Duration,
        /// What the last attempt died of.
        last: Option<LossCause>,
        /// A handshake that was refused meanwhile.
        refused: Option<(Option<Rank>, HandshakeError)>,
    },
    /// Identities do not fit; waiting would not help.
    #[error(
        "{peer} and this rank do not accept each other: {error}; use the same secret or CA, and \
             the same SEALANE_JOB, on all ranks"
    )]
    Identity {
        /// The other side.
        peer: Rank,
        /// Why.
        error: HandshakeError,
    },
    /// Ranks disagree about how many they are.
    #[error(
        "{rank} was started with world size {theirs}, rank 0 with {ours}: start all ranks with the \
         same WORLD_SIZE"
    )]
    WorldMismatch {
        /// Who differs from rank 0.
        rank: Rank,
        /// What it said.
        theirs: u32,
        /// What rank 0 has.
        ours: u32,
    },
    /// Two processes have one rank.
    #[error("two processes are {rank}: give each process a RANK of its own")]
    DuplicateRank {
        /// Which.
        rank: Rank,
    },
    /// A rank was there and went away.
    #[error("{rank} was lost during the rendezvous{}: look at its own output for the cause",
            last_words(.cause))]
    Lost {
        /// Which.
        rank: Rank,
        /// Why, where it is known.
        cause: Option<LossCause>,
    },
    /// A rank sends nonsense, although authenticated.
    #[error("{rank} sent a {what}: run the same version of Sealane on all ranks")]
    Protocol {
        /// Which.
        rank: Rank,
        /// What.
        what: String,
    },
    /// The others cannot be told where rank 0 listens.
    #[error("cannot tell the other ranks where rank 0 listens: {0}")]
    Announce(String),
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system: {0}")]
    Entropy(String),
}

fn refusal(refused: &Option<(Option<Rank>, HandshakeError)>) -> String {
    match refused {
        Some((Some(rank), error)) => format!(" (a process claiming {rank} was refused: {error})"),
        Some((None, error)) => format!(" (a process was refused: {error})"),
        None => String::new(),
    }
}

fn last_words(cause: &Option<LossCause>) -> String {
    cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default()
}

/// What the rendezvous comes to: a device and an endpoint that knows all peers' addresses.
pub(crate) struct Meeting {
    pub net: Net,
    pub rank: Rank,
    pub world: u32,
    /// Which ranks share a host. Those whose host has no id count as one host together.
    pub topology: Topology,
    /// What happened during the rendezvous and is not of it: another rank may have been faster, and may
    /// even have failed and told us.
    pub early: Vec<Event>,
    /// By rank: who that is in the job.
    pub members: Vec<Rank>,
    /// How many communicators lie between the job's and this one.
    pub epoch: u64,
}

/// Who hears where rank 0 listens.
pub(crate) type Announce = Box<dyn FnOnce(SocketAddr) -> Result<(), String> + Send>;

/// Who we are and where to meet.
pub(crate) struct Invitation {
    pub rank: Rank,
    pub world: u32,
    /// `None` only for a world of one.
    pub master: Option<Master>,
    pub timeout: Duration,
    /// Told where rank 0 listens.
    pub announce: Option<Announce>,
}

/// Meets all ranks.
///
/// # Errors
///
/// [`RendezvousError`], on every rank that takes part.
pub(crate) fn meet(
    mut invitation: Invitation,
    setup: &open::Setup,
) -> Result<Meeting, RendezvousError> {
    let deadline = setup.clock.now() + invitation.timeout;
    let announce = invitation.announce.take();
    match (&invitation.master, invitation.rank) {
        (Some(master), Rank(0)) => lead::lead(&invitation, master, setup, announce, deadline),
        (Some(master), _) => join::join(&invitation, master, setup, deadline + PATIENCE),
        (None, _) => {
            let wire = match setup.carrier(&[])? {
                Some(carrier) => carrier,
                None => setup.bind_alone()?,
            };
            let net = setup.net(invitation.world, wire, None)?;
            let (rank, world) = (invitation.rank, invitation.world);
            let members = (0..world).map(Rank).collect();
            Ok(Meeting {
                net,
                rank,
                world,
                topology: Topology::new([0]),
                early: Vec::new(),
                members,
                epoch: 0,
            })
        }
    }
}

/// What a REJECT means to those who get it.
fn rejected(reject: Reject, within: Duration) -> RendezvousError {
    match reject {
        Reject::World { rank, theirs, ours } => {
            RendezvousError::WorldMismatch { rank: Rank(rank), theirs, ours }
        }
        Reject::Duplicate { rank } => RendezvousError::DuplicateRank { rank: Rank(rank) },
        Reject::Missing { count, ranks } => RendezvousError::Missing {
            missing: RankList { count: count.max(ranks.len() as u32), named: ranks },
            within,
            refused: None,
        },
        Reject::Lost { rank } => RendezvousError::Lost { rank: Rank(rank), cause: None },
        Reject::Device { rank, theirs, ours } => {
            RendezvousError::DeviceMismatch { rank: Rank(rank), theirs, ours }
        }
    }
}

/// Whether a handshake's failure will repeat itself.
fn is_final(error: &HandshakeError) -> bool {
    matches!(
        error,
        HandshakeError::UnknownAuthority
            | HandshakeError::Expired
            | HandshakeError::WrongName { .. }
            | HandshakeError::RefusedByPeer(_)
            | HandshakeError::Incompatible(_)
            | HandshakeError::BadParameters(_)
            | HandshakeError::OtherEpoch
    )
}

/// Which of all ranks, in order, share a host.
fn topology<'a>(places: impl Iterator<Item = &'a wire::Place>) -> Topology {
    Topology::new(places.map(|place| place.host))
}

/// Drives `net` until `done` or `deadline`.
pub(crate) fn drive_until(net: &mut Net, deadline: Time, mut done: impl FnMut(&mut Net) -> bool) {
    while !done(net) && net.clock.now() < deadline {
        net.turn_or_sleep(deadline);
    }
}
