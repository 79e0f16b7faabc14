//! Settings of a communicator, from the caller or the environment.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sealane_collectives::Overrides;
use sealane_sim::fault::Faults;
use sealane_transport::{Config, Rank, Suite};
use sealane_udp::UdpConfig;

use super::Communicator;
use crate::bootstrap::rendezvous::open::Setup;
use crate::bootstrap::rendezvous::{Announce, Invitation, meet};
use crate::bootstrap::{Credentials, Launch, identity};
use crate::device::DeviceChoice;
use crate::error::Error;
use crate::membership::door::knock;
use crate::observe;
use crate::runtime::clock::{Clock, unix_seconds};
use crate::runtime::driver::Driver;
use crate::runtime::engine::Engine;

/// How long ranks may take to find each other, unless `SEALANE_TIMEOUT` says otherwise.
const RENDEZVOUS_TIMEOUT: Duration = Duration::from_secs(60);

/// How long one operation may take, unless `SEALANE_OPERATION_TIMEOUT` says otherwise.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(300);

/// The most that either may be set to, a week: deadlines must not overflow.
const TIMEOUT_MAX_SECONDS: f64 = 7.0 * 86_400.0;

/// Settings of a [`Communicator`]. What is not set comes from the environment.
#[derive(Default)]
pub struct Builder {
    launch: Option<Launch>,
    credentials: Option<Credentials>,
    job: Option<String>,
    timeout: Option<Duration>,
    operation_timeout: Option<Duration>,
    peer_timeout: Option<Duration>,
    paths: Option<u16>,
    suites: Option<Vec<Suite>>,
    addresses: Option<Vec<IpAddr>>,
    device: Option<DeviceChoice>,
    faults: Option<(Faults, u64)>,
    algorithms: Option<Overrides>,
    announce: Option<Announce>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("launch", &self.launch)
            .field("credentials", &self.credentials)
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Who we are and where rank 0 is.
    #[must_use]
    pub fn launch(mut self, launch: Launch) -> Self {
        self.launch = Some(launch);
        self
    }

    /// How we prove it.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The job's id, 1 to 63 of `a-z`, `0-9` and `-` (`SEALANE_JOB`).
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = Some(job.into());
        self
    }

    /// How long the ranks may take to find each other (`SEALANE_TIMEOUT`, seconds; 60).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long one operation may take (`SEALANE_OPERATION_TIMEOUT`, seconds; 300).
    #[must_use]
    pub const fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = Some(timeout);
        self
    }

    /// After how much silence a rank that owes an answer is lost (`SEALANE_PEER_TIMEOUT`, seconds; 1.5).
    /// Survivors know of it within half a second more.
    #[must_use]
    pub const fn peer_timeout(mut self, timeout: Duration) -> Self {
        self.peer_timeout = Some(timeout);
        self
    }

    /// At most so many five-tuples to a peer, 1 to 256 (`SEALANE_PATHS`; 16).
    #[must_use]
    pub const fn paths(mut self, paths: u16) -> Self {
        self.paths = Some(paths);
        self
    }

    /// Cipher suites in order of preference (`SEALANE_SUITE`).
    #[must_use]
    pub fn suites(mut self, suites: Vec<Suite>) -> Self {
        self.suites = Some(suites);
        self
    }

    /// Local addresses to use (`SEALANE_ADDRESSES`, comma-separated) instead of the one from which rank
    /// 0 is reached.
    #[must_use]
    pub fn addresses(mut self, addresses: Vec<IpAddr>) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// What carries the packets (`SEALANE_DEVICE`; UDP). The same kind on all ranks.
    #[must_use]
    pub fn device(mut self, device: DeviceChoice) -> Self {
        self.device = Some(device);
        self
    }

    /// Algorithms for collectives and sizes, instead of the measured choice, such as
    /// `allreduce:0-4096:ring,broadcast:-:chain` (`SEALANE_ALGO`). All ranks must have the same.
    #[must_use]
    pub fn algorithms(mut self, algorithms: Overrides) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    /// Calls `announce` on rank 0, once, with the address at which the others find it, as soon as it
    /// listens there. With port 0 in [`Launch::master`] the system chooses a free port, and this is how
    /// the others may learn it. What `announce` fails with ends [`connect`](Self::connect).
    #[must_use]
    pub fn announce(
        mut self,
        announce: impl FnOnce(SocketAddr) -> Result<(), String> + Send + 'static,
    ) -> Self {
        self.announce = Some(Box::new(announce));
        self
    }

    /// Faults between the core and the sockets, for tests, drawn from a seed.
    #[must_use]
    pub const fn faults(mut self, faults: Faults, seed: u64) -> Self {
        self.faults = Some((faults, seed));
        self
    }

    /// Finds the other ranks.
    ///
    /// # Errors
    ///
    /// [`Error`]: settings, environment, identity, or the other ranks.
    pub fn connect(self) -> Result<Communicator, Error> {
        self.connect_with(&|name| std::env::var(name).ok())
    }

    fn connect_with(
        mut self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Communicator, Error> {
        let announce = self.announce.take();
        let Prepared { launch, setup, algorithms, timeout, operation_timeout } =
            self.prepare(lookup)?;
        let invitation = Invitation {
            rank: launch.rank,
            world: launch.world,
            master: launch.master.filter(|_| launch.world > 1),
            timeout,
            announce,
        };
        let meeting = meet(invitation, &setup)?;
        Communicator::assemble(meeting, &setup, algorithms, operation_timeout)
    }

    /// Joins ranks that are running already and call [`Communicator::grow`]: at the launch's master
    /// address, where `leader`, by its rank in the job, opens the door. The launch's rank is ours in the
    /// job; its world does not matter. Tries until the timeout has passed; see
    /// [`Communicator::grow`] for an example.
    ///
    /// # Errors
    ///
    /// [`Error`]: settings, environment, identity, or the other ranks.
    pub fn join(self, leader: Rank) -> Result<Communicator, Error> {
        let prepared = self.prepare(&|name| std::env::var(name).ok())?;
        let Prepared { launch, setup, algorithms, timeout, operation_timeout } = prepared;
        let Some(master) = launch.master else {
            return Err(Error::Argument("join: there is no master address to knock at".to_owned()));
        };
        let (site, decision) = knock(&setup, (&master, leader), timeout)?;
        let excluded = || Error::Excluded { rank: launch.rank };
        let meeting = site.enter(&setup, &decision)?.ok_or_else(excluded)?;
        Communicator::assemble(meeting, &setup, algorithms, operation_timeout)
    }

    /// Everything that is known before the ranks meet.
    fn prepare(self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Prepared, Error> {
        let env = Environment { lookup };
        let launch = match self.launch {
            Some(launch) => launch,
            None => Launch::detect(lookup)?,
        };
        let credentials = match self.credentials {
            Some(credentials) => credentials,
            None => Credentials::from_environment(launch.rank, lookup)?,
        };
        let job = self.job.or_else(|| env.get(identity::JOB));
        let identity = credentials.identity(
            launch.rank,
            job.as_deref(),
            launch.run.as_deref(),
            unix_seconds(),
        )?;
        let timeout = env.seconds("SEALANE_TIMEOUT", self.timeout, RENDEZVOUS_TIMEOUT)?;
        let operation_timeout =
            env.seconds("SEALANE_OPERATION_TIMEOUT", self.operation_timeout, OPERATION_TIMEOUT)?;
        let paths =
            self.paths.map_or_else(|| env.parse("SEALANE_PATHS", "a number"), |p| Ok(Some(p)))?;
        let paths = paths.unwrap_or(16);
        if !(1..=256).contains(&paths) {
            return Err(Error::Argument(format!("{paths} paths: give 1 to 256")));
        }
        let suite = env.parse::<Suite>("SEALANE_SUITE", "aes256gcm or chacha20")?;
        let defaults = Config::default();
        let suites = self
            .suites
            .or_else(|| suite.map(|suite| vec![suite]))
            .unwrap_or(defaults.suites.clone());
        let addresses = match self.addresses {
            Some(addresses) => addresses,
            None => env.addresses()?,
        };
        let device = match self.device {
            Some(device) => device,
            None => env.device()?,
        };
        let algorithms = match self.algorithms {
            Some(algorithms) => algorithms,
            None => env.algorithms()?,
        };
        let peer_timeout =
            env.seconds("SEALANE_PEER_TIMEOUT", self.peer_timeout, defaults.peer_timeout)?;
        observe::begin(env.get(observe::METRICS), env.get(observe::RECORD), launch.rank)?;
        let setup = Setup {
            clock: Clock::start(),
            identity,
            config: config(defaults, suites, paths, peer_timeout),
            udp: UdpConfig { ports: ports(paths), ..UdpConfig::default() },
            device,
            addresses,
            faults: self.faults,
        };
        Ok(Prepared { launch, setup: Arc::new(setup), algorithms, timeout, operation_timeout })
    }
}

/// What a communicator is made of, but for the other ranks.
struct Prepared {
    launch: Launch,
    setup: Arc<Setup>,
    algorithms: Overrides,
    timeout: Duration,
    operation_timeout: Duration,
}

fn config(mut config: Config, suites: Vec<Suite>, paths: u16, peer_timeout: Duration) -> Config {
    config.suites = suites;
    config.peer_timeout = peer_timeout;
    // Several questions fit into the silence after which a peer is lost.
    config.probe_interval = config.probe_interval.min(peer_timeout / 5);
    config.paths_max = usize::from(paths);
    config
}

/// Sockets for so many paths: as many on one side as on the other.
fn ports(paths: u16) -> usize {
    (1..=16).find(|side| side * side >= usize::from(paths)).unwrap_or(16)
}

struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = text.trim().parse().map(Some);
        parsed.map_err(|_| Error::Argument(format!("{name}={text:?} is not {expected}")))
    }

    fn seconds(
        &self,
        name: &str,
        set: Option<Duration>,
        default: Duration,
    ) -> Result<Duration, Error> {
        if let Some(set) = set {
            return Ok(set.min(Duration::from_secs_f64(TIMEOUT_MAX_SECONDS)));
        }
        match self.parse::<f64>(name, "a number of seconds")? {
            None => Ok(default),
            Some(value) if value > 0.0 && value <= TIMEOUT_MAX_SECONDS => {
                Ok(Duration::from_secs_f64(value))
            }
            Some(value) => {
                Err(Error::Argument(format!("{name}={value}: give more than 0 and at most a week")))
            }
        }
    }

    fn algorithms(&self) -> Result<Overrides, Error> {
        let Some(text) = self.get("SEALANE_ALGO") else { return Ok(Overrides::default()) };
        text.parse().map_err(|error| Error::Argument(format!("SEALANE_ALGO: {error}")))
    }

    fn device(&self) -> Result<DeviceChoice, Error> {
        let Some(text) = self.get("SEALANE_DEVICE") else { return Ok(DeviceChoice::default()) };
        text.parse().map_err(|error| Error::Argument(format!("SEALANE_DEVICE: {error}")))
    }

    fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let Some(text) = self.get("SEALANE_ADDRESSES") else { return Ok(Vec::new()) };
        let parsed: Result<Vec<IpAddr>, _> = text.split(',').map(|ip| ip.trim().parse()).collect();
        parsed.map_err(|_| {
            Error::Argument(format!(
                "SEALANE_ADDRESSES={text:?} is not a list of IP addresses, such as 10.0.0.5,10.1.0.5"
            ))
        })
    }
}

impl Communicator {
    pub(super) fn assemble(
        meeting: crate::bootstrap::rendezvous::Meeting,
        setup: &Arc<Setup>,
        plan: Overrides,
        operation_timeout: Duration,
    ) -> Result<Self, Error> {
        let (rank, world, hosts) = (meeting.rank, meeting.world, meeting.topology.hosts().count());
        let epoch = meeting.epoch;
        let neighbours = (world as usize).div_ceil(hosts.max(1));
        let mut engine = Engine::new(meeting, plan.clone());
        let nothing = engine.buffers.0.own(0);
        let driver = Arc::new(Driver::new(engine, neighbours));
        observe::register(&driver);
        let background = driver.spawn_background().map_err(|error| {
            Error::Argument(format!("cannot start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(Self {
            driver,
            background: std::sync::Mutex::new(Some(background)),
            rank,
            world,
            hosts,
            operation_timeout,
            epoch,
            setup: setup.clone(),
            plan,
            nothing,
        })
    }
}
