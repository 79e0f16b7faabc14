//! Flows: messages that start at a time, and how long each took.

use std::collections::HashMap;

use serde::Serialize;

use sealane_transport::{BufferId, Event, Rank, RecvId, SendId};

use crate::engine::Picos;
use crate::host::{Condition, FlowMemory, HostMemory};
use crate::world::{Application, Detail, World};

/// A flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FlowSpec {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// Bytes.
    pub bytes: u64,
    /// When it starts.
    pub start: Picos,
}

/// The two ends of a flow.
const RECEIVER: usize = 0;
const SENDER: usize = 1;

/// What happens when flows are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing.
    #[default]
    Once,
    /// When all are done, all start again, so many times in all.
    Rounds(u32),
    /// Each starts again at once, so many times in all.
    Each(u32),
}

impl Repeat {
    /// How often each flow runs.
    #[must_use]
    pub const fn times(self) -> u32 {
        match self {
            Self::Once | Self::Rounds(0) | Self::Each(0) => 1,
            Self::Rounds(times) | Self::Each(times) => times,
        }
    }
}

/// How a flow fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FlowResult {
    /// Which, in the order of the specifications.
    pub flow: usize,
    /// What it was.
    pub spec: FlowSpec,
    /// When it started.
    pub started: Picos,
    /// When its last byte was verified and placed.
    pub received: Option<Picos>,
    /// When its sender knew.
    pub acknowledged: Option<Picos>,
    /// It ended without success.
    pub failed: bool,
}

impl FlowResult {
    /// From start to the last byte.
    #[must_use]
    pub fn duration(&self) -> Option<Picos> {
        self.received.map(|at| at.since(self.started))
    }
}

/// The application of flows.
#[derive(Debug)]
pub struct Flows {
    specs: Vec<FlowSpec>,
    repeat: Repeat,
    full: bool,
    handshakes: bool,
    results: Vec<FlowResult>,
    /// By result: whether its receiver and its sender have ended.
    halves: Vec<[bool; 2]>,
    sends: HashMap<(u32, SendId), usize>,
    recvs: HashMap<(u32, RecvId), usize>,
    open: usize,
    /// Flows of which both ends have ended.
    ended: u64,
    round: u32,
    turns: Vec<u32>,
    errors: Vec<String>,
}

impl Flows {
    /// `specs`; payloads are real if `full`.
    #[must_use]
    pub fn new(specs: Vec<FlowSpec>, repeat: Repeat, full: bool) -> Self {
        let turns = vec![0; specs.len()];
        Self {
            specs,
            repeat,
            full,
            handshakes: false,
            results: Vec::new(),
            halves: Vec::new(),
            sends: HashMap::new(),
            recvs: HashMap::new(),
            open: 0,
            ended: 0,
            round: 0,
            turns,
            errors: Vec::new(),
        }
    }

    /// Sessions are formed by handshakes, not from a given secret.
    #[must_use]
    pub const fn with_handshakes(mut self) -> Self {
        self.handshakes = true;
        self
    }

    /// All flows that were started, in the order of starting.
    #[must_use]
    pub fn results(&self) -> &[FlowResult] {
        &self.results
    }

    /// What could not even be started, or ended without success.
    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// The ends of a flow that are at a crashed host have ended, whatever comes.
    fn bury(&mut self, world: &mut World<'_>, index: usize, host: u32) {
        let FlowResult { spec, .. } = self.results[index];
        for end in [RECEIVER, SENDER] {
            if [spec.to, spec.from][end] == host && !self.halves[index][end] {
                self.fail(world, index, end, "its host has crashed");
            }
        }
    }

    fn begin(&mut self, world: &mut World<'_>, flow: usize) {
        let spec = self.specs[flow];
        let index = self.results.len();
        let tag = index as u64;
        let started = world
            .receive(spec.to, spec.from, tag, spec.bytes)
            .and_then(|recv| Ok((recv, world.send(spec.from, spec.to, tag, spec.bytes)?)));
        let failed = started.is_err();
        match started {
            Ok((recv, send)) => {
                self.recvs.insert((spec.to, recv), index);
                self.sends.insert((spec.from, send), index);
                self.open += 2;
            }
            Err(error) => self.errors.push(format!("flow {flow}: {error}")),
        }
        let started = world.now;
        let (received, acknowledged) = (None, None);
        let result = FlowResult { flow, spec, started, received, acknowledged, failed };
        self.results.push(result);
        self.halves.push([failed; 2]);
        self.ended += u64::from(failed);
        world.tell(Detail::Flows, |observer| observer.flow_started(&result));
        for host in [spec.to, spec.from] {
            if world.hosts[host as usize].condition == Condition::Crashed && !failed {
                self.bury(world, index, host);
            }
        }
    }

    fn begin_all(&mut self, world: &mut World<'_>) {
        let now = world.now;
        for flow in 0..self.specs.len() {
            let start = self.specs[flow].start;
            if start == Picos::ZERO {
                self.begin(world, flow);
            } else {
                self.open += 1;
                world.call_at(now + start, flow as u64);
            }
        }
    }

    /// One end of a flow is done.
    fn end(&mut self, world: &mut World<'_>, index: usize, end: usize) {
        if std::mem::replace(&mut self.halves[index][end], true) {
            return;
        }
        self.open -= 1;
        if self.halves[index] == [true; 2] {
            self.ended += 1;
            let result = self.results[index];
            world.tell(Detail::Flows, |observer| observer.flow_ended(&result));
        }
        let FlowResult { flow, received, acknowledged, failed, .. } = self.results[index];
        let whole = received.is_some() && acknowledged.is_some();
        match self.repeat {
            Repeat::Each(times) if whole && !failed => {
                self.turns[flow] += 1;
                if self.turns[flow] < times {
                    self.begin(world, flow);
                }
            }
            Repeat::Rounds(rounds) if self.open == 0 => {
                self.round += 1;
                if self.round < rounds {
                    self.begin_all(world);
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, world: &mut World<'_>, index: usize, end: usize, error: &str) {
        self.results[index].failed = true;
        let flow = self.results[index].flow;
        self.errors.push(format!("flow {flow}: {error}"));
        self.end(world, index, end);
    }

    fn finish(world: &mut World<'_>, host: u32, index: usize, complete: bool) {
        if let (_, HostMemory::Flows(memory)) = world.endpoint(host) {
            memory.finish(BufferId(index as u64), complete);
        }
    }
}

impl Application for Flows {
    fn memory(&mut self, _host: u32) -> HostMemory {
        HostMemory::Flows(FlowMemory::new(self.full))
    }

    fn start(&mut self, world: &mut World<'_>) {
        for FlowSpec { from, to, .. } in self.specs.clone() {
            let known = world.hosts[from as usize].endpoint.peer_info(Rank(to)).is_some();
            let result = match self.handshakes {
                true if known => Ok(()),
                true => world.introduce(from, to),
                false => world.join(from, to),
            };
            if let Err(error) = result {
                self.errors.push(format!("from {from} to {to}: {error}"));
            }
        }
        self.begin_all(world);
    }

    fn event(&mut self, world: &mut World<'_>, host: u32, event: Event) {
        match event {
            Event::Received { recv, .. } => {
                let Some(index) = self.recvs.remove(&(host, recv)) else { return };
                self.results[index].received = Some(world.now);
                Self::finish(world, host, index, true);
                self.end(world, index, RECEIVER);
            }
            Event::Sent { send } => {
                let Some(index) = self.sends.remove(&(host, send)) else { return };
                self.results[index].acknowledged = Some(world.now);
                self.end(world, index, SENDER);
            }
            Event::RecvFailed { recv, error } => {
                let Some(index) = self.recvs.remove(&(host, recv)) else { return };
                Self::finish(world, host, index, false);
                self.fail(world, index, RECEIVER, &error.to_string());
            }
            Event::SendFailed { send, error } => {
                let Some(index) = self.sends.remove(&(host, send)) else { return };
                self.fail(world, index, SENDER, &error.to_string());
            }
            _ => {}
        }
    }

    fn call(&mut self, world: &mut World<'_>, token: u64) {
        self.open -= 1;
        self.begin(world, token as usize);
    }

    fn crashed(&mut self, world: &mut World<'_>, host: u32) {
        for index in 0..self.results.len() {
            self.bury(world, index, host);
        }
    }

    fn is_done(&self) -> bool {
        self.open == 0
    }

    fn progress(&self) -> (u64, u64) {
        let all = self.specs.len() as u64 * u64::from(self.repeat.times());
        (self.ended, all)
    }
}
