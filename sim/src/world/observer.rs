//! Whoever watches a run: traces, progress bars, and whoever wants to stop it.

use std::ops::ControlFlow;

use sealane_transport::device::Ecn;

use crate::engine::Picos;
use crate::fabric::{Drop, LinkId, Packet};
use crate::topology::Graph;
use crate::workload::FlowResult;

use super::{Fault, World};

/// How much an observer wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// How far the run is.
    #[default]
    Progress,
    /// And which flows begin and end, and which faults.
    Flows,
    /// And what becomes of every packet and queue. This costs time.
    Packets,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Virtual time.
    pub now: Picos,
    /// When the run ends at the latest.
    pub limit: Picos,
    /// Events handled so far.
    pub events: u64,
    /// Flows or calls that have ended.
    pub done: u64,
    /// All of them.
    pub all: u64,
}

/// What an observer is told; nothing of it need be heard.
pub trait Observer {
    /// How much to tell; asked once, at the start.
    fn detail(&self) -> Detail {
        Detail::Progress
    }

    /// The run begins on this topology.
    fn begin(&mut self, _graph: &Graph) {}

    /// Asked now and then: whether to go on.
    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Shows the whole world, every 1024 events and at the end; only with [`Detail::Packets`].
    fn inspect(&mut self, _world: &World<'_>) {}

    /// A host has put a packet of `length` bytes on its uplink.
    fn sent(&mut self, _now: Picos, _packet: &Packet, _length: u16, _ecn: Ecn) {}

    /// A packet has reached its host.
    fn received(&mut self, _now: Picos, _packet: &Packet, _length: u16, _ecn: Ecn) {}

    /// A packet got no further than this link.
    fn dropped(
        &mut self,
        _now: Picos,
        _link: LinkId,
        _packet: &Packet,
        _length: u16,
        _cause: Drop,
    ) {
    }

    /// A packet has joined the queue of a link, which holds so many bytes now.
    fn queued(&mut self, _now: Picos, _link: LinkId, _bytes: u64) {}

    /// A flow has started.
    fn flow_started(&mut self, _flow: &FlowResult) {}

    /// Both sides of a flow have ended.
    fn flow_ended(&mut self, _flow: &FlowResult) {}

    /// A step of the failure schedule was taken.
    fn fault(&mut self, _now: Picos, _fault: &Fault, _begins: bool) {}
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
