//! Where ranks run: all on loopback, or two in network namespaces of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::Failure;

/// Where ranks run.
pub enum Place {
    Loopback,
    /// Two namespaces, joined by a pair of virtual Ethernet cards.
    Pair(Pair),
}

/// See [`Place::Pair`]. The namespaces go when this is dropped.
pub struct Pair {
    names: [String; 2],
}

impl Place {
    /// The address of a rank.
    pub fn address(&self, rank: usize) -> IpAddr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST.into(),
            Self::Pair(_) => Ipv4Addr::new(10, 77, 0, rank as u8 + 1).into(),
        }
    }

    /// A free address for each of `count` ranks.
    pub fn addresses(&self, count: usize) -> Result<Vec<SocketAddr>, Failure> {
        // All are held until all are known, so that they differ. Loopback's are free in a new
        // namespace anyway.
        let held: Vec<UdpSocket> =
            (0..count).map(|_| UdpSocket::bind(("127.0.0.1", 0))).collect::<Result<_, _>>()?;
        let address = |(rank, socket): (usize, &UdpSocket)| {
            Ok(SocketAddr::new(self.address(rank), socket.local_addr()?.port()))
        };
        held.iter().enumerate().map(address).collect()
    }

    /// A command that will run where `rank` runs.
    pub fn command(&self, rank: usize, program: &Path) -> Command {
        match self {
            Self::Loopback => Command::new(program),
            Self::Pair(pair) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &pair.names[rank % 2]]).arg(program);
                command
            }
        }
    }
}

impl Pair {
    /// Makes the namespaces. `tag` tells those of one run apart.
    pub fn new(tag: &str) -> Result<Self, Failure> {
        let id = std::process::id();
        let pair = Self { names: [0, 1].map(|rank| format!("sealane-{tag}-{id}-{rank}")) };
        let [a, b] = &pair.names;
        // Names of network cards are short.
        let cards = [0, 1].map(|rank| format!("sl{}{}{rank}", &tag[..1], id % 1_000_000));
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        ip(&["link", "add", &cards[0], "type", "veth", "peer", "name", &cards[1]])?;
        for (rank, (name, card)) in pair.names.iter().zip(&cards).enumerate() {
            ip(&["link", "set", card, "netns", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
            let address = format!("10.77.0.{}/24", rank + 1);
            ip(&["-n", name, "address", "add", &address, "dev", card])?;
            ip(&["-n", name, "link", "set", card, "up"])?;
        }
        Ok(pair)
    }

    /// The namespace of a rank.
    pub fn name(&self, rank: usize) -> &str {
        &self.names[rank % 2]
    }

    /// From now on the kernel drops `share` of what arrives at either side.
    pub fn set_loss(&self, share: f64) -> Result<(), Failure> {
        let parts = 1_000_000;
        let dropped = (share * f64::from(parts)).round() as u32;
        for name in &self.names {
            nft(name, "add table inet sealane")?;
            nft(name, "flush table inet sealane")?;
            let hook = "{ type filter hook prerouting priority -300 ; }";
            nft(name, &format!("add chain inet sealane arrivals {hook}"))?;
            if dropped > 0 {
                let rule = format!("numgen random mod {parts} < {dropped} drop");
                nft(name, &format!("add rule inet sealane arrivals {rule}"))?;
            }
        }
        Ok(())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for name in &self.names {
            // Gone already, or never made.
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

/// Runs `ip`.
pub fn ip(arguments: &[&str]) -> Result<(), Failure> {
    check(Command::new("ip").args(arguments), &format!("ip {}", arguments.join(" ")))
}

fn nft(namespace: &str, rule: &str) -> Result<(), Failure> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, "nft"]).arg(rule);
    check(&mut command, &format!("nft {rule}"))
}

/// Runs a command to its end; its error output says why it failed.
pub fn check(command: &mut Command, what: &str) -> Result<(), Failure> {
    let output = command.output().map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
