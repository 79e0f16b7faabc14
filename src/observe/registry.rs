//! The communicators of this process, for who asks from outside of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use sealane_transport::Rank;
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use super::{Address, FlightRecord, METRICS, Metrics, server};
use crate::error::Error;
use crate::runtime::driver::Driver;

/// What can be asked.
pub(crate) trait Observed: Send + Sync {
    fn metrics(&self) -> Metrics;
    fn flight_record(&self) -> FlightRecord;
}

#[derive(Default)]
struct Registry {
    observed: Vec<(usize, Weak<dyn Observed>)>,
    next: usize,
    begun: bool,
    record: Option<PathBuf>,
}

static REGISTRY: OnceLock<Mutex<Registry>> = OnceLock::new();

fn registry() -> std::sync::MutexGuard<'static, Registry> {
    let registry = REGISTRY.get_or_init(Mutex::default);
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to listen at `metrics` and to await SIGUSR1, with flight records going to the file `record`. The
/// first communicator of a process decides; later ones change nothing.
///
/// # Errors
///
/// [`Error::Argument`]: `metrics` is no address, nobody can listen there, or no thread can be started.
pub(crate) fn begin(
    metrics: Option<String>,
    record: Option<String>,
    rank: Rank,
) -> Result<(), Error> {
    let mut registry = registry();
    if registry.begun {
        return Ok(());
    }
    if let Some(text) = metrics {
        let address: Result<Address, String> = text.trim().parse();
        let address = address.map_err(|error| Error::Argument(format!("{METRICS}: {error}")))?;
        server::start(&address.of(rank))?;
    }
    registry.record = record.map(PathBuf::from);
    watch_signal(registry.record.clone(), rank)?;
    registry.begun = true;
    Ok(())
}

/// Makes a communicator known until it is dropped.
pub(crate) fn register(driver: &Arc<Driver>) {
    let mut registry = registry();
    registry.observed.retain(|(_, observed)| observed.strong_count() > 0);
    let number = registry.next;
    registry.next += 1;
    let observed: Arc<dyn Observed> = driver.clone();
    registry.observed.push((number, Arc::downgrade(&observed)));
}

/// The communicators of this process, with their numbers. Not under the registry's lock: what is asked of
/// them waits for theirs.
fn all() -> Vec<(usize, Arc<dyn Observed>)> {
    let registry = registry();
    let alive = registry.observed.iter();
    alive.filter_map(|(number, one)| Some((*number, one.upgrade()?))).collect()
}

pub(super) fn metrics() -> Vec<(usize, Metrics)> {
    all().into_iter().map(|(number, one)| (number, one.metrics())).collect()
}

/// The flight records, and what is known of the peers.
pub(super) fn status() -> String {
    let status = |(number, one): (usize, Arc<dyn Observed>)| {
        let (record, metrics) = (one.flight_record(), one.metrics());
        let mut text = format!("communicator {number} of process {}, {record}", std::process::id());
        for peer in metrics.peers {
            let Some(session) = peer.session else { continue };
            let state = match (session.connected, session.lost) {
                (true, _) => format!(
                    "connected, {} paths, round trip {:?}, {} bytes in flight",
                    session.paths, session.rtt, session.in_flight
                ),
                (false, Some(cause)) => format!("lost: {cause}"),
                (false, None) => "no session yet".to_owned(),
            };
            text.push_str(&format!("{} to {}: {state}\n", metrics.rank, peer.rank));
        }
        text
    };
    all().into_iter().map(status).collect()
}

/// Writes a text where flight records go.
pub(super) fn dump(text: &str, to: Option<&Path>) {
    let written = match to {
        None => std::io::stderr().lock().write_all(text.as_bytes()),
        Some(path) => std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes())),
    };
    if let Err(error) = written {
        tracing::warn!(%error, "cannot write the flight record");
    }
}

/// The file of a rank.
fn file_of(path: &Path, rank: Rank) -> PathBuf {
    path.to_string_lossy().replace("{rank}", &rank.0.to_string()).into()
}

/// SIGUSR1 writes the flight record of the process.
fn watch_signal(record: Option<PathBuf>, rank: Rank) -> Result<(), Error> {
    let cannot = |error: std::io::Error| {
        let full = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
        let remedy = if full { ": raise the descriptor limit (`ulimit -n`)" } else { "" };
        Error::Argument(format!("cannot await SIGUSR1: {error}{remedy}"))
    };
    let mut signals = Signals::new([SIGUSR1]).map_err(cannot)?;
    let file = record.map(|path| file_of(&path, rank));
    std::thread::Builder::new()
        .name("sealane-record".to_owned())
        .spawn(move || signals.forever().for_each(|_| dump(&status(), file.as_deref())))
        .map_err(cannot)?;
    Ok(())
}

/// A communicator has failed: its record goes to the file, if there is one.
pub(crate) fn failed(record: &FlightRecord) {
    let file = registry().record.as_ref().map(|path| file_of(path, record.rank));
    if let Some(file) = file {
        dump(&record.to_string(), Some(&file));
    }
}

impl Observed for Driver {
    fn metrics(&self) -> Metrics {
        self.inspect(|engine| engine.metrics())
    }

    fn flight_record(&self) -> FlightRecord {
        self.inspect(|engine| engine.flight_record())
    }
}
