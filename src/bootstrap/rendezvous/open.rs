//! Opening sockets at the right addresses, and an endpoint on them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use rand::TryRngCore;
use rand::rngs::OsRng;
use rustls::time_provider::DefaultTimeProvider;
use sealane_sim::fault::Faults;
use sealane_transport::device::Device;
use sealane_transport::identity::Identity;
use sealane_transport::{Config, Endpoint, EndpointSettings, Epoch};
use sealane_udp::{UdpConfig, UdpError, local_ip_for};
use sha2::{Digest, Sha256};

use super::wire::{Carrier, HostId, Place};
use super::{Master, RendezvousError};
use crate::device::DeviceChoice;
use crate::runtime::Wire;
use crate::runtime::clock::Clock;
use crate::runtime::net::Net;

/// Everything that an endpoint is made of, apart from the world.
pub(crate) struct Setup {
    pub clock: Clock,
    pub identity: Identity,
    pub config: Config,
    pub udp: UdpConfig,
    /// What carries the packets once the ranks have met.
    pub device: DeviceChoice,
    /// Local addresses that the user asked for; empty: found by routing.
    pub addresses: Vec<IpAddr>,
    pub faults: Option<(Faults, u64)>,
}

impl Setup {
    /// Sockets of rank 0, the first at the master's port.
    pub(crate) fn bind_master(&self, remotes: &[SocketAddr]) -> Result<Wire, RendezvousError> {
        let mut unavailable = None;
        for remote in remotes {
            let addresses = self.addresses_or(remote.ip());
            match self.bind(addresses, Some(remote.port())) {
                Err(RendezvousError::Device(error @ UdpError::AddressNotAvailable { .. })) => {
                    unavailable = Some((error, remote));
                }
                other => return other,
            }
        }
        // The others may reach us under an address that is not ours (a service, a NAT): listen on
        // all, and let peers put in the address that they see.
        match unavailable {
            Some((error, _)) if !self.addresses.is_empty() => Err(error.into()),
            Some((_, remote)) => {
                let any: IpAddr = match remote.ip() {
                    IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                tracing::warn!(
                    "{} is not an address of this host: listening on all addresses",
                    remote.ip()
                );
                self.bind(vec![any], Some(remote.port()))
            }
            None => self.bind_alone(),
        }
    }

    /// Sockets from which `remote` can be reached.
    pub(crate) fn bind_towards(
        &self,
        master: &Master,
        remote: SocketAddr,
    ) -> Result<Wire, RendezvousError> {
        if !self.addresses.is_empty() {
            return self.bind(self.addresses.clone(), None);
        }
        let local = local_ip_for(remote)
            .map_err(|source| RendezvousError::NoRoute { master: master.clone(), source })?;
        self.bind(vec![local], None)
    }

    /// Sockets for a world of one: nobody else will use them.
    pub(super) fn bind_alone(&self) -> Result<Wire, RendezvousError> {
        self.bind(vec![Ipv4Addr::LOCALHOST.into()], None)
    }

    fn addresses_or(&self, ip: IpAddr) -> Vec<IpAddr> {
        if self.addresses.is_empty() { vec![ip] } else { self.addresses.clone() }
    }

    fn bind(
        &self,
        addresses: Vec<IpAddr>,
        first_port: Option<u16>,
    ) -> Result<Wire, RendezvousError> {
        // Where another device carries the job, one socket is enough to meet, and it is left in peace.
        let is_carrier = self.device == DeviceChoice::Udp;
        let ports = if is_carrier { self.udp.ports } else { 1 };
        let udp = UdpConfig { addresses, first_port, ports, ..self.udp.clone() };
        let wire = Wire::udp(&udp)?;
        if is_carrier { self.injured(wire) } else { Ok(wire) }
    }

    /// Puts in the faults that the user asked for.
    pub(super) fn injured(&self, wire: Wire) -> Result<Wire, RendezvousError> {
        match self.faults {
            Some((faults, seed)) => wire
                .with_faults(faults, seed)
                .map_err(|error| sealane_transport::Error::Config(error.to_string()).into()),
            None => Ok(wire),
        }
    }

    /// Sockets at these addresses, at any ports.
    pub(crate) fn bind_at(&self, addresses: Vec<IpAddr>) -> Result<Wire, RendezvousError> {
        self.bind(addresses, None)
    }

    /// An endpoint without peers on `wire`, open to everyone of the job or to an epoch alone.
    pub(crate) fn net(
        &self,
        world: u32,
        wire: Wire,
        membership: Option<Epoch>,
    ) -> Result<Net, RendezvousError> {
        let mut seed = [0; 32];
        OsRng
            .try_fill_bytes(&mut seed)
            .map_err(|error| RendezvousError::Entropy(error.to_string()))?;
        let endpoint = Endpoint::new(EndpointSettings {
            config: Config { membership, ..self.config.clone() },
            identity: self.identity.clone(),
            capabilities: wire.capabilities().clone(),
            addresses: wire.local_addresses().to_vec(),
            epoch: self.clock.epoch(),
            wall: Arc::new(DefaultTimeProvider),
            seed,
            world,
        })?;
        Ok(Net::new(self.clock, endpoint, wire))
    }
}

/// The addresses of the master's name.
pub(crate) fn resolve(master: &Master) -> Result<Vec<SocketAddr>, RendezvousError> {
    let failed = |cause: String| RendezvousError::Resolve { master: master.clone(), cause };
    let found = (master.host.as_str(), master.port)
        .to_socket_addrs()
        .map_err(|error: io::Error| failed(error.to_string()))?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() { Err(failed("the name has no address".to_owned())) } else { Ok(found) }
}

/// Where we are, as others need to know it.
pub(super) fn place(net: &Net, carrier: Option<&Wire>) -> Place {
    let (kind, wire) = match carrier {
        Some(wire) => (Carrier::Verbs, wire),
        None => (Carrier::Udp, &net.wire),
    };
    Place { host: host_id(), carrier: kind, addresses: wire.local_addresses().to_vec() }
}

/// The IP addresses of a wire over UDP.
pub(crate) fn ips(wire: &Wire) -> Vec<IpAddr> {
    wire.local_addresses().iter().map(SocketAddr::ip).collect()
}

/// What `SEALANE_HOST_ID` says, or else the kernel's name for this boot of this host; zero where there is
/// neither.
pub(crate) fn host_id() -> HostId {
    let mut id = HostId::default();
    if let Some(name) = std::env::var_os("SEALANE_HOST_ID").filter(|name| !name.is_empty()) {
        let digest = Sha256::digest(name.as_encoded_bytes());
        id.iter_mut().zip(digest).for_each(|(byte, hashed)| *byte = hashed);
        return id;
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    id
}
