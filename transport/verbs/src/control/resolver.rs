//! A thread that makes address handles.
//!
//! On RoCE the kernel asks the network for the neighbour's link address, and waits up to a second for
//! an answer. A peer that is not there must not stall the traffic to the others (PROTOCOL §13.4), so
//! that happens apart.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::sys::{AddressHandle, Destination, Domain};
use crate::waiter::Waiter;

use super::handles::Key;

/// Destinations that may wait to be resolved: strangers can ask for as many as they like.
const WAITING_MAX: usize = 64;

/// What became of a destination.
pub type Answer = (Key, io::Result<AddressHandle>);

/// The thread's two ends.
#[derive(Debug)]
pub struct Resolver {
    questions: SyncSender<(Key, Destination)>,
    answers: Receiver<Answer>,
}

impl Resolver {
    /// Starts the thread; it ends with the resolver, after the call that it may be in.
    pub fn start(domain: &Arc<Domain>, waiter: Waiter) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<(Key, Destination)>(WAITING_MAX);
        let (answer, answers) = sync_channel::<Answer>(WAITING_MAX);
        let domain = Arc::clone(domain);
        thread::Builder::new().name("sealane-verbs".to_owned()).spawn(move || {
            while let Ok((key, destination)) = asked.recv() {
                let handle = AddressHandle::new(&domain, &destination);
                if answer.send((key, handle)).is_err() {
                    return;
                }
                waiter.wake();
            }
        })?;
        Ok(Self { questions, answers })
    }

    /// Asks for a handle; whether there was room to.
    pub fn ask(&self, key: Key, destination: Destination) -> bool {
        self.questions.try_send((key, destination)).is_ok()
    }

    /// The next answer.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
