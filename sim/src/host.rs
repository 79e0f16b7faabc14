//! A host of the fabric: the protocol core itself behind an interface with a small transmit queue.

mod memory;
mod nic;

pub use memory::{FlowMemory, HostMemory};
pub use nic::{HostDevice, Nic, NicSettings};

use std::sync::Arc;

use sealane_transport::device::Capabilities;
use sealane_transport::{Config, Endpoint, EndpointSettings, Error};

use crate::cluster::identity;
use crate::engine::Picos;
use crate::fabric::Address;
use crate::rng::{Rng, mix};

/// What a host is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It runs.
    #[default]
    Running,
    /// Its process is stopped; what arrives waits.
    Paused,
    /// It is gone; what arrives is lost.
    Crashed,
}

/// A host.
#[derive(Debug)]
pub struct Host {
    /// The protocol.
    pub endpoint: Endpoint,
    /// The buffers that its messages name.
    pub memory: HostMemory,
    /// Its interface.
    pub nic: Nic,
    /// What it is doing.
    pub condition: Condition,
    /// The earliest wake-up that is in the queue.
    pub(crate) armed: Picos,
    /// It is in the list of hosts to look at.
    pub(crate) dirty: bool,
}

/// What hosts are made of.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// The protocol's configuration.
    pub config: Config,
    /// The interface.
    pub nic: NicSettings,
    /// Everything random comes from here.
    pub seed: u64,
    /// Ranks of the job.
    pub world: u32,
}

impl Host {
    /// Host `host` of the fabric, which is also its rank.
    ///
    /// # Errors
    ///
    /// What [`Endpoint::new`] says to the configuration.
    pub fn new(
        host: u32,
        settings: &HostSettings,
        capabilities: &Arc<Capabilities>,
        memory: HostMemory,
    ) -> Result<Self, Error> {
        let ports = 0..settings.nic.ports.max(1);
        let addresses: Vec<_> = ports.map(|port| Address { host, port }.socket()).collect();
        let endpoint = Endpoint::new(EndpointSettings {
            config: settings.config.clone(),
            identity: identity(host)?,
            capabilities: Capabilities::clone(capabilities),
            addresses: addresses.clone(),
            epoch: crate::cluster::epoch(),
            wall: Arc::new(crate::cluster::Wall),
            seed: Rng::new(settings.seed, mix(HOST_STREAM ^ u64::from(host))).seed(),
            world: settings.world,
        })?;
        Ok(Self {
            endpoint,
            memory,
            nic: Nic::new(host, addresses, capabilities, &settings.nic),
            condition: Condition::Running,
            armed: Picos::MAX,
            dirty: false,
        })
    }
}

/// Kind word of the generators of hosts.
const HOST_STREAM: u64 = 0x0068_6F73_7400_0000;
