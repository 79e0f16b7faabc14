//! What is driven: operations that end when the device brings a packet of their number.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use loom::thread::{self, ThreadId};
use sealane_transport::Time;

use super::clock::Clock;
use super::sync::{Condvar, Mutex};
use super::wire::{Device, Waiter};

/// See the module's text.
pub(crate) struct Engine {
    device: Arc<Device>,
    clock: Clock,
    under_way: BTreeSet<u32>,
    ended: BTreeSet<u32>,
    completed: bool,
    /// Who is to be told of the end of an operation.
    listeners: Vec<(u32, Arc<Bell>)>,
    aftermath: Aftermath,
    /// The waiting thread that has taken turns, until it has what it waits for.
    drives: Option<ThreadId>,
}

/// What is left to do without the lock, and who left it.
#[derive(Default)]
pub(crate) struct Aftermath(Vec<(Arc<Bell>, ThreadId)>);

impl Aftermath {
    pub(crate) fn run(self) {
        self.0.iter().for_each(|(bell, _)| bell.ring());
    }
}

/// Rung once: what a callback does.
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { rung: Mutex::new(false), changed: Condvar::new() })
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.changed.wait(rung).unwrap();
        }
    }
}

impl Engine {
    pub(crate) fn new(device: &Arc<Device>, clock: Clock) -> Self {
        Self {
            device: device.clone(),
            clock,
            under_way: BTreeSet::new(),
            ended: BTreeSet::new(),
            completed: false,
            listeners: Vec::new(),
            aftermath: Aftermath::default(),
            drives: None,
        }
    }

    /// Starts an operation. Its packet may be here already.
    pub(crate) fn start(&mut self, operation: u32) {
        if !self.ended.contains(&operation) {
            self.under_way.insert(operation);
        }
    }

    /// Starts an operation whose end nobody waits for: it rings.
    pub(crate) fn start_telling(&mut self, operation: u32, bell: &Arc<Bell>) {
        self.start(operation);
        self.listeners.push((operation, bell.clone()));
        self.tell();
    }

    /// Ends everything, as an abort does.
    pub(crate) fn close(&mut self) {
        self.completed |= !self.under_way.is_empty();
        self.ended.append(&mut self.under_way);
        self.tell();
    }

    /// Whether an operation has ended. Who asks and is told so has stopped driving.
    pub(crate) fn ended(&mut self, operation: u32) -> Option<()> {
        self.ended.contains(&operation).then(|| self.stops())
    }

    fn stops(&mut self) {
        self.drives.take_if(|who| *who == thread::current().id());
    }

    fn tell(&mut self) {
        let ended = &self.ended;
        let over = self.listeners.extract_if(.., |(operation, _)| ended.contains(operation));
        self.aftermath.0.extend(over.map(|(_, bell)| (bell, thread::current().id())));
    }

    /// As the real one's. While one thread that waits drives, no other takes turns; the background
    /// thread has the role for one turn only.
    pub(crate) fn turn(&mut self) -> bool {
        let me = thread::current();
        match me.name() {
            Some("sealane") => assert!(self.drives.is_none(), "the background drives as well"),
            _ => {
                let driver = *self.drives.get_or_insert(me.id());
                assert!(driver == me.id(), "two waiting threads drive");
            }
        }
        let packets = self.device.poll();
        let progress = !packets.is_empty();
        for packet in packets {
            self.under_way.remove(&packet);
            self.completed |= self.ended.insert(packet);
        }
        self.tell();
        progress
    }

    pub(crate) fn transmit(&mut self) -> bool {
        false
    }

    pub(crate) fn is_awaited(&self) -> bool {
        !self.under_way.is_empty()
    }

    pub(crate) fn take_completed(&mut self) -> bool {
        std::mem::take(&mut self.completed)
    }

    pub(crate) fn has_aftermath(&self) -> bool {
        !self.aftermath.0.is_empty()
    }

    /// Who takes it lets go of the lock, and of the role; and left it, for what is to be done is code of
    /// the user, who does not expect it in a thread that only looked.
    pub(crate) fn take_aftermath(&mut self) -> Aftermath {
        self.stops();
        let me = thread::current().id();
        assert!(self.aftermath.0.iter().all(|(_, who)| *who == me), "left to another thread");
        std::mem::take(&mut self.aftermath)
    }

    pub(crate) fn idle_time(&self, deadline: Time) -> Duration {
        deadline.since(Time::ZERO)
    }

    pub(crate) fn waiter(&self) -> Waiter {
        Waiter(self.device.clone())
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }
}
