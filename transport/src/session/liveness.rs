//! Is the peer still there? (PROTOCOL §8.4)
//!
//! Silence counts only while an answer is owed: something of ours is unacknowledged, or a receive is
//! posted that only this peer can fill. Then the peer is asked for a sign of life, and is dead after
//! the peer timeout. Only silence that we listened to counts: a host that was stopped, or starved of
//! its processor, knows nothing of its peers meanwhile. A host that says "nobody listens there" on
//! every path shortens that; as ICMP is not authenticated, only unanswered probes make it true.

use std::time::Duration;

use crate::config::Config;
use crate::error::LossCause;
use crate::time::Time;

/// How long probes may stay unanswered after the network called every path unreachable.
const UNREACHABLE_GRACE: Duration = Duration::from_millis(300);

/// How late a look must be for this host not to have run meanwhile.
const LATE: Duration = Duration::from_millis(100);

/// What silence means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing to do.
    Fine,
    /// Ask for a sign of life.
    Probe,
    /// The peer is gone.
    Dead(LossCause),
    /// Nothing was needed of this session for long: close it.
    Idle,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Liveness {
    peer_timeout: Duration,
    probe_interval: Duration,
    idle_timeout: Duration,
    last_heard: Time,
    /// Since when an answer has been owed without pause.
    owed_since: Option<Time>,
    probed_at: Time,
    unreachable_since: Option<Time>,
}

impl Liveness {
    pub(super) fn new(now: Time, config: &Config) -> Self {
        Self {
            peer_timeout: config.peer_timeout,
            probe_interval: config.probe_interval,
            idle_timeout: config.idle_timeout,
            last_heard: now,
            owed_since: None,
            probed_at: now,
            unreachable_since: None,
        }
    }

    /// An authenticated packet came in.
    pub(super) fn on_heard(&mut self, now: Time) {
        self.last_heard = now;
        self.unreachable_since = None;
    }

    /// Every path was called unreachable.
    pub(super) fn on_all_unreachable(&mut self, now: Time) {
        self.unreachable_since.get_or_insert(now);
    }

    /// Notes whether an answer is owed now.
    pub(super) fn set_owed(&mut self, now: Time, owed: bool) {
        if !owed {
            self.owed_since = None;
        } else if self.owed_since.is_none() {
            self.owed_since = Some(now);
            self.probed_at = now;
        }
    }

    fn silent_since(&self) -> Time {
        self.owed_since.map_or(self.last_heard, |since| since.max(self.last_heard))
    }

    /// When [`check`](Self::check) will next say something new.
    pub(super) fn deadline(&self, owed: bool) -> Time {
        if !owed {
            return self.last_heard + self.idle_timeout;
        }
        let dead = self.silent_since() + self.peer_timeout;
        let probe = self.silent_since().max(self.probed_at) + self.probe_interval;
        let gone = self.unreachable_since.map_or(Time::MAX, |since| since + UNREACHABLE_GRACE);
        dead.min(probe).min(gone)
    }

    /// Takes out of the silence how much later than asked for this look comes.
    fn forgive_absence(&mut self, now: Time) {
        let Some(owed_since) = self.owed_since else { return };
        let late = now.since(self.deadline(true));
        if late >= LATE {
            self.owed_since = Some(now.min(owed_since + late));
            self.last_heard = now.min(self.last_heard + late);
        }
    }

    /// What silence means at `now`. To be asked at [`deadline`](Self::deadline).
    pub(super) fn check(&mut self, now: Time, owed: bool) -> Verdict {
        self.forgive_absence(now);
        self.set_owed(now, owed);
        if !owed {
            let idle = now.since(self.last_heard) >= self.idle_timeout;
            return if idle { Verdict::Idle } else { Verdict::Fine };
        }
        if self.unreachable_since.is_some_and(|at| now.since(at) >= UNREACHABLE_GRACE) {
            return Verdict::Dead(LossCause::Unreachable);
        }
        if now.since(self.silent_since()) >= self.peer_timeout {
            return Verdict::Dead(LossCause::Silent(self.peer_timeout));
        }
        if now >= self.silent_since().max(self.probed_at) + self.probe_interval {
            self.probed_at = now;
            return Verdict::Probe;
        }
        Verdict::Fine
    }
}
