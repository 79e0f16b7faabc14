//! Failures at a chosen moment, for tests of what the others do then.

use std::sync::PoisonError;

use super::Communicator;
use crate::runtime::engine::Engine;
use crate::runtime::net::Fuse;

/// What becomes of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crash {
    /// Its sockets stay, and nothing is read or sent: a stopped process, or a network that swallows
    /// everything.
    Silent,
    /// Its sockets are gone, as after the end of the process.
    Closed,
    /// The process gets SIGKILL.
    Killed,
    /// The process gets SIGSTOP.
    Stopped,
    /// Every path swallows everything, both ways, while the rank lives: it loses the others as they
    /// lose it.
    Blackholed,
    /// It goes on to answer every packet, and does nothing more: a program that hangs.
    Stalled,
}

impl Communicator {
    /// Lets this rank fail now: nobody is told anything. What is under way here ends with
    /// [`Error::Aborted`](crate::Error::Aborted), unless the process does, or the rank lives on
    /// ([`Crash::Blackholed`], [`Crash::Stalled`]). For tests.
    pub fn simulate_crash(&self, how: Crash) {
        self.driver.command(|engine| engine.crash(how));
        if matches!(how, Crash::Blackholed | Crash::Stalled) {
            return;
        }
        let background = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.driver.stop();
        if let Some(background) = background {
            // A background thread that panicked has nothing more to say.
            let _ = background.join();
        }
    }

    /// Lets this rank fail as [`simulate_crash`](Self::simulate_crash) does, when it has received so
    /// many more packets: in the middle of an operation. For tests.
    pub fn crash_after(&self, packets: u64, how: Crash) {
        let fuse = Fuse { packets, how };
        self.driver.inspect(|engine: &mut Engine| engine.light(fuse));
    }
}
