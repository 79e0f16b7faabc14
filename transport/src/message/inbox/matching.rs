//! Which receive takes which message: by exact tag, first posted first, receives that name the peer
//! and receives from anyone in one order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rustc_hash::FxBuildHasher;

use crate::ids::{MessageId, Rank, RecvId, Tag};

use super::super::RecvRequest;

/// Keys are the application's own tags and our own ids: a fixed hasher serves.
type Table<K, V> = HashMap<K, V, FxBuildHasher>;

/// Receives in progress.
#[derive(Debug, Default)]
pub(super) struct Receives {
    requests: Table<RecvId, (RecvRequest, Option<(Rank, MessageId)>)>,
    /// Those without a message yet, oldest first.
    waiting: Table<(Option<Rank>, Tag), VecDeque<RecvId>>,
    bound: BTreeMap<(Rank, MessageId), RecvId>,
}

impl Receives {
    /// Lets a receive wait.
    pub(super) fn post(&mut self, recv: RecvId, request: RecvRequest) {
        self.requests.insert(recv, (request, None));
        self.waiting.entry((request.from, request.tag)).or_default().push_back(recv);
    }

    /// A receive has found its message.
    pub(super) fn bind(
        &mut self,
        recv: RecvId,
        request: RecvRequest,
        rank: Rank,
        message: MessageId,
    ) {
        self.requests.insert(recv, (request, Some((rank, message))));
        self.bound.insert((rank, message), recv);
    }

    /// Takes the receive that is first in line for a message of `rank` with `tag`.
    pub(super) fn take(&mut self, rank: Rank, tag: Tag) -> Option<(RecvId, RecvRequest)> {
        let first = |from| self.waiting.get(&(from, tag)).and_then(VecDeque::front).copied();
        let (named, any) = (first(Some(rank)), first(None));
        let recv = [named, any].into_iter().flatten().min()?;
        let (request, _) = self.requests.get(&recv).copied()?;
        self.unwait(recv, &request);
        Some((recv, request))
    }

    fn unwait(&mut self, recv: RecvId, request: &RecvRequest) {
        let key = (request.from, request.tag);
        if let Some(queue) = self.waiting.get_mut(&key) {
            if queue.front() == Some(&recv) {
                queue.pop_front();
            } else {
                queue.retain(|waiting| *waiting != recv);
            }
            if queue.is_empty() {
                self.waiting.remove(&key);
            }
        }
    }

    /// The receive that a message fills.
    pub(super) fn bound_to(&self, rank: Rank, message: MessageId) -> Option<RecvId> {
        self.bound.get(&(rank, message)).copied()
    }

    /// Removes a receive; returns what it was.
    pub(super) fn remove(
        &mut self,
        recv: RecvId,
    ) -> Option<(RecvRequest, Option<(Rank, MessageId)>)> {
        let (request, bound) = self.requests.remove(&recv)?;
        match bound {
            None => self.unwait(recv, &request),
            Some(key) => {
                self.bound.remove(&key);
            }
        }
        Some((request, bound))
    }

    /// Removes every receive that only `rank` can fill, oldest first.
    pub(super) fn take_all_of(&mut self, rank: Rank) -> Vec<RecvId> {
        let of = |(request, bound): &(RecvRequest, Option<(Rank, MessageId)>)| {
            bound.map_or(request.from, |(from, _)| Some(from)) == Some(rank)
        };
        let mut recvs: Vec<RecvId> =
            self.requests.iter().filter(|(_, state)| of(state)).map(|(recv, _)| *recv).collect();
        recvs.sort_unstable();
        for recv in &recvs {
            self.remove(*recv);
        }
        recvs
    }
}
