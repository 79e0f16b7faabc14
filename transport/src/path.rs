//! Paths: five-tuples with a round-trip time, a health, and a policy that sprays trains over them
//! (PROTOCOL §7.1).

pub mod mtu;
pub mod rtt;
mod spray;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use crate::config::SprayPolicy;
use crate::device::Route;
use crate::ids::PathId;
use crate::recovery::PathList;
use crate::time::Time;

use rtt::RttEstimate;
use spray::Spray;

/// First and longest pause between two probes of a suspect path.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(20);
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How a path is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// In use.
    #[default]
    Good,
    /// Came back with a congestion mark: passed over once.
    Skip,
    /// Silent or unreachable: used only for probes until one is answered.
    Suspect,
}

/// One path.
#[derive(Clone, Debug)]
pub struct Path {
    /// Its five-tuple.
    pub route: Route,
    /// Its own round-trip time.
    pub rtt: RttEstimate,
    /// How it is doing.
    pub health: Health,
    /// When something was last sent that is still unanswered.
    pub(crate) last_sent: Option<Time>,
    /// The highest number received on it.
    pub(crate) rack: Option<u64>,
    /// Probe timeouts since it was last heard.
    pub(crate) timeouts: u32,
    pub(crate) list: PathList,
    probe_at: Option<Time>,
    probe_pause: Duration,
}

impl Path {
    fn new(route: Route) -> Self {
        Self {
            route,
            rtt: RttEstimate::default(),
            health: Health::Good,
            last_sent: None,
            rack: None,
            timeouts: 0,
            list: PathList::default(),
            probe_at: None,
            probe_pause: PROBE_PAUSE_MIN,
        }
    }
}

/// Routes come from the peer's authenticated parameters and few of them exist, so a fixed hasher
/// serves.
type RouteTable = HashMap<Route, PathId, BuildHasherDefault<DefaultHasher>>;

/// All paths of a session.
pub(crate) struct PathTable {
    paths: Vec<Path>,
    by_route: RouteTable,
    spray: Spray,
    /// Suspect paths, so that the common case need not look for them.
    suspects: usize,
}

impl PathTable {
    pub(crate) fn new(policy: SprayPolicy, ecn: bool, seed: u64) -> Self {
        Self {
            paths: Vec::new(),
            by_route: RouteTable::default(),
            spray: Spray::new(policy, ecn, seed),
            suspects: 0,
        }
    }

    pub(crate) fn set_routes(&mut self, routes: &[Route]) {
        self.paths = routes.iter().map(|route| Path::new(*route)).collect();
        let ids = routes.iter().enumerate().map(|(id, route)| (*route, PathId(id as u16)));
        self.by_route = ids.collect();
    }

    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter()
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

    /// The path for the next train.
    pub(crate) fn choose(&mut self, now: Time) -> Option<PathId> {
        self.spray.choose(now, &mut self.paths)
    }

    /// `path` itself if it is usable, else the next that is.
    pub(crate) fn usable_or_next(&self, path: PathId) -> PathId {
        if self.suspects == 0 {
            return path;
        }
        let start = usize::from(path.0);
        let order = (start..self.paths.len()).chain(0..start.min(self.paths.len()));
        let usable = order.into_iter().find(|i| self.paths[*i].health != Health::Suspect);
        usable.map_or(path, |index| PathId(index as u16))
    }

    /// A packet on `path` was acknowledged, with or without a congestion mark.
    pub(crate) fn on_acked(&mut self, path: PathId, ce: bool) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        if state.health == Health::Suspect {
            self.suspects -= 1;
            state.probe_at = None;
            state.probe_pause = PROBE_PAUSE_MIN;
        }
        state.health = if ce { Health::Skip } else { Health::Good };
        self.spray.on_acked(path, ce);
    }

    /// `path` is silent or unreachable.
    pub(crate) fn suspect(&mut self, now: Time, path: PathId, pto: Duration) {
        let Some(state) = self.paths.get_mut(usize::from(path.0)) else { return };
        if state.health != Health::Suspect {
            state.health = Health::Suspect;
            self.suspects += 1;
            state.probe_pause = PROBE_PAUSE_MIN.max(pto);
            state.probe_at = Some(now + state.probe_pause);
        }
        self.spray.on_timeout(now, path, pto);
    }

    /// When the next suspect path is to be probed.
    pub(crate) fn next_probe(&self) -> Option<Time> {
        if self.suspects == 0 {
            return None;
        }
        self.paths.iter().filter_map(|path| path.probe_at).min()
    }

    /// Adds the suspect paths that are to be probed now, each time with a longer pause.
    pub(crate) fn poll_probes(&mut self, now: Time, ping: &mut Vec<PathId>) {
        if self.suspects == 0 {
            return;
        }
        for (index, path) in self.paths.iter_mut().enumerate() {
            if path.probe_at.is_some_and(|at| at <= now) {
                path.probe_pause = (path.probe_pause * 2).min(PROBE_PAUSE_MAX);
                path.probe_at = Some(now + path.probe_pause);
                ping.push(PathId(index as u16));
            }
        }
    }
}
