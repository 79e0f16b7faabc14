//! Which port and GID to use, and why.

use std::cmp::Reverse;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::{MTU_MIN, Selection};
use crate::error::VerbsError;

/// What carries the packets below verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// InfiniBand: addressed by LID and GID.
    InfiniBand,
    /// RoCE: addressed by GID, which is an IP address.
    Ethernet,
}

/// The state of a port (`ibv_port_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortState {
    /// No link.
    Down,
    /// A link that the subnet manager has not configured yet.
    Initializing,
    /// Configured, but not switched on.
    Armed,
    /// Carries packets.
    Active,
    /// Anything else.
    Unknown,
}

impl PortState {
    /// The state of an `ibv_port_state`.
    #[must_use]
    pub const fn from_verbs(state: u32) -> Self {
        match state {
            1 => Self::Down,
            2 => Self::Initializing,
            3 => Self::Armed,
            4 => Self::Active,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Initializing => "initializing",
            Self::Armed => "armed",
            Self::Active => "active",
            Self::Unknown => "unknown",
        })
    }
}

/// What kind of packets a GID stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GidKind {
    /// InfiniBand.
    InfiniBand,
    /// RoCE v1: Ethernet frames of a type of their own, which no router forwards.
    RoceV1,
    /// RoCE v2: UDP port 4791.
    RoceV2,
}

impl fmt::Display for GidKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InfiniBand => "InfiniBand",
            Self::RoceV1 => "RoCE v1",
            Self::RoceV2 => "RoCE v2",
        })
    }
}

/// One GID of one port of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The device's name.
    pub device: String,
    /// The port, from 1.
    pub port: u8,
    /// The port's state.
    pub state: PortState,
    /// What is below.
    pub link: Link,
    /// The most bytes of a datagram: the port's active MTU. The routing header is not among them.
    pub mtu: u16,
    /// The port's LID; 0 on RoCE.
    pub lid: u16,
    /// Index of the GID.
    pub gid_index: u32,
    /// The GID.
    pub gid: [u8; 16],
    /// Its kind.
    pub kind: GidKind,
}

impl Candidate {
    /// `DEVICE:PORT:GID`, as `--device verbs:` takes it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}:{}", self.device, self.port, self.gid_index)
    }

    /// The IP address in a RoCE GID.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.gid).to_canonical()
    }

    /// Why it cannot be used; `None` if it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        if self.state != PortState::Active {
            return Some(format!("port {} is {}: connect it", self.port, self.state));
        }
        if self.mtu < MTU_MIN {
            return Some(format!(
                "its MTU of {} is less than the {MTU_MIN} bytes that a handshake needs: raise the \
                 interface's MTU to 2200 or more (`ip link set … mtu 9000`)",
                self.mtu
            ));
        }
        None
    }

    fn is_link_local(&self) -> bool {
        self.gid[0] == 0xfe && self.gid[1] & 0xc0 == 0x80
    }
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The port and GID.
    pub candidate: Candidate,
    /// Why this one.
    pub reason: String,
}

/// Chooses among `candidates` what `selection` leaves open: of those that can be used, the one whose
/// GID holds one of `addresses`, else the one with the largest MTU, then a GID that routers know before
/// a link-local one, then the first. RoCE v1 is used only by its index.
///
/// # Errors
///
/// [`VerbsError::NoDevices`], [`VerbsError::NotFound`], or [`VerbsError::Unusable`] with the reason of
/// the first that fits.
pub fn choose(
    candidates: &[Candidate],
    selection: &Selection,
    addresses: &[IpAddr],
) -> Result<Choice, VerbsError> {
    if candidates.is_empty() && *selection == Selection::default() {
        return Err(VerbsError::NoDevices);
    }
    let fitting: Vec<&Candidate> = candidates.iter().filter(|c| fits(c, selection)).collect();
    let Some(first) = fitting.first() else {
        let present: Vec<String> = candidates.iter().map(Candidate::name).collect();
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        return Err(VerbsError::NotFound { wanted: selection.to_string(), present });
    };
    let usable = fitting.iter().filter(|candidate| candidate.obstacle().is_none());
    let matches = |candidate: &Candidate| addresses.contains(&candidate.ip());
    let best = usable.min_by_key(|c| (!matches(c), Reverse(c.mtu), c.is_link_local()));
    let Some(best) = best else {
        let why = first.obstacle().unwrap_or_default();
        return Err(VerbsError::Unusable { name: first.name(), why });
    };
    let usable_count = fitting.iter().filter(|candidate| candidate.obstacle().is_none()).count();
    let reason = if matches(best) {
        format!("its GID is {}, by which peers are reached", best.ip())
    } else if usable_count == 1 {
        "nothing else fits and can be used".to_owned()
    } else {
        format!(
            "of {usable_count} that can be used, the largest MTU, then a GID that routers know, then the \
             first"
        )
    };
    Ok(Choice { candidate: (*best).clone(), reason })
}

fn fits(candidate: &Candidate, selection: &Selection) -> bool {
    selection.device.as_ref().is_none_or(|device| *device == candidate.device)
        && selection.port.is_none_or(|port| port == candidate.port)
        && match selection.gid {
            Some(gid) => gid == candidate.gid_index,
            None => candidate.kind != GidKind::RoceV1,
        }
}
