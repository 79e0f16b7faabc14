//! All paths of a session: which are usable, which are to be probed, which is next.

use std::collections::HashMap;
use std::time::Duration;

use rustc_hash::FxBuildHasher;

use crate::config::SprayPolicy;
use crate::device::Route;
use crate::ids::PathId;
use crate::limits::PATHS_MAX;
use crate::time::Time;

use super::spray::Spray;
use super::{Health, PROBE_PAUSE_MAX, PROBE_PAUSE_MIN, Path};

/// Routes come from the peer's authenticated parameters and few of them exist, so a fixed hasher
/// serves.
type RouteTable = HashMap<Route, PathId, FxBuildHasher>;

/// All paths of a session.
pub(crate) struct PathTable {
    paths: Vec<Path>,
    by_route: RouteTable,
    spray: Spray,
    /// Paths that are not usable, so that the common case need not look for them.
    unusable: usize,
    /// No suspect path is to be probed earlier.
    probe_at: Option<Time>,
}

impl PathTable {
    pub(crate) fn new(policy: SprayPolicy, ecn: bool, seed: u64) -> Self {
        Self {
            paths: Vec::new(),
            by_route: RouteTable::default(),
            spray: Spray::new(policy, ecn, seed),
            unusable: 0,
            probe_at: None,
        }
    }

    /// Takes the first [`PATHS_MAX`] of `routes`.
    pub(crate) fn set_routes(&mut self, routes: &[Route]) {
        let routes = &routes[..routes.len().min(PATHS_MAX)];
        self.paths = routes.iter().map(|route| Path::new(*route)).collect();
        let ids = routes.iter().enumerate().map(|(id, route)| (*route, PathId(id as u16)));
        self.by_route = ids.collect();
        self.spray.set_paths(routes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(crate) fn get(&self, path: PathId) -> Option<&Path> {
        self.paths.get(usize::from(path.0))
    }

    pub(crate) fn get_mut(&mut self, path: PathId) -> Option<&mut Path> {
        self.paths.get_mut(usize::from(path.0))
    }

    /// The five-tuple of a path of this table.
    pub(crate) fn route(&self, path: PathId) -> Route {
        self.paths[usize::from(path.0)].route
    }

    pub(crate) fn find(&self, route: Route) -> Option<PathId> {
        self.by_route.get(&route).copied()
    }

    /// Whether no path is known to be usable.
    pub(crate) fn none_usable(&self) -> bool {
        self.unusable == self.paths.len()
    }

    /// The path for the next train.
    pub(crate) fn choose(&mut self, now: Time) -> Option<PathId> {
        self.spray.choose(now, &mut self.paths)
    }

    /// `path` itself if it is usable, else the next that is, else any that is not denied.
    pub(crate) fn usable_or_next(&self, path: PathId) -> PathId {
        if self.unusable == 0 {
            return path;
        }
        let start = usize::from(path.0).min(self.paths.len());
        let order = || (start..self.paths.len()).chain(0..start);
        let usable = order().find(|index| self.paths[*index].health.is_usable());
        let suspect = || order().find(|index| self.paths[*index].health == Health::Suspect);
        usable.or_else(suspect).map_or(path, |index| PathId(index as u16))
    }

    /// An acknowledgement named packets on `path`, `ce` if any of them was marked.
    pub(crate) fn on_acked(&mut self, path: PathId, ce: bool) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        state.answers += 1;
        if state.health == Health::Denied {
            return;
        }
        if state.health == Health::Suspect {
            self.unusable -= 1;
            state.probe_at = None;
            state.probe_pause = PROBE_PAUSE_MIN;
        }
        if ce {
            state.health = Health::Skip;
            self.spray.on_dirty(path);
        } else {
            state.health = Health::Good;
            self.spray.on_clean(path);
        }
    }

    /// A packet was lost on `path`, which otherwise works.
    pub(crate) fn on_lost(&mut self, path: PathId) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        state.on_lost();
        if state.health == Health::Good {
            state.health = Health::Skip;
            self.spray.on_dirty(path);
        }
    }

    /// `path` is silent or unreachable.
    pub(crate) fn suspect(&mut self, now: Time, path: PathId, pto: Duration) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        if state.health.is_usable() {
            state.health = Health::Suspect;
            self.unusable += 1;
            state.probe_pause = PROBE_PAUSE_MIN.max(pto).min(PROBE_PAUSE_MAX);
            state.probe_at = Some(now + state.probe_pause);
            self.probe_at = [self.probe_at, state.probe_at].into_iter().flatten().min();
            self.spray.on_timeout(path, now + pto);
        }
    }

    /// `path` is never to be used again.
    pub(crate) fn deny(&mut self, path: PathId) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        if state.health.is_usable() {
            self.unusable += 1;
        }
        state.health = Health::Denied;
        state.probe_at = None;
        self.spray.on_dirty(path);
    }

    /// `path` was silent for its probe timeout, and is asked.
    pub(crate) fn ask(&mut self, now: Time, path: PathId) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        state.asked = true;
        state.wait(now);
        self.spray.on_dirty(path);
    }

    /// The clocks of all paths start anew, those that were not spared before.
    pub(crate) fn resume(&mut self, now: Time) {
        self.paths.iter_mut().for_each(|path| path.spare(now));
    }

    /// When the next suspect path is to be probed, or a little earlier.
    pub(crate) const fn next_probe(&self) -> Option<Time> {
        self.probe_at
    }

    /// Adds the suspect paths that are to be probed now, each time with a longer pause.
    pub(crate) fn poll_probes(&mut self, now: Time, ping: &mut Vec<PathId>) {
        if self.probe_at.is_none_or(|at| at > now) {
            return;
        }
        self.probe_at = None;
        for (index, path) in self.paths.iter_mut().enumerate() {
            let Some(at) = path.probe_at else { continue };
            if at <= now {
                path.probe_pause = (path.probe_pause * 2).min(PROBE_PAUSE_MAX);
                path.probe_at = Some(now + path.probe_pause);
                ping.push(PathId(index as u16));
            }
            self.probe_at = [self.probe_at, path.probe_at].into_iter().flatten().min();
        }
    }
}
