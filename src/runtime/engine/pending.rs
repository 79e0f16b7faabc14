//! Operations that run by themselves: whose ends go to a slot, and by when.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sealane_collectives::OperationId;
use sealane_kernels::RegionId;
use sealane_transport::{RmaId, Time};

use super::messages::MessageKey;
use crate::runtime::slot::Slot;

/// What a slot is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Collective(OperationId),
    Message(MessageKey),
    OneSided(RmaId),
}

/// One of them.
pub(super) struct Entry {
    pub slot: Arc<Slot>,
    /// Of an operation out of place.
    pub input: Option<RegionId>,
    pub output: RegionId,
    pub within: Duration,
    deadline: Time,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Pending {
    entries: HashMap<Key, Entry>,
    deadlines: BTreeSet<(Time, Key)>,
}

impl Pending {
    pub(super) fn insert(
        &mut self,
        key: Key,
        slot: Arc<Slot>,
        (input, output): (Option<RegionId>, RegionId),
        (now, within): (Time, Duration),
    ) {
        let deadline = now + within;
        self.deadlines.insert((deadline, key));
        self.entries.insert(key, Entry { slot, input, output, within, deadline });
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.deadlines.remove(&(entry.deadline, key));
        Some(entry)
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }

    /// When the first of them must have ended.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// One whose time has passed.
    pub(super) fn overdue(&self, now: Time) -> Option<Key> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }
}
