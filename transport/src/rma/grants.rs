//! What this endpoint has granted to whom (PROTOCOL §12.2, §12.6).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::error::Error;
use crate::ids::{BufferId, Rank};
use crate::limits::{GRANTS_MAX, REVOKED_MAX};

use super::{Grant, Permissions, Refusal, RemoteAddress, RemoteKey};

/// Who may use a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every rank of the job that holds the key.
    Anyone,
    /// These ranks, if they hold the key.
    Ranks(BTreeSet<Rank>),
}

impl Audience {
    /// One rank.
    #[must_use]
    pub fn only(rank: Rank) -> Self {
        Self::Ranks(BTreeSet::from([rank]))
    }

    fn has(&self, rank: Rank) -> bool {
        match self {
            Self::Anyone => true,
            Self::Ranks(ranks) => ranks.contains(&rank),
        }
    }
}

/// What to grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The memory. Placement into it must be by copy.
    pub buffer: BufferId,
    /// Where the granted range begins in it.
    pub offset: u64,
    /// Bytes of the range.
    pub length: u64,
    /// What may be done to it.
    pub permissions: Permissions,
    /// By whom.
    pub audience: Audience,
}

/// Memory that a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub buffer: BufferId,
    pub offset: u64,
}

/// Keys are drawn here, so no attacker chooses what is hashed: a fixed hasher serves.
type Table = HashMap<u64, Exposure, BuildHasherDefault<DefaultHasher>>;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Grants {
    owner: Rank,
    granted: Table,
    /// The latest grants of this epoch that were revoked, so that their holders learn why.
    revoked: VecDeque<(RemoteKey, Audience)>,
    epoch: u32,
    keys: StdRng,
}

impl Grants {
    /// None yet. Keys are drawn from `seed`, which nobody else may know.
    pub(crate) fn new(owner: Rank, epoch: u32, seed: [u8; 32]) -> Self {
        Self {
            owner,
            granted: Table::default(),
            revoked: VecDeque::new(),
            epoch,
            keys: StdRng::from_seed(seed),
        }
    }

    /// Grants a range under a new key.
    pub(crate) fn grant(&mut self, exposure: Exposure) -> Result<Grant, Error> {
        if self.granted.len() >= GRANTS_MAX {
            return Err(Error::Limit("grants of an endpoint"));
        }
        let Exposure { offset, length, permissions, .. } = exposure;
        if offset.checked_add(length).is_none() {
            return Err(Error::Config("a granted range ends beyond 2^64".to_owned()));
        }
        let key = loop {
            let key = self.keys.random();
            let taken = self.granted.contains_key(&key)
                || self.revoked.iter().any(|(revoked, _)| revoked.0 == key);
            if !taken {
                break key;
            }
        };
        self.granted.insert(key, exposure);
        let (owner, epoch, key) = (self.owner, self.epoch, RemoteKey(key));
        Ok(Grant { owner, key, length, permissions, epoch })
    }

    /// Takes a grant back; `false` if it is none.
    pub(crate) fn revoke(&mut self, key: RemoteKey) -> bool {
        let Some(exposure) = self.granted.remove(&key.0) else { return false };
        if self.revoked.len() == REVOKED_MAX {
            self.revoked.pop_front();
        }
        self.revoked.push_back((key, exposure.audience));
        true
    }

    /// Ends the epoch and every grant with it; returns their keys.
    pub(crate) fn advance_epoch(&mut self) -> Vec<RemoteKey> {
        self.epoch = self.epoch.wrapping_add(1);
        self.revoked.clear();
        self.granted.drain().map(|(key, _)| RemoteKey(key)).collect()
    }

    /// The present epoch.
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether anything is granted.
    pub(crate) fn is_empty(&self) -> bool {
        self.granted.is_empty()
    }

    /// Where `length` bytes at `address` lie, if `rank` may do `wanted` to them.
    pub(crate) fn check(
        &self,
        rank: Rank,
        address: &RemoteAddress,
        length: u64,
        wanted: Permissions,
    ) -> Result<Extent, Refusal> {
        if address.epoch != self.epoch {
            return Err(Refusal::EpochOver);
        }
        let granted = self.granted.get(&address.key.0).filter(|grant| grant.audience.has(rank));
        let Some(granted) = granted else {
            let revoked =
                |(key, audience): &(RemoteKey, Audience)| *key == address.key && audience.has(rank);
            let known = self.revoked.iter().any(revoked);
            return Err(if known { Refusal::Revoked } else { Refusal::UnknownKey });
        };
        if !granted.permissions.contains(wanted) {
            return Err(Refusal::NotPermitted);
        }
        let end = address.offset.checked_add(length).ok_or(Refusal::OutOfBounds)?;
        if end > granted.length {
            return Err(Refusal::OutOfBounds);
        }
        // No overflow: the whole range was checked when it was granted.
        Ok(Extent { buffer: granted.buffer, offset: granted.offset + address.offset })
    }
}
