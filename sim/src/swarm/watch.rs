//! What is watched while a seed runs.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::ControlFlow;

use sealane_transport::Rank;
use sealane_transport::device::Ecn;
use sealane_transport::packet::is_data_plane;

use crate::checker::NonceWatch;
use crate::engine::Picos;
use crate::fabric::{Drop, LinkId, Packet};
use crate::topology::Graph;
use crate::workload::FlowResult;
use crate::world::{Detail, Fault, Observer, Progress, World};

use super::Case;

/// Complaints of one run at most.
const COMPLAINTS_MAX: usize = 16;

/// What names a packet for its receiver: host, session, lane, number.
type Name = (u32, u32, u8, u64);

/// Looks at every packet and, now and then, into every endpoint; passes everything on.
#[expect(
    missing_debug_implementations,
    reason = "the observer that it passes things on to has none"
)]
pub struct SwarmWatch<'a> {
    inner: &'a mut dyn Observer,
    inner_detail: Detail,
    nonces: NonceWatch,
    /// Different packets that reached each host.
    reached: Vec<u64>,
    seen: HashSet<Name>,
    buffer: Vec<u8>,
    eager_budget: u64,
    receive_budget: u64,
    mtu: u64,
    violations: Vec<String>,
}

impl<'a> SwarmWatch<'a> {
    pub(super) fn new(case: &Case, inner: &'a mut dyn Observer) -> Self {
        let nic = &case.scenario.nic;
        Self {
            inner_detail: inner.detail(),
            inner,
            nonces: NonceWatch::default(),
            reached: Vec::new(),
            seen: HashSet::new(),
            buffer: vec![0; usize::from(u16::MAX)],
            eager_budget: case.scenario.transport.eager_budget,
            receive_budget: nic.receive_budget,
            mtu: u64::from(nic.mtu) * u64::from(nic.train_packets),
            violations: Vec::new(),
        }
    }

    pub(super) fn into_violations(self) -> Vec<String> {
        self.violations
    }

    fn complain(&mut self, what: String) {
        if self.violations.len() < COMPLAINTS_MAX {
            self.violations.push(what);
        }
    }

    fn inspect_host(&mut self, world: &World<'_>, host: u32) {
        let state = &world.hosts[host as usize];
        let accepted = state.endpoint.stats().packets_received;
        let reached = self.reached.get(host as usize).copied().unwrap_or_default();
        if accepted > reached {
            let what = format!("host {host} accepted {accepted} packets, {reached} different came");
            self.complain(what);
        }
        for peer in 0..world.hosts.len() as u32 {
            let Some(info) = state.endpoint.peer_info(Rank(peer)) else { continue };
            if info.in_flight > self.receive_budget + self.mtu {
                let what = format!("{} bytes in flight from {host} to {peer}", info.in_flight);
                self.complain(what);
            }
            if info.stored > self.eager_budget {
                self.complain(format!("host {host} stores {} bytes of {peer}", info.stored));
            }
        }
    }
}

/// Session, lane and number of a data packet.
fn name(host: u32, bytes: &[u8]) -> Option<Name> {
    let (header, _) = bytes.split_first_chunk::<16>()?;
    if !is_data_plane(header[0]) {
        return None;
    }
    let [_, lane, _, _, s0, s1, s2, s3, number @ ..] = *header;
    Some((host, u32::from_be_bytes([s0, s1, s2, s3]), lane, u64::from_be_bytes(number)))
}

impl Observer for SwarmWatch<'_> {
    fn detail(&self) -> Detail {
        Detail::Packets
    }

    fn begin(&mut self, graph: &Graph) {
        self.reached = vec![0; graph.hosts as usize];
        self.inner.begin(graph);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.inner.progress(progress)
    }

    fn sent(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        let bytes = &mut self.buffer[..usize::from(length)];
        packet.write_to(bytes);
        let to: IpAddr = packet.to.socket().ip();
        if let Err(what) = self.nonces.observe(to, bytes) {
            self.complain(what);
        }
        if self.inner_detail >= Detail::Packets {
            self.inner.sent(now, packet, length, ecn);
        }
    }

    fn received(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        if let Some(name) = name(packet.to.host, packet.bytes())
            && self.seen.insert(name)
        {
            self.reached[packet.to.host as usize] += 1;
        }
        if self.inner_detail >= Detail::Packets {
            self.inner.received(now, packet, length, ecn);
        }
    }

    fn inspect(&mut self, world: &World<'_>) {
        for host in 0..world.hosts.len() as u32 {
            self.inspect_host(world, host);
        }
    }

    fn dropped(&mut self, now: Picos, link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        if self.inner_detail >= Detail::Packets {
            self.inner.dropped(now, link, packet, length, cause);
        }
    }

    fn queued(&mut self, now: Picos, link: LinkId, bytes: u64) {
        if self.inner_detail >= Detail::Packets {
            self.inner.queued(now, link, bytes);
        }
    }

    fn flow_started(&mut self, flow: &FlowResult) {
        if self.inner_detail >= Detail::Flows {
            self.inner.flow_started(flow);
        }
    }

    fn flow_ended(&mut self, flow: &FlowResult) {
        if self.inner_detail >= Detail::Flows {
            self.inner.flow_ended(flow);
        }
    }

    fn fault(&mut self, now: Picos, fault: &Fault, begins: bool) {
        if self.inner_detail >= Detail::Flows {
            self.inner.fault(now, fault, begins);
        }
    }
}
