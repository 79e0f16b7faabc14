//! What a caller chooses about a verbs device.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

#[cfg(any(test, feature = "rdma-core"))]
use crate::error::VerbsError;

/// The most queue pairs of one device: 64 local ones already give thousands of paths.
#[cfg(any(test, feature = "rdma-core"))]
const QUEUE_PAIRS_MAX: usize = 64;

/// The smallest datagram that must pass: QUIC's Initial packets are that long (RFC 9000 §14).
pub const MTU_MIN: u16 = 1200;

/// Q_Keys with the top bit are reserved for privileged consumers (IBTA 1.4 §3.5.3).
#[cfg(any(test, feature = "rdma-core"))]
const QKEY_MAX: u32 = 0x7fff_ffff;

/// Which device, port and GID: `NAME`, `NAME:PORT` or `NAME:PORT:GID`, each of which may be left out
/// or empty to have it chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The device, such as `mlx5_0` or `rxe0`.
    pub device: Option<String>,
    /// Its port, from 1.
    pub port: Option<u8>,
    /// Index into the port's table of GIDs.
    pub gid: Option<u32>,
}

/// A selection that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no verbs device: give NAME, NAME:PORT or NAME:PORT:GID, such as mlx5_0:1:3"
)]
pub struct SelectionError {
    text: String,
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let wrong = || SelectionError { text: text.chars().take(80).collect() };
        let mut parts = text.split(':');
        let mut next = || parts.next().map(str::trim).filter(|part| !part.is_empty());
        let device = next().map(str::to_owned);
        let port = next().map(str::parse::<u8>).transpose().map_err(|_| wrong())?;
        let gid = next().map(str::parse::<u32>).transpose().map_err(|_| wrong())?;
        if parts.next().is_some() || port == Some(0) {
            return Err(wrong());
        }
        Ok(Self { device, port, gid })
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.device.as_deref().unwrap_or_default())?;
        if self.port.is_some() || self.gid.is_some() {
            write!(f, ":{}", self.port.map(|port| port.to_string()).unwrap_or_default())?;
        }
        if let Some(gid) = self.gid {
            write!(f, ":{gid}")?;
        }
        Ok(())
    }
}

/// Settings of a `VerbsDevice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerbsConfig {
    /// Which device; what is left open is chosen.
    pub selection: Selection,
    /// Local addresses by which peers are reached: a GID that holds one of them is preferred.
    pub addresses: Vec<IpAddr>,
    /// Queue pairs, 1 to 64; each is one share of the paths.
    pub queue_pairs: usize,
    /// Q_Key of all queue pairs, the same on all peers, below 2^31. The hardware drops datagrams with
    /// another one; it is not secret.
    pub qkey: u32,
    /// Receives posted per queue pair.
    pub receive_slots: u32,
    /// Cap on the datagram payload in bytes; `None` takes the port's MTU.
    pub mtu: Option<u16>,
}

impl Default for VerbsConfig {
    /// Four queue pairs with 512 receives each, on a device that is chosen.
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            addresses: Vec::new(),
            queue_pairs: 4,
            qkey: 0x5ea1_a4e5,
            receive_slots: 512,
            mtu: None,
        }
    }
}

#[cfg(any(test, feature = "rdma-core"))]
impl VerbsConfig {
    /// Refuses settings that no device could honour.
    pub(crate) fn validate(&self) -> Result<(), VerbsError> {
        let invalid = |what| Err(VerbsError::InvalidConfig { what });
        if self.queue_pairs == 0 || self.queue_pairs > QUEUE_PAIRS_MAX {
            return invalid("`queue_pairs` must be 1 to 64");
        }
        if self.receive_slots < 16 || self.receive_slots > 16_384 {
            return invalid("`receive_slots` must be 16 to 16384");
        }
        if self.qkey > QKEY_MAX {
            return invalid("`qkey` has its top bit set, which is for privileged consumers");
        }
        if self.mtu.is_some_and(|mtu| mtu < MTU_MIN) {
            return invalid("`mtu` is below 1200, which every path must carry");
        }
        Ok(())
    }
}
