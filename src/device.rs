//! Which device carries the packets.

use std::fmt;
use std::str::FromStr;

pub use sealane_verbs::Selection;

#[cfg(test)]
mod tests;

/// Which device carries the packets: `udp`, or `verbs` with what is to be chosen of it.
///
/// ```
/// use sealane::DeviceChoice;
///
/// assert_eq!("udp".parse(), Ok(DeviceChoice::Udp));
/// assert_eq!("verbs:mlx5_0:1:3".parse::<DeviceChoice>()?.to_string(), "verbs:mlx5_0:1:3");
/// # Ok::<(), sealane::DeviceChoiceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// UDP sockets.
    #[default]
    Udp,
    /// Queue pairs of an RDMA device: `verbs`, `verbs:NAME`, `verbs:NAME:PORT`, `verbs:NAME:PORT:GID`.
    Verbs(Selection),
}

/// Text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no device: give udp, verbs, or verbs:NAME:PORT:GID (see `sealane devices`)")]
pub struct DeviceChoiceError(String);

impl FromStr for DeviceChoice {
    type Err = DeviceChoiceError;

    fn from_str(text: &str) -> Result<Self, DeviceChoiceError> {
        let wrong = || DeviceChoiceError(text.chars().take(80).collect());
        let text = text.trim();
        match text.split_once(':').unwrap_or((text, "")) {
            ("udp", "") => Ok(Self::Udp),
            ("verbs", selection) => selection.parse().map(Self::Verbs).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp => f.write_str("udp"),
            Self::Verbs(selection) if *selection == Selection::default() => f.write_str("verbs"),
            Self::Verbs(selection) => write!(f, "verbs:{selection}"),
        }
    }
}
