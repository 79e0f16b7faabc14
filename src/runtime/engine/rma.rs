//! One-sided operations under way, and what came of those of other ranks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealane_collectives::Buffers;
use sealane_kernels::{HostBuffer, Placement, RegionId, ViewId};
use sealane_transport::rma::{
    Atomic, Audience, Exposure, GRANT_LEN, Grant, Permissions, RemoteAddress, RemoteKey, Segment,
};
use sealane_transport::{BufferId, Endpoint, Error, Event, OperationError, Rank, RmaId};

use super::Engine;
use super::launch::Outcome;
use super::pending::Key;
use crate::runtime::slot::Slot;

/// The kind of the frames that hand grants over, in the application's space of the control stream.
const GRANT: u16 = 0x0006;

/// Grants of one rank that nobody has asked for yet; more are not taken.
const OFFERS_MAX: usize = 1024;

/// A write that another rank told us of (`Communicator::next_immediate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Immediate {
    /// Who wrote.
    pub source: Rank,
    /// Under the key of which grant.
    pub key: RemoteKey,
    /// From which byte of the granted range on.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What the writer says.
    pub value: u32,
}

/// A part of a region that takes part in an operation: region, offset and length in bytes.
pub(crate) type Part = (RegionId, u64, u64);

/// What an operation does.
#[derive(Debug)]
pub(crate) enum Access {
    Write { from: Vec<Part>, immediate: Option<u32> },
    Read { into: Vec<Part> },
    Atomic(Atomic),
}

/// The same of operations that run by themselves, whose memory is one buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Write { immediate: Option<u32> },
    Read,
    Atomic(Atomic),
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Rma {
    /// The views that operations use until they end.
    open: HashMap<RmaId, Vec<ViewId>>,
    ended: HashMap<RmaId, Result<u64, OperationError>>,
    /// Whose memory the operations use that run by themselves.
    owners: HashMap<RmaId, Rank>,
    immediates: VecDeque<Immediate>,
    offers: HashMap<Rank, VecDeque<(u64, Grant)>>,
}

impl Rma {
    /// Takes an event that is one of ours.
    pub(super) fn take(&mut self, event: &Event, buffers: &mut Buffers) -> bool {
        match event {
            Event::RmaDone { rma, value } => self.end(*rma, Ok(*value), buffers),
            Event::RmaFailed { rma, error } => self.end(*rma, Err(error.clone()), buffers),
            Event::RmaWritten { peer, key, offset, length, immediate } => {
                self.immediates.push_back(Immediate {
                    source: *peer,
                    key: *key,
                    offset: *offset,
                    length: *length,
                    value: *immediate,
                });
            }
            Event::Control { peer, kind: GRANT, body } => self.offered(*peer, body),
            _ => return false,
        }
        true
    }

    /// One that is not open was withdrawn here: nobody asks for its end.
    fn end(&mut self, rma: RmaId, ended: Result<u64, OperationError>, buffers: &mut Buffers) {
        let Some(views) = self.open.remove(&rma) else { return };
        views.into_iter().for_each(|view| buffers.0.end_view(view));
        self.ended.insert(rma, ended);
    }

    /// `tag u64 | grant`: only the owner may hand a grant over so.
    fn offered(&mut self, peer: Rank, body: &Bytes) {
        let Some((tag, grant)) = body.split_first_chunk::<8>() else { return };
        let Ok(grant) = Grant::decode(grant) else { return };
        let offers = self.offers.entry(peer).or_default();
        if grant.owner == peer && offers.len() < OFFERS_MAX {
            offers.push_back((u64::from_be_bytes(*tag), grant));
        }
    }

    /// Whether operations of ours are under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// How an operation ended, once.
    pub(crate) fn ended(&mut self, rma: RmaId) -> Option<Result<u64, OperationError>> {
        self.ended.remove(&rma)
    }

    /// The first grant that a rank has handed over under a tag.
    pub(crate) fn offer(&mut self, owner: Rank, tag: u64) -> Option<Grant> {
        let offers = self.offers.get_mut(&owner)?;
        let at = offers.iter().position(|(of, _)| *of == tag)?;
        offers.remove(at).map(|(_, grant)| grant)
    }
}

fn views(buffers: &mut Buffers, parts: &[Part]) -> Result<(Vec<ViewId>, Vec<Segment>), Error> {
    let (mut views, mut segments) = (Vec::new(), Vec::new());
    for (region, offset, length) in parts {
        let Some(view) = buffers.0.view(*region, *offset, *length, Placement::Copy) else {
            views.into_iter().for_each(|view| buffers.0.end_view(view));
            return Err(Error::Limit("a buffer of the operation is gone"));
        };
        views.push(view);
        segments.push(Segment { buffer: BufferId(view.0), offset: 0, length: *length });
    }
    Ok((views, segments))
}

impl Engine {
    /// Starts a one-sided operation.
    pub(crate) fn access(
        &mut self,
        owner: Rank,
        address: RemoteAddress,
        access: &Access,
    ) -> Result<RmaId, Error> {
        let (now, owner) = (self.net.clock.now(), self.members.job(owner));
        let parts = match access {
            Access::Write { from, .. } => from.as_slice(),
            Access::Read { into } => into,
            Access::Atomic(_) => &[],
        };
        let (views, segments) = views(&mut self.buffers, parts)?;
        let endpoint: &mut Endpoint = &mut self.net.endpoint;
        let started = match access {
            Access::Write { immediate, .. } => {
                endpoint.write(now, owner, address, &segments, *immediate)
            }
            Access::Read { .. } => endpoint.read(now, owner, address, &segments),
            Access::Atomic(operation) => endpoint.atomic(now, owner, address, *operation),
        };
        match &started {
            Ok(rma) => {
                self.rma.open.insert(*rma, views);
            }
            Err(_) => views.into_iter().for_each(|view| self.buffers.0.end_view(view)),
        }
        started.map_err(|error| self.members.error(error))
    }

    /// Starts an operation with the whole of `data`, or an atomic one. Its end goes to the slot.
    pub(crate) fn launch_access(
        &mut self,
        slot: &Arc<Slot>,
        (owner, address): (Rank, RemoteAddress),
        (what, data): (What, HostBuffer),
        within: Duration,
    ) -> Result<(), crate::error::Error> {
        slot.number(self.next_message());
        let (operation, length) = (slot.operation(), data.len() as u64);
        let regions = self.admit(operation, None, data)?;
        let part = vec![(regions.1, 0, length)];
        let access = match what {
            What::Write { immediate } => Access::Write { from: part, immediate },
            What::Read => Access::Read { into: part },
            What::Atomic(atomic) => Access::Atomic(atomic),
        };
        match self.access(owner, address, &access) {
            Ok(rma) => {
                let now = self.net.clock.now();
                self.rma.owners.insert(rma, owner);
                self.pending.insert(Key::OneSided(rma), slot.clone(), regions, (now, within));
                Ok(())
            }
            Err(error) => {
                self.discard(regions);
                Err(self.refused(operation, error))
            }
        }
    }

    /// A one-sided operation has ended, if that is what the event says.
    pub(super) fn one_sided_ended(&mut self, event: &Event) {
        self.completed = true;
        let (Event::RmaDone { rma, .. } | Event::RmaFailed { rma, .. }) = event else { return };
        let Some(entry) = self.pending.remove(Key::OneSided(*rma)) else { return };
        let (owner, ended) = (self.rma.owners.remove(rma), self.rma.ended(*rma));
        let (Some(owner), Some(ended)) = (owner, ended) else { return };
        let result = ended
            .map(Outcome::Found)
            .map_err(|error| self.failed_access(entry.slot.operation(), owner, error));
        self.fill(entry, result);
    }

    /// Starts a flush: it ends when all one-sided operations with the rank before it have.
    pub(crate) fn flush(&mut self, peer: Rank) -> Result<RmaId, Error> {
        let flush = self.net.endpoint.flush(self.members.job(peer));
        let rma = flush.map_err(|error| self.members.error(error))?;
        self.rma.open.insert(rma, Vec::new());
        Ok(rma)
    }

    /// Operations with the rank from here on wait for those before.
    pub(crate) fn fence(&mut self, peer: Rank) -> Result<(), Error> {
        let fenced = self.net.endpoint.fence(self.members.job(peer));
        fenced.map_err(|error| self.members.error(error))
    }

    /// Withdraws an operation, whatever its state: its memory is the caller's again.
    pub(crate) fn cancel_rma(&mut self, rma: RmaId) {
        // Done already: then nothing uses its memory.
        let _ = self.net.endpoint.cancel_rma(rma);
        for view in self.rma.open.remove(&rma).into_iter().flatten() {
            self.buffers.0.end_view(view);
        }
        self.rma.ended.remove(&rma);
        self.rma.owners.remove(&rma);
    }

    /// Fails every one-sided operation of ours.
    pub(super) fn fail_rma(&mut self) {
        for rma in self.rma.open.keys().copied().collect::<Vec<_>>() {
            let _ = self.net.endpoint.cancel_rma(rma);
        }
        self.events();
    }

    /// Lets ranks use `length` bytes of a region. The view is to be ended with the grant.
    pub(crate) fn grant(
        &mut self,
        region: RegionId,
        length: u64,
        permissions: Permissions,
        to: Option<Rank>,
    ) -> Result<(Grant, ViewId), Error> {
        let audience = to.map_or(Audience::Anyone, |to| Audience::only(self.members.job(to)));
        let view = self.buffers.0.view(region, 0, length, Placement::Copy);
        let view = view.ok_or(Error::Limit("the memory of the region is gone"))?;
        let buffer = BufferId(view.0);
        let exposure = Exposure { buffer, offset: 0, length, permissions, audience };
        match self.net.endpoint.grant(exposure) {
            // Holders name the owner as the communicator does.
            Ok(grant) => Ok((Grant { owner: self.rank, ..grant }, view)),
            Err(error) => {
                self.buffers.0.end_view(view);
                Err(error)
            }
        }
    }

    /// Takes a grant back. After this nothing uses the memory under its key.
    pub(crate) fn revoke(&mut self, key: RemoteKey, view: ViewId) {
        // One that is gone already, with its epoch, is as good as revoked.
        let _ = self.net.endpoint.revoke(key);
        self.buffers.0.end_view(view);
    }

    /// Hands a grant over on the control stream.
    pub(crate) fn offer_grant(&mut self, to: Rank, tag: u64, grant: &Grant) -> Result<(), Error> {
        let mut body = Vec::with_capacity(8 + GRANT_LEN);
        body.extend_from_slice(&tag.to_be_bytes());
        body.extend_from_slice(&grant.encode());
        let now = self.net.clock.now();
        let to = self.members.job(to);
        let sent = self.net.endpoint.send_control(now, to, GRANT, Bytes::from(body));
        sent.map_err(|error| self.members.error(error))
    }

    /// The write that was told of first and was not taken yet.
    pub(crate) fn next_immediate(&mut self) -> Option<Immediate> {
        let immediate = self.rma.immediates.pop_front()?;
        self.net.endpoint.immediate_taken(self.members.job(immediate.source));
        Some(immediate)
    }
}
