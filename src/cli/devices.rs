//! `sealane devices`: what could carry the packets, and what would be chosen.

use std::fmt::Write;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use clap::Args;
use sealane_udp::{interfaces, local_ip_for};

use super::Failure;

/// Options of `sealane devices`.
#[derive(Debug, Args)]
pub struct Devices {
    /// A host that peers are on, such as rank 0's: what would be chosen to reach it.
    #[arg(long, value_name = "HOST")]
    towards: Option<String>,
}

/// Lists the devices of this host.
///
/// # Errors
///
/// [`Failure`] where the host cannot be resolved, or the system does not say what it has.
pub fn run(devices: &Devices) -> Result<u8, Failure> {
    let local = devices.towards.as_deref().map(local_address).transpose()?;
    let mut text = String::new();
    udp(&mut text, local)?;
    text.push('\n');
    verbs(&mut text, local)?;
    // A reader that closes the pipe has seen enough.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(0)
}

/// The address of this host from which `host` is reached.
fn local_address(host: &str) -> Result<IpAddr, Failure> {
    let unresolved = |cause: String| Failure::Usage(format!("--towards {host:?}: {cause}"));
    let mut found = (host, 1).to_socket_addrs().map_err(|error| unresolved(error.to_string()))?;
    let remote: SocketAddr =
        found.next().ok_or_else(|| unresolved("the name has no address".to_owned()))?;
    local_ip_for(remote).map_err(|error| unresolved(error.to_string()))
}

fn udp(text: &mut String, local: Option<IpAddr>) -> Result<(), Failure> {
    text.push_str("--device udp\n");
    for found in interfaces()? {
        let kind = if found.loopback { "loopback" } else { "up" };
        let chosen = if local == Some(found.address) { "  <- chosen" } else { "" };
        let _ = writeln!(
            text,
            "  {:<12} {:<40} MTU {:<6} datagrams of {:<6} {kind}{chosen}",
            found.interface, found.address, found.mtu, found.payload
        );
    }
    let _ = match local {
        Some(local) => writeln!(text, "  chosen: {local}, from which the kernel reaches that host"),
        None => writeln!(
            text,
            "  chosen: the address from which the kernel reaches rank 0 (--towards HOST shows it), \
             or SEALANE_ADDRESSES"
        ),
    };
    Ok(())
}

#[cfg(feature = "verbs")]
fn verbs(text: &mut String, local: Option<IpAddr>) -> Result<(), Failure> {
    use sealane_verbs::{Selection, candidates, choose};

    text.push_str("--device verbs\n");
    let all = candidates()?;
    let addresses: Vec<IpAddr> = local.into_iter().collect();
    let choice = choose(&all, &Selection::default(), &addresses);
    let chosen = choice.as_ref().ok().map(|choice| &choice.candidate);
    for found in &all {
        let mark = if chosen == Some(found) { "  <- chosen" } else { "" };
        let obstacle = found.obstacle().map(|why| format!("  ({why})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:<12} {:<40} MTU {:<6} {:<10} LID {:<5} {}{mark}{obstacle}",
            found.name(),
            found.ip(),
            found.mtu,
            found.kind.to_string(),
            found.lid,
            found.state,
        );
    }
    let _ = match &choice {
        Ok(choice) => writeln!(text, "  chosen: {}: {}", choice.candidate.name(), choice.reason),
        Err(error) => writeln!(text, "  none: {error}"),
    };
    Ok(())
}

#[cfg(not(feature = "verbs"))]
fn verbs(text: &mut String, _: Option<IpAddr>) -> Result<(), Failure> {
    text.push_str(
        "--device verbs\n  none: this build has no verbs device: build with `--features verbs` \
         (libibverbs-dev must be installed)\n",
    );
    Ok(())
}
