//! The communicator: the ranks of a job, and what they do together.

mod all_to_all;
mod blocks;
mod builder;
mod collectives;
mod crash;
mod groups;
mod in_place;
mod messages;
mod observe;
mod probe;
pub(crate) mod request;
mod rma;
mod rooted;
mod submit;
mod work;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sealane_collectives::Overrides;
use sealane_kernels::lend::Keeper;
use sealane_kernels::{Arena, RegionId};
use sealane_sim::fault::FaultCounters;
use sealane_transport::{PeerInfo, Rank};

use crate::bootstrap::rendezvous::open::Setup;
use crate::runtime::driver::Driver;

pub use builder::Builder;
pub use crash::Crash;
pub use request::Request;
pub use rma::Region;
pub use submit::{Group, Message};
pub use work::Work;

/// The input and the output of an operation between two vectors.
pub type Buffers<T> = (Vec<T>, Vec<T>);

/// How long the end waits for ranks that have not finished yet.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long it waits for acknowledgements of what was sent.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a communicator that has failed stays, so that the news of why reaches all ranks before the
/// news that this one is gone.
const LINGER: Duration = Duration::from_millis(300);

/// The ranks of a job. All of them must make the same collective calls in the same order.
///
/// Calls block until the result is there; [`all_reduce_start`](Self::all_reduce_start) does not. Every
/// wait has a deadline. When a rank is lost, every call on every rank fails with
/// [`Error::PeerLost`](crate::Error::PeerLost), and the communicator is of no more use. Any thread may
/// call; dropping the communicator ends it in good order.
pub struct Communicator {
    pub(crate) driver: Arc<Driver>,
    background: Mutex<Option<JoinHandle<()>>>,
    rank: Rank,
    world: u32,
    hosts: usize,
    operation_timeout: Duration,
    epoch: u64,
    /// What communicators that are made of this one need.
    pub(crate) setup: Arc<Setup>,
    plan: Overrides,
    /// Memory of no bytes, for barriers.
    nothing: RegionId,
}

impl std::fmt::Debug for Communicator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Communicator")
            .field("rank", &self.rank)
            .field("size", &self.world)
            .finish_non_exhaustive()
    }
}

impl Keeper for Driver {
    fn with<R>(&self, f: impl FnOnce(&mut Arena) -> R) -> R {
        self.inspect(|engine| f(&mut engine.buffers.0))
    }
}

impl Communicator {
    /// A communicator as the environment of the launcher says, with an identity from `SEALANE_SECRET`,
    /// `SEALANE_SECRET_FILE`, or `SEALANE_CA`, `SEALANE_CERT` and `SEALANE_KEY`.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error): the environment, the identity, or the other ranks.
    pub fn from_env() -> Result<Self, crate::Error> {
        Self::builder().connect()
    }

    /// A communicator with settings of its own; what is not set comes from the environment.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use sealane::bootstrap::{Credentials, Launch};
    /// use sealane::{Communicator, ReduceOp, Suite};
    ///
    /// let variables = HashMap::from([("SEALANE_RANK", "0"), ("SEALANE_WORLD_SIZE", "1")]);
    /// let lookup = |name: &str| variables.get(name).map(|value| value.to_string());
    /// let communicator = Communicator::builder()
    ///     .launch(Launch::detect(&lookup)?)
    ///     .credentials(Credentials::Secret {
    ///         text: "at least sixteen bytes".to_owned().into(),
    ///         origin: "an example".to_owned(),
    ///     })
    ///     .suites(vec![Suite::ChaCha20Poly1305])
    ///     .connect()?;
    /// let mut alone = [1.5_f32];
    /// communicator.all_reduce(&mut alone, ReduceOp::Sum)?;
    /// assert_eq!(alone, [1.5]);
    /// # Ok::<(), sealane::Error>(())
    /// ```
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Our rank.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// How many ranks there are.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.world
    }

    /// How many hosts they are on.
    #[must_use]
    pub const fn hosts(&self) -> usize {
        self.hosts
    }

    /// The peers with whom a session stands, and how it is doing.
    #[must_use]
    pub fn connected_peers(&self) -> Vec<PeerInfo> {
        self.driver.inspect(|engine| engine.connected())
    }

    /// What carries the packets: `udp` or `verbs`.
    #[must_use]
    pub fn device(&self) -> &'static str {
        self.driver.inspect(|engine| engine.device())
    }

    /// Counters of the endpoint since its start.
    #[must_use]
    pub fn stats(&self) -> crate::Stats {
        self.driver.inspect(|engine| engine.stats())
    }

    /// What [`Builder::faults`] did to the packets that came in; `None` if it was not asked for.
    #[must_use]
    pub fn injected_faults(&self) -> Option<FaultCounters> {
        self.driver.inspect(|engine| engine.injected())
    }

    /// Ends every call that is under way, here and on all ranks, with
    /// [`Error::Aborted`](crate::Error::Aborted). Any thread may call it, any number of times; it does
    /// not wait.
    ///
    /// ```
    /// use sealane::{Error, Rank, local};
    ///
    /// local::run(2, |communicator| {
    ///     if communicator.rank() == Rank(0) {
    ///         communicator.abort("the loss is not a number");
    ///         return Ok(());
    ///     }
    ///     let Err(Error::Aborted { reason, .. }) = communicator.barrier() else { panic!() };
    ///     assert!(reason.contains("the loss is not a number"));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    pub fn abort(&self, reason: &str) {
        self.driver.command(|engine| engine.abort(reason));
    }

    /// Ends the communicator in good order: waits, for a moment, until what was sent has arrived and the
    /// others have finished too. Dropping it does the same.
    pub fn close(self) {
        drop(self);
    }

    fn shut_down(&self) {
        let background = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(background) = background else { return };
        let clock = self.driver.clock();
        let drained =
            |engine: &mut crate::runtime::engine::Engine| (!engine.is_busy()).then_some(());
        self.driver.run(clock.now() + DRAIN, |_| {}, drained);
        if self.driver.inspect(|engine| engine.is_broken()) {
            self.driver.run(clock.now() + LINGER, |_| {}, |_| None::<()>);
        }
        let finished =
            |engine: &mut crate::runtime::engine::Engine| engine.all_finished().then_some(());
        self.driver.run(clock.now() + GOODBYE, crate::runtime::engine::Engine::bye, finished);
        self.driver.command(crate::runtime::engine::Engine::close);
        self.driver.stop();
        // A callback may have dropped the last handle, on the very thread.
        if background.thread().id() != std::thread::current().id() {
            // A background thread that panicked has nothing more to say.
            let _ = background.join();
        }
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        self.shut_down();
    }
}
