//! Where rank 0 is.

use std::fmt;

use super::{EnvironmentError, Launcher, Lookup, malformed};

/// The rendezvous: an address of rank 0's host, and the UDP port of its first socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Master {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// UDP port, not 0.
    pub port: u16,
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

const HOST_AND_PORT: &str = "host:port, such as node01:29500 or [fd00::1]:29500";
const PORT: &str = "a port from 1 to 65535";

/// Ports that are derived from a run's name: below every usual ephemeral range, so that no socket
/// that asks for any port is given one of them.
const DERIVED_PORTS: std::ops::Range<u16> = 20_000..32_000;

pub(super) fn find(
    launcher: Launcher,
    run: Option<&str>,
    all_local: bool,
    get: Lookup<'_>,
) -> Result<Option<Master>, EnvironmentError> {
    let pair = from_pair(get)?;
    if let Some(text) = get("SEALANE_MASTER") {
        let ours = parse(&text)?;
        // Under torchrun the pair is always there, for its own store; ours is then the override.
        if let Some(pair) = pair.filter(|pair| *pair != ours && launcher != Launcher::Torchrun) {
            return Err(EnvironmentError::Conflict {
                first: "SEALANE_MASTER",
                first_value: text,
                second: "MASTER_ADDR",
                second_value: pair.to_string(),
            });
        }
        return Ok(Some(ours));
    }
    if pair.is_some() {
        return Ok(pair);
    }
    let port = run.map(derived_port);
    let host = match launcher {
        Launcher::Slurm => {
            get("SLURM_STEP_NODELIST").or_else(|| get("SLURM_JOB_NODELIST")).and_then(first_host)
        }
        _ if all_local => Some("127.0.0.1".to_owned()),
        _ => None,
    };
    Ok(host.zip(port).map(|(host, port)| Master { host, port }))
}

fn from_pair(get: Lookup<'_>) -> Result<Option<Master>, EnvironmentError> {
    match (get("MASTER_ADDR"), get("MASTER_PORT")) {
        (Some(host), Some(port)) => {
            let number = port.trim().parse().ok().filter(|port| *port != 0);
            let port = number.ok_or_else(|| malformed("MASTER_PORT", &port, PORT))?;
            let host = host.trim().trim_start_matches('[').trim_end_matches(']').to_owned();
            Ok(Some(Master { host, port }))
        }
        (Some(_), None) => {
            Err(EnvironmentError::Incomplete { present: "MASTER_ADDR", missing: "MASTER_PORT" })
        }
        // A port alone is harmless: site configurations set it.
        (None, _) => Ok(None),
    }
}

fn parse(text: &str) -> Result<Master, EnvironmentError> {
    let wrong = || malformed("SEALANE_MASTER", text, HOST_AND_PORT);
    let (host, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        // Two colons without brackets: nobody can tell where the port begins.
        None if host.contains(':') => return Err(wrong()),
        None => host,
    };
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Master { host: host.to_owned(), port })
}

/// The first host of a Slurm node list: `gpu[003-007,9],cpu1` → `gpu003`.
fn first_host(list: String) -> Option<String> {
    let end = list.find([',', '[']).unwrap_or(list.len());
    let (prefix, rest) = list.split_at(end);
    let Some(inside) = rest.strip_prefix('[') else {
        return Some(prefix.to_owned()).filter(|host| !host.is_empty());
    };
    let (range, suffix) = inside.split_once(']')?;
    let first = range.split([',', '-']).next().filter(|first| !first.is_empty())?;
    let suffix = suffix.split(',').next().unwrap_or_default();
    Some(format!("{prefix}{first}{suffix}"))
}

/// The same port on every rank of a run, and most likely another for another run (FNV-1a).
fn derived_port(run: &str) -> u16 {
    let hash = run.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let span = u64::from(DERIVED_PORTS.end - DERIVED_PORTS.start);
    DERIVED_PORTS.start + (hash % span) as u16
}
