//! The cache of address handles: one per destination port and ECN mark.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use sealane_transport::device::Ecn;

use crate::address::VerbsAddress;
use crate::sys::{AddressHandle, Destination, Domain};
use crate::waiter::Waiter;

use super::resolver::Resolver;

/// Handles kept. Peers have one or two each; strangers that are answered (PROTOCOL §2.1) too.
const HANDLES_MAX: usize = 4096;

/// Hops that a packet may take.
const HOP_LIMIT: u8 = 64;

/// What a handle is for. Queue pairs of one port share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    gid: [u8; 16],
    lid: u16,
    traffic_class: u8,
}

/// What the cache has.
#[derive(Debug)]
pub enum Lookup {
    /// The handle.
    Ready(Arc<AddressHandle>),
    /// It is being made: try again after a wake-up.
    Pending,
    /// Too many are being made.
    Refused,
}

/// The cache.
#[derive(Debug)]
pub struct Handles {
    /// `None` while one is being made.
    entries: HashMap<Key, Option<Arc<AddressHandle>>>,
    /// Keys of those made, oldest first.
    order: VecDeque<Key>,
    resolver: Resolver,
    pending: usize,
    port: u8,
    gid_index: u8,
    marks: bool,
}

impl Handles {
    /// An empty cache for one port and GID; `marks` says whether ECN codepoints are set.
    pub fn new(
        domain: &Arc<Domain>,
        waiter: Waiter,
        (port, gid_index): (u8, u8),
        marks: bool,
    ) -> io::Result<Self> {
        let resolver = Resolver::start(domain, waiter)?;
        let (entries, order) = (HashMap::new(), VecDeque::new());
        Ok(Self { entries, order, resolver, pending: 0, port, gid_index, marks })
    }

    /// The key of a destination.
    pub fn key(&self, address: &VerbsAddress, ecn: Ecn) -> Key {
        let traffic_class = if self.marks { ecn as u8 } else { 0 };
        Key { gid: address.gid, lid: address.lid, traffic_class }
    }

    /// The handle for `key`; asks for it if there is none.
    pub fn get(&mut self, key: Key) -> Lookup {
        match self.entries.get(&key) {
            Some(Some(handle)) => Lookup::Ready(Arc::clone(handle)),
            Some(None) => Lookup::Pending,
            None if self.resolver.ask(key, self.destination(&key)) => {
                self.entries.insert(key, None);
                self.pending += 1;
                Lookup::Pending
            }
            None => Lookup::Refused,
        }
    }

    fn destination(&self, key: &Key) -> Destination {
        Destination {
            gid: key.gid,
            lid: u32::from(key.lid),
            gid_index: self.gid_index,
            port: self.port,
            traffic_class: key.traffic_class,
            hop_limit: HOP_LIMIT,
        }
    }

    /// Takes in what was resolved; `done` learns each key, and the error if there was one.
    pub fn collect(&mut self, mut done: impl FnMut(Key, Option<io::Error>)) {
        while self.pending > 0
            && let Some((key, result)) = self.resolver.answer()
        {
            self.pending -= 1;
            match result {
                Ok(handle) => {
                    self.insert(key, handle);
                    done(key, None);
                }
                Err(error) => {
                    self.entries.remove(&key);
                    done(key, Some(error));
                }
            }
        }
    }

    /// Sends that are posted hold their handle themselves, so the oldest may go.
    fn insert(&mut self, key: Key, handle: AddressHandle) {
        if self.order.len() == HANDLES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.entries.insert(key, Some(Arc::new(handle)));
        self.order.push_back(key);
    }
}
