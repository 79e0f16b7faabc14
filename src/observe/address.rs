//! Where metrics are asked for.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use sealane_transport::Rank;

/// A socket of this host: `unix:/path`, or a loopback address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket. `{rank}` in the path stands for the rank.
    Unix(PathBuf),
    /// A loopback address. Ranks that share a host listen on the ports from this one on, by rank.
    Tcp(SocketAddr),
}

impl Address {
    /// Where a rank listens.
    #[must_use]
    pub fn of(&self, rank: Rank) -> Self {
        match self {
            Self::Unix(path) => {
                Self::Unix(path.to_string_lossy().replace("{rank}", &rank.0.to_string()).into())
            }
            Self::Tcp(address) => {
                let port = u32::from(address.port()) + rank.0;
                Self::Tcp(SocketAddr::new(address.ip(), u16::try_from(port).unwrap_or(0)))
            }
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() && address.port() != 0 => {
                Ok(Self::Tcp(address))
            }
            Ok(_) => Err(format!(
                "{text} is no loopback address with a port: counters are for this host"
            )),
            Err(_) => Err(format!("{text} is neither unix:/path nor 127.0.0.1:port")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
