//! Who watches a single run: the progress bar, Ctrl-C, and traces.

use std::ops::ControlFlow;

use sealane_sim::engine::Picos;
use sealane_sim::fabric::{Drop, LinkId, Packet};
use sealane_sim::topology::Graph;
use sealane_sim::workload::FlowResult;
use sealane_sim::world::{Detail, Fault, Observer, Progress};
use sealane_transport::device::Ecn;

use super::interrupt::Interrupt;
use super::progress::Bar;
use super::trace::Traces;

/// See the module's text.
pub(super) struct Watcher<'a> {
    pub interrupt: &'a Interrupt,
    pub bar: &'a Bar,
    pub traces: &'a mut Traces,
    /// How long the run takes if it is ideal.
    pub expected: Option<Picos>,
}

/// Parts of the way.
const WHOLE: u64 = 10_000;

impl Watcher<'_> {
    /// How far a run is: flows that start together also end together, so time counts as well.
    fn share(&self, progress: &Progress) -> u64 {
        let Progress { now, done, all, .. } = *progress;
        let part = |some: u64, all: u64| {
            (u128::from(some) * u128::from(WHOLE) / u128::from(all.max(1))) as u64
        };
        let by_time = self.expected.map_or(0, |expected| part(now.0, expected.0));
        // Nothing is done before it is.
        part(done, all).max(by_time.min(WHOLE * 99 / 100))
    }
}

impl Observer for Watcher<'_> {
    fn detail(&self) -> Detail {
        self.traces.detail()
    }

    fn begin(&mut self, graph: &Graph) {
        self.traces.begin(graph);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let Progress { now, done, all, .. } = *progress;
        self.bar.set(self.share(progress), WHOLE, &format!("{done} of {all} done at {now}"));
        if self.interrupt.asked() || self.traces.failed() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn sent(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        self.traces.sent(now, packet, length, ecn);
    }

    fn received(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        self.traces.received(now, packet, length, ecn);
    }

    fn dropped(&mut self, now: Picos, link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        self.traces.dropped(now, link, packet, length, cause);
    }

    fn queued(&mut self, now: Picos, link: LinkId, bytes: u64) {
        self.traces.queued(now, link, bytes);
    }

    fn flow_ended(&mut self, flow: &FlowResult) {
        self.traces.flow_ended(flow);
    }

    fn fault(&mut self, now: Picos, fault: &Fault, begins: bool) {
        self.traces.fault(now, fault, begins);
    }
}

/// Watches for Ctrl-C alone: for runs side by side.
pub(super) struct Stopper<'a>(pub &'a Interrupt);

impl Observer for Stopper<'_> {
    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        if self.0.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
