//! The failure schedule: what, when, how long, how often.

use crate::engine::{Bandwidth, Picos};
use crate::fabric::{Happening, Impairments, LinkId, Stage};
use crate::host::Condition;
use crate::rng::{Rng, mix};
use crate::topology::NodeId;

use super::{Detail, World};

/// Something that goes wrong, and can be mended.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A cable carries nothing, in both directions.
    Cable(u32),
    /// One direction of a cable carries nothing.
    Link(LinkId),
    /// No cable of a switch carries anything.
    Switch(NodeId),
    /// A link runs at another speed.
    Rate(LinkId, Bandwidth),
    /// A link treats packets badly.
    Impair(LinkId, Vec<Stage>),
    /// A host's process is stopped.
    Pause(u32),
    /// A host is gone; there is no mending that.
    Crash(u32),
    /// Nothing passes from one host to another; the other way is open.
    Partition(u32, u32),
}

/// When a fault begins, or ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// When.
    pub at: Picos,
    /// What.
    pub fault: Fault,
    /// It begins; or ends.
    pub begins: bool,
}

impl Scheduled {
    /// A fault that begins at `at`, lasts `duration` (for ever if there is none), and comes again
    /// `times` - 1 times, each `every` after the last.
    #[must_use]
    pub fn expand(
        fault: &Fault,
        at: Picos,
        duration: Option<Picos>,
        every: Picos,
        times: u32,
    ) -> Vec<Self> {
        let mut schedule = Vec::new();
        for turn in 0..u64::from(times.max(1)) {
            let at = at + Picos(every.0.saturating_mul(turn));
            schedule.push(Self { at, fault: fault.clone(), begins: true });
            if let Some(duration) = duration {
                schedule.push(Self { at: at + duration, fault: fault.clone(), begins: false });
            }
        }
        schedule
    }
}

impl World<'_> {
    pub(super) fn schedule_faults(&mut self) {
        for (index, fault) in (0..).zip(&self.faults) {
            self.queue.push(fault.at, Happening::Fault(index));
        }
    }

    /// A step of the schedule is due. Returns the host that it crashes.
    pub(super) fn fault(&mut self, index: u32) -> Option<u32> {
        let scheduled = self.faults.get(index as usize).cloned()?;
        self.inflict(&scheduled.fault, scheduled.begins);
        match scheduled.fault {
            Fault::Crash(host) if scheduled.begins => Some(host),
            _ => None,
        }
    }

    /// Begins or ends a fault now.
    pub fn inflict(&mut self, fault: &Fault, begins: bool) {
        let now = self.now;
        self.tell(Detail::Flows, |observer| observer.fault(now, fault, begins));
        match fault {
            Fault::Cable(cable) => self.set_cable(*cable, !begins),
            Fault::Link(link) => self.fabric.set_up(*link, !begins),
            Fault::Switch(node) => {
                let touches = |cable: &crate::topology::Cable| cable.a == *node || cable.b == *node;
                let cables = (0..).zip(&self.graph.cables).filter(|(_, cable)| touches(cable));
                for cable in cables.map(|(index, _)| index).collect::<Vec<u32>>() {
                    self.set_cable(cable, !begins);
                }
            }
            Fault::Rate(link, rate) => {
                let usual = self.graph.cables.get(link.0 as usize / 2).map(|cable| cable.rate);
                let rate = if begins { Some(*rate) } else { usual };
                self.fabric.set_rate(*link, rate.unwrap_or(Bandwidth::from_bps(1)));
            }
            Fault::Impair(link, stages) => {
                let rng = Rng::new(self.fabric.seed(), mix(IMPAIR_STREAM ^ u64::from(link.0)));
                let stages = begins.then(|| Impairments::new(stages.clone(), rng));
                self.fabric.set_impairments(*link, stages);
            }
            Fault::Pause(host) => self.pause(*host, begins),
            Fault::Crash(host) if begins => {
                self.hosts[*host as usize].condition = Condition::Crashed;
            }
            Fault::Crash(_) => {}
            Fault::Partition(from, to) if begins => self.fabric.partition(*from, *to),
            Fault::Partition(from, to) => self.fabric.heal(*from, *to),
        }
    }

    fn set_cable(&mut self, cable: u32, up: bool) {
        for link in directions(cable) {
            self.fabric.set_up(link, up);
        }
    }

    fn pause(&mut self, host: u32, begins: bool) {
        let state = &mut self.hosts[host as usize];
        match (state.condition, begins) {
            (Condition::Running, true) => state.condition = Condition::Paused,
            (Condition::Paused, false) => {
                state.condition = Condition::Running;
                for (held, flight) in std::mem::take(&mut self.held) {
                    if held == host {
                        self.deliver(host, &flight);
                    } else {
                        self.held.push((held, flight));
                    }
                }
                self.wake(host);
            }
            _ => {}
        }
    }
}

fn directions(cable: u32) -> [LinkId; 2] {
    [LinkId(2 * cable), LinkId(2 * cable + 1)]
}

/// Kind word of the generators of impaired links.
const IMPAIR_STREAM: u64 = 0x0069_6D70_6100_0000;
