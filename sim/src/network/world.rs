//! The state behind a [`Network`](super::Network).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use sealane_transport::Time;
use sealane_transport::device::{DeviceEvent, Ecn, Route, Train};

use super::link::{Fate, Link, LinkSettings};
use super::{Captured, Tap};
use crate::device::DeviceSettings;
use crate::rng::mix;

/// What the network did, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entered the network, injected ones included.
    pub transmitted: u64,
    /// Handed to a device's queue, duplicates included.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Had a bit flipped.
    pub corrupted: u64,
    /// Were held back.
    pub reordered: u64,
    /// Vanished in a blackhole or partition.
    pub blackholed: u64,
    /// Exceeded the MTU of a link or device.
    pub too_large: u64,
    /// Found a link's queue or a host's receive buffer full.
    pub overflowed: u64,
    /// Were marked "congestion experienced".
    pub marked: u64,
    /// Went to an address where nobody is.
    pub unreachable: u64,
}

/// A datagram in flight.
#[derive(Debug)]
struct Flight {
    at: Time,
    sequence: u64,
    from: SocketAddr,
    to: SocketAddr,
    ecn: Ecn,
    bytes: Vec<u8>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Flight {}
impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// A datagram in a host's receive queue.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) route: Route,
    pub(crate) ecn: Ecn,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Host {
    addresses: Vec<SocketAddr>,
    receive_budget: u64,
    whole_trains: bool,
    queued_bytes: u64,
    queue: VecDeque<Arrived>,
    events: VecDeque<DeviceEvent>,
}

/// Device events that a host keeps until it asks; older ones are hints that have lost their worth.
const EVENTS_MAX: usize = 1024;

pub(crate) struct World {
    pub(super) now: Time,
    pub(super) links_default: LinkSettings,
    pub(super) links_between: BTreeMap<(usize, usize), LinkSettings>,
    pub(super) blackholes: BTreeSet<(SocketAddr, SocketAddr)>,
    pub(super) partitions: BTreeSet<(usize, usize)>,
    pub(super) icmp: bool,
    pub(super) taps: Vec<Tap>,
    pub(super) counters: Counters,
    pub(super) digest: u64,
    seed: u64,
    sequence: u64,
    hosts: Vec<Host>,
    ports: BTreeMap<SocketAddr, (usize, u16)>,
    links: BTreeMap<(SocketAddr, SocketAddr), Link>,
    flights: BinaryHeap<Reverse<Flight>>,
    spare: Vec<Vec<u8>>,
}

impl World {
    pub(super) fn new(seed: u64, links_default: LinkSettings) -> Self {
        Self {
            now: Time::ZERO,
            links_default,
            links_between: BTreeMap::new(),
            blackholes: BTreeSet::new(),
            partitions: BTreeSet::new(),
            icmp: false,
            taps: Vec::new(),
            counters: Counters::default(),
            digest: 0,
            seed,
            sequence: 0,
            hosts: Vec::new(),
            ports: BTreeMap::new(),
            links: BTreeMap::new(),
            flights: BinaryHeap::new(),
            spare: Vec::new(),
        }
    }

    pub(super) fn attach(&mut self, settings: &DeviceSettings) -> (usize, Vec<SocketAddr>) {
        let host = self.hosts.len();
        let [.., high, low] = (host as u32 + 1).to_be_bytes();
        let ip = Ipv4Addr::new(10, 0, high, low);
        let addresses: Vec<_> =
            (0..settings.ports.max(1)).map(|port| SocketAddr::from((ip, 4000 + port))).collect();
        for (port, address) in (0..).zip(&addresses) {
            self.ports.insert(*address, (host, port));
        }
        self.hosts.push(Host {
            addresses: addresses.clone(),
            receive_budget: settings.receive_budget,
            whole_trains: settings.whole_trains,
            queued_bytes: 0,
            queue: VecDeque::new(),
            events: VecDeque::new(),
        });
        (host, addresses)
    }

    pub(super) fn detach(&mut self, host: usize) {
        self.ports.retain(|_, (owner, _)| *owner != host);
        if let Some(host) = self.hosts.get_mut(host) {
            host.queue.clear();
            host.queued_bytes = 0;
        }
    }

    pub(super) fn next_arrival(&self) -> Option<Time> {
        self.flights.peek().map(|Reverse(flight)| flight.at)
    }

    pub(super) fn advance(&mut self, to: Time) {
        while self.next_arrival().is_some_and(|at| at <= to) {
            let Some(Reverse(flight)) = self.flights.pop() else { break };
            self.now = self.now.max(flight.at);
            self.arrive(flight);
        }
        self.now = self.now.max(to);
    }

    fn arrive(&mut self, flight: Flight) {
        let Some(&(host, local)) = self.ports.get(&flight.to) else {
            self.counters.unreachable += 1;
            self.unreachable(flight.from, flight.to);
            self.spare.push(flight.bytes);
            return;
        };
        let length = flight.bytes.len() as u64;
        for word in [self.now.as_nanos(), tag(flight.from), tag(flight.to), length] {
            self.digest = mix(self.digest ^ word);
        }
        let host = &mut self.hosts[host];
        if host.queued_bytes + length > host.receive_budget {
            self.counters.overflowed += 1;
            self.spare.push(flight.bytes);
            return;
        }
        self.counters.delivered += 1;
        host.queued_bytes += length;
        let route = Route { local, remote: flight.from };
        host.queue.push_back(Arrived { route, ecn: flight.ecn, bytes: flight.bytes });
    }

    fn unreachable(&mut self, from: SocketAddr, to: SocketAddr) {
        if let (true, Some(&(host, local))) = (self.icmp, self.ports.get(&from)) {
            self.tell(host, DeviceEvent::Unreachable(Route { local, remote: to }));
        }
    }

    pub(crate) fn tell(&mut self, host: usize, event: DeviceEvent) {
        let events = &mut self.hosts[host].events;
        if events.len() < EVENTS_MAX {
            events.push_back(event);
        }
    }

    /// Puts a train of `host` on the wire.
    pub(crate) fn transmit(&mut self, host: usize, train: &Train, bytes: &[u8]) {
        let Some(&from) = self.hosts[host].addresses.get(usize::from(train.route.local)) else {
            return;
        };
        if !self.ports.contains_key(&from) {
            return;
        }
        let to = train.route.remote;
        let settings = self.settings(from, to);
        let whole = self.hosts[host].whole_trains;
        let train_lost = whole && self.link(from, to).loses(&settings);
        let settings = if whole { LinkSettings { loss: 0.0, ..settings } } else { settings };
        for packet in bytes.chunks(train.stride.max(1)) {
            self.enter(from, to, train.ecn, packet, false);
            let lost = train_lost || self.link(from, to).loses(&settings);
            self.carry(from, to, train.ecn, packet, lost, &settings);
        }
    }

    pub(super) fn inject(&mut self, from: SocketAddr, to: SocketAddr, ecn: Ecn, bytes: &[u8]) {
        let settings = self.settings(from, to);
        self.enter(from, to, ecn, bytes, true);
        let lost = self.link(from, to).loses(&settings);
        self.carry(from, to, ecn, bytes, lost, &settings);
    }

    fn enter(&mut self, from: SocketAddr, to: SocketAddr, ecn: Ecn, bytes: &[u8], injected: bool) {
        self.counters.transmitted += 1;
        let captured = Captured { time: self.now, from, to, ecn, injected, bytes };
        for tap in &mut self.taps {
            tap(&captured);
        }
    }

    fn carry(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        ecn: Ecn,
        bytes: &[u8],
        lost: bool,
        settings: &LinkSettings,
    ) {
        if self.swallows(from, to) {
            self.counters.blackholed += 1;
            return;
        }
        let now = self.now;
        let mut fate = self.link(from, to).carry(now, settings, bytes.len(), ecn);
        fate.lost = lost;
        self.count(&fate);
        if fate.lost {
            return;
        }
        for at in fate.arrivals.into_iter().flatten() {
            let mut copy = self.spare.pop().unwrap_or_default();
            copy.clear();
            copy.extend_from_slice(bytes);
            if let Some(bit) = fate.flip {
                copy[bit / 8] ^= 1 << (bit % 8);
            }
            self.sequence += 1;
            let sequence = self.sequence;
            self.flights.push(Reverse(Flight {
                at,
                sequence,
                from,
                to,
                ecn: fate.ecn,
                bytes: copy,
            }));
        }
    }

    fn count(&mut self, fate: &Fate) {
        let counters = &mut self.counters;
        counters.lost += u64::from(fate.lost);
        counters.too_large += u64::from(fate.too_large);
        counters.overflowed += u64::from(fate.overflow);
        if !fate.lost {
            counters.duplicated += u64::from(fate.arrivals[1].is_some());
            counters.corrupted += u64::from(fate.flip.is_some());
            counters.reordered += u64::from(fate.held);
            counters.marked += u64::from(fate.marked);
        }
    }

    fn swallows(&self, from: SocketAddr, to: SocketAddr) -> bool {
        self.blackholes.contains(&(from, to))
            || self.hosts_of(from, to).is_some_and(|pair| self.partitions.contains(&pair))
    }

    fn hosts_of(&self, from: SocketAddr, to: SocketAddr) -> Option<(usize, usize)> {
        Some((self.ports.get(&from)?.0, self.ports.get(&to)?.0))
    }

    fn settings(&self, from: SocketAddr, to: SocketAddr) -> LinkSettings {
        let own = self.hosts_of(from, to).and_then(|pair| self.links_between.get(&pair));
        own.copied().unwrap_or(self.links_default)
    }

    fn link(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Link {
        let seed = self.seed;
        let stream = tag(from).rotate_left(17) ^ tag(to);
        self.links.entry((from, to)).or_insert_with(|| Link::new(seed, stream))
    }

    /// The oldest datagram in the host's queue, if `accept` takes it.
    pub(crate) fn receive(
        &mut self,
        host: usize,
        accept: impl FnOnce(&Arrived) -> bool,
    ) -> Option<Arrived> {
        let host = &mut self.hosts[host];
        if !accept(host.queue.front()?) {
            return None;
        }
        let arrived = host.queue.pop_front()?;
        host.queued_bytes -= arrived.bytes.len() as u64;
        Some(arrived)
    }

    /// Takes a datagram's memory back.
    pub(crate) fn recycle(&mut self, bytes: Vec<u8>) {
        self.spare.push(bytes);
    }

    pub(crate) fn next_event(&mut self, host: usize) -> Option<DeviceEvent> {
        self.hosts[host].events.pop_front()
    }
}

/// A number for an address, stable across runs.
fn tag(address: SocketAddr) -> u64 {
    let ip = match address {
        SocketAddr::V4(v4) => u64::from(u32::from(*v4.ip())),
        SocketAddr::V6(v6) => u128::from(*v6.ip()) as u64,
    };
    mix(ip) ^ u64::from(address.port())
}
