//! The world: fabric, hosts and time, driven by events until an application is content.

mod faults;
mod observer;

pub use faults::{Fault, Scheduled};
pub use observer::{Detail, Observer, Progress, Silent};

use std::sync::Arc;

use serde::Serialize;

use sealane_transport::device::{Capabilities, Received, Route};
use sealane_transport::{
    BufferId, Endpoint, Error, Event, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag,
};

use crate::engine::{EventQueue, Picos};
use crate::fabric::{Fabric, Flight, Happening, Note, QueueSettings};
use crate::host::{Condition, Host, HostDevice, HostMemory, HostSettings};
use crate::rng::mix;
use crate::topology::Graph;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// Everything random comes from here.
    pub seed: u64,
    /// The hosts.
    pub host: HostSettings,
    /// Queues of switches.
    pub queues: QueueSettings,
    /// Bytes of every packet on the wire besides its UDP payload.
    pub wire_overhead: u64,
    /// The failure schedule.
    pub faults: Vec<Scheduled>,
}

/// What runs on the hosts.
pub trait Application {
    /// Makes a host's memory.
    fn memory(&mut self, host: u32) -> HostMemory;
    /// Everything stands: begin.
    fn start(&mut self, world: &mut World<'_>);
    /// An endpoint reports.
    fn event(&mut self, world: &mut World<'_>, host: u32, event: Event);
    /// A call that was asked for by [`World::call_at`].
    fn call(&mut self, world: &mut World<'_>, token: u64);
    /// Whether there is nothing more to wait for.
    fn is_done(&self) -> bool;
    /// A host has crashed: it will report nothing more.
    fn crashed(&mut self, _world: &mut World<'_>, _host: u32) {}
    /// The run has ended: look at what it left.
    fn finish(&mut self, _world: &World<'_>) {}
    /// How many of all flows or calls have ended.
    fn progress(&self) -> (u64, u64) {
        (u64::from(self.is_done()), 1)
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The application is content.
    Done,
    /// Nothing will ever happen again.
    Quiescent,
    /// Virtual time is up.
    Deadline,
    /// Whoever watches said stop.
    Interrupted,
}

/// See the module's text.
pub struct World<'a> {
    /// Virtual time.
    pub now: Picos,
    /// What is between the hosts.
    pub fabric: Fabric,
    /// The hosts, by rank.
    pub hosts: Vec<Host>,
    /// The topology.
    pub graph: Graph,
    /// Events handled so far.
    pub events: u64,
    queue: EventQueue<Happening>,
    faults: Vec<Scheduled>,
    dirty: Vec<u32>,
    buffer: Vec<u8>,
    held: Vec<(u32, Flight)>,
    budget: u64,
    observer: Option<&'a mut dyn Observer>,
    detail: Detail,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("hosts", &self.hosts.len())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Events between two looks at the watch.
const WATCH_EVERY: u64 = 1 << 14;

/// Events between two inspections.
const INSPECT_EVERY: u64 = 1 << 10;

impl<'a> World<'a> {
    /// Builds fabric and hosts. Sessions are formed by [`join`](Self::join), or by handshakes when
    /// something is sent.
    ///
    /// # Errors
    ///
    /// What the endpoints say to their configuration.
    pub fn new(
        graph: Graph,
        settings: &WorldSettings,
        application: &mut dyn Application,
    ) -> Result<Self, Error> {
        let capabilities: Arc<Capabilities> = Arc::new(settings.host.nic.capabilities());
        let mut fabric =
            Fabric::new(&graph, &settings.queues, settings.wire_overhead, settings.seed);
        for host in 0..graph.hosts {
            fabric.set_receive_cost(host, settings.host.nic.open);
        }
        let hosts = (0..graph.hosts)
            .map(|host| Host::new(host, &settings.host, &capabilities, application.memory(host)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut world = Self {
            now: Picos::ZERO,
            fabric,
            hosts,
            graph,
            events: 0,
            queue: EventQueue::default(),
            faults: settings.faults.clone(),
            dirty: Vec::new(),
            buffer: vec![0; usize::from(u16::MAX).max(capabilities.train_bytes as usize)],
            held: Vec::new(),
            budget: capabilities.receive_budget,
            observer: None,
            detail: Detail::Progress,
        };
        world.schedule_faults();
        Ok(world)
    }

    /// Tells `observer` of the run from now on.
    pub fn observe(&mut self, observer: &'a mut dyn Observer) {
        self.detail = observer.detail();
        self.fabric.watched = self.detail >= Detail::Packets;
        observer.begin(&self.graph);
        self.observer = Some(observer);
    }

    /// Tells the observer, if it wants to hear so much.
    pub(crate) fn tell(&mut self, detail: Detail, tell: impl FnOnce(&mut dyn Observer)) {
        if let Some(observer) = self.observer.as_deref_mut().filter(|_| self.detail >= detail) {
            tell(observer);
        }
    }

    /// Makes two hosts known to each other, so that a handshake can form a session.
    ///
    /// # Errors
    ///
    /// The endpoints'.
    pub fn introduce(&mut self, a: u32, b: u32) -> Result<(), Error> {
        for (one, other) in [(a, b), (b, a)] {
            let addresses = self.hosts[other as usize].nic.addresses().to_vec();
            self.hosts[one as usize].endpoint.add_peer(Rank(other), &addresses)?;
        }
        Ok(())
    }

    /// Forms a session between two hosts without a handshake; once, however often it is called.
    ///
    /// # Errors
    ///
    /// The endpoints'.
    pub fn join(&mut self, a: u32, b: u32) -> Result<(), Error> {
        let known = self.hosts[a as usize].endpoint.peer_info(Rank(b));
        if a == b || known.is_some_and(|peer| peer.connected) {
            return Ok(());
        }
        self.introduce(a, b)?;
        let mut secret = [0; 32];
        let pair = mix(u64::from(a.min(b)) << 32 | u64::from(a.max(b)));
        secret[..8].copy_from_slice(&pair.to_be_bytes());
        let (now, budget) = (self.now.time(), self.budget);
        for (one, other) in [(a, b), (b, a)] {
            let host = &mut self.hosts[one as usize];
            if host.nic.is_phantom() {
                host.endpoint.join_phantom(now, Rank(other), budget)?;
            } else {
                host.endpoint.join_with_secret(now, Rank(other), &secret, budget)?;
            }
            self.touch(one);
        }
        Ok(())
    }

    /// Sends `length` bytes of the pattern `tag`.
    ///
    /// # Errors
    ///
    /// The endpoint's.
    pub fn send(&mut self, from: u32, to: u32, tag: u64, length: u64) -> Result<SendId, Error> {
        let buffer = BufferId(tag);
        let request = SendRequest {
            tag: Tag(tag),
            buffer,
            length,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        let now = self.now.time();
        let id = self.hosts[from as usize].endpoint.send(now, Rank(to), request);
        self.touch(from);
        id
    }

    /// Expects `length` bytes of the pattern `tag`.
    ///
    /// # Errors
    ///
    /// The endpoint's.
    pub fn receive(&mut self, at: u32, from: u32, tag: u64, length: u64) -> Result<RecvId, Error> {
        let buffer = BufferId(tag);
        let request = RecvRequest {
            from: Some(Rank(from)),
            tag: Tag(tag),
            buffer,
            capacity: length,
            exact: true,
            progress: false,
        };
        let now = self.now.time();
        let host = &mut self.hosts[at as usize];
        if let HostMemory::Flows(flows) = &mut host.memory {
            flows.expect(buffer, length);
        }
        let id = host.endpoint.post_recv(now, request, &mut host.memory);
        self.touch(at);
        id
    }

    /// An endpoint and its memory, to command; the host is looked at afterwards.
    pub fn endpoint(&mut self, host: u32) -> (&mut Endpoint, &mut HostMemory) {
        self.touch(host);
        let host = &mut self.hosts[host as usize];
        (&mut host.endpoint, &mut host.memory)
    }

    /// Calls the application at `at`.
    pub fn call_at(&mut self, at: Picos, token: u64) {
        self.queue.push(at, Happening::Call(token));
    }

    /// Notes that a host may have something to do.
    fn touch(&mut self, host: u32) {
        let state = &mut self.hosts[host as usize];
        if !state.dirty {
            state.dirty = true;
            self.dirty.push(host);
        }
    }

    /// Runs until the application is content, at most until `deadline`.
    pub fn run(&mut self, application: &mut dyn Application, deadline: Picos) -> Ended {
        application.start(self);
        self.settle(application);
        while !application.is_done() {
            let Some((at, event)) = self.queue.pop(deadline) else {
                return if self.queue.is_empty() { Ended::Quiescent } else { Ended::Deadline };
            };
            self.now = at;
            self.events += 1;
            if self.events.is_multiple_of(WATCH_EVERY) && self.is_stopped(application, deadline) {
                return Ended::Interrupted;
            }
            match event {
                Happening::Arrive(flight) => self.arrive(flight),
                Happening::Wake(host) => self.wake(host),
                Happening::Fault(index) => {
                    if let Some(host) = self.fault(index) {
                        application.crashed(self, host);
                    }
                }
                Happening::Call(token) => application.call(self, token),
            }
            self.settle(application);
            if self.fabric.watched {
                self.pass_on_notes();
                if self.events.is_multiple_of(INSPECT_EVERY) {
                    self.show();
                }
            }
        }
        Ended::Done
    }

    /// Asks the observer whether to go on.
    fn is_stopped(&mut self, application: &dyn Application, limit: Picos) -> bool {
        let (done, all) = application.progress();
        let progress = Progress { now: self.now, limit, events: self.events, done, all };
        self.observer.as_mut().is_some_and(|observer| observer.progress(&progress).is_break())
    }

    /// Shows everything to the observer, if it looks at packets at all.
    pub(crate) fn show(&mut self) {
        if let Some(observer) = self.observer.take() {
            if self.fabric.watched {
                observer.inspect(self);
            }
            self.observer = Some(observer);
        }
    }

    fn pass_on_notes(&mut self) {
        let Some(observer) = &mut self.observer else { return };
        for note in self.fabric.notes.drain(..) {
            match note {
                Note::Dropped { link, packet, length, cause } => {
                    observer.dropped(self.now, link, &packet, length, cause);
                }
                Note::Queued { link, bytes } => observer.queued(self.now, link, bytes),
            }
        }
    }

    fn arrive(&mut self, flight: Flight) {
        let Some(host) = self.fabric.arrive(self.now, flight, &mut self.queue) else { return };
        match self.hosts[host as usize].condition {
            Condition::Running => self.deliver(host, &flight),
            Condition::Paused => self.held.push((host, flight)),
            Condition::Crashed => self.fabric.packets.free(flight.packet),
        }
    }

    fn deliver(&mut self, host: u32, flight: &Flight) {
        let packet = &self.fabric.packets[flight.packet];
        if let Some(observer) = self.observer.as_mut().filter(|_| self.fabric.watched) {
            observer.received(self.now, packet, flight.length, flight.ecn);
        }
        let length = usize::from(flight.length);
        let bytes = &mut self.buffer[..length];
        packet.write_to(bytes);
        let route = Route { local: packet.to.port, remote: packet.from.socket() };
        let received = Received { route, ecn: flight.ecn, stride: length.max(1), bytes };
        let state = &mut self.hosts[host as usize];
        state.endpoint.handle(self.now.time(), received, &mut state.memory);
        self.fabric.packets.free(flight.packet);
        self.touch(host);
    }

    fn wake(&mut self, host: u32) {
        let state = &mut self.hosts[host as usize];
        if state.armed <= self.now {
            state.armed = Picos::MAX;
        }
        if state.condition == Condition::Running {
            let now = self.now.time();
            if state.endpoint.next_deadline().is_some_and(|at| at <= now) {
                state.endpoint.handle_timeout(now);
            }
            self.touch(host);
        }
    }

    /// Lets every host do all that it can do now.
    fn settle(&mut self, application: &mut dyn Application) {
        while let Some(host) = self.dirty.pop() {
            let state = &mut self.hosts[host as usize];
            if state.condition == Condition::Running {
                loop {
                    while let Some(event) = self.hosts[host as usize].endpoint.poll_event() {
                        application.event(self, host, event);
                    }
                    self.transmit(host);
                    let Some(event) = self.hosts[host as usize].endpoint.poll_event() else {
                        break;
                    };
                    application.event(self, host, event);
                }
                self.arm(host);
            }
            self.hosts[host as usize].dirty = false;
        }
    }

    fn transmit(&mut self, host: u32) {
        let state = &mut self.hosts[host as usize];
        state.nic.blocked = false;
        let (now, watched) = (self.now, self.fabric.watched);
        let observer = &mut self.observer;
        let mut device = HostDevice {
            now,
            nic: &mut state.nic,
            fabric: &mut self.fabric,
            queue: &mut self.queue,
            buffer: &mut self.buffer,
            tap: &mut |packet, length, ecn| {
                if let Some(observer) = observer.as_mut().filter(|_| watched) {
                    observer.sent(now, packet, length, ecn);
                }
            },
        };
        while state.endpoint.poll_transmit(now.time(), &mut device, &state.memory) > 0 {}
    }

    /// Puts the host's next wake-up into the queue, unless an earlier one is there.
    fn arm(&mut self, host: u32) {
        let state = &mut self.hosts[host as usize];
        let deadline = state.endpoint.next_deadline().map_or(Picos::MAX, Picos::at);
        let room =
            if state.nic.blocked { state.nic.room_at(self.now, &self.fabric) } else { Picos::MAX };
        // What is due already could not be done now; a nanosecond later it may be.
        let at = deadline.min(room).max(self.now + Picos::from_nanos(1));
        if at < state.armed {
            state.armed = at;
            self.queue.push(at, Happening::Wake(host));
        }
    }
}
