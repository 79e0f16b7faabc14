//! Starts local ranks, watches over them, and ends them all when one fails.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sealane::runtime::clock::Clock;
use sealane_transport::Time;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::output::{Forwarder, Sink};
use super::shim;
use crate::cli::Failure;

/// How often the ranks are looked at even if no signal says that one ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long ranks get between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How long streams may stay open after the last rank has ended.
const STREAM_GRACE: Duration = Duration::from_secs(1);

/// What becomes of the ranks' output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Forwarded, each line with its rank before it.
    Prefixed,
    /// Passed through untouched.
    Inherited,
}

/// What to start.
#[derive(Debug)]
pub struct Job {
    /// How many ranks.
    pub ranks: u32,
    /// Rank 0's UDP port; `None` picks a free one.
    pub port: Option<u16>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// A secret for them; `None` passes on what our environment has.
    pub secret: Option<String>,
    /// How long the others may take to end by themselves once one has failed.
    pub grace: Duration,
    /// What becomes of their output.
    pub streams: Streams,
}

/// Starts the ranks and waits for them; returns the exit status: 0, or that of the first that failed.
///
/// # Errors
///
/// [`Failure::Runtime`] when not all could be started; those that were are ended first.
pub fn run(job: &Job) -> Result<u8, Failure> {
    let port = match job.port {
        Some(port) => port,
        None => sealane::local::free_port().map_err(|error| {
            Failure::Runtime(format!(
                "no free UDP port on 127.0.0.1 ({error}): give one with --port"
            ))
        })?,
    };
    let signals = watch_signals()
        .map_err(|error| Failure::Runtime(format!("cannot install signal handlers: {error}")))?;
    let mut ranks = Ranks {
        children: Vec::new(),
        forwarder: Forwarder::new(job.ranks),
        clock: Clock::start(),
        failure: None,
        stage: Stage::Running,
    };
    for rank in 0..job.ranks {
        if let Err(error) = ranks.start(job, rank, port) {
            ranks.signal_all(Signal::KILL);
            ranks.reap_blocking();
            return Err(Failure::Runtime(format!(
                "cannot start rank {rank} of {}: {error}{}",
                job.ranks,
                remedy(&error)
            )));
        }
    }
    ranks.supervise(job, &signals);
    ranks.forwarder.finish(STREAM_GRACE);
    Ok(ranks.failure.unwrap_or(0))
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::WouldBlock => ": raise the process limit (`ulimit -u`) or start fewer ranks",
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            ": raise the descriptor limit (`ulimit -n`) or start fewer ranks"
        }
        _ => "",
    }
}

/// Signals as messages, so that waiting for them can have a limit.
fn watch_signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])?;
    let (sender, receiver) = channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is wrong.
    Running,
    /// One failed; the others may end by themselves until then.
    Failing(Time),
    /// They were asked to end; killed then.
    Ending(Time),
}

struct Rank {
    rank: u32,
    child: Child,
    /// Its process group, until it is reaped.
    group: Option<Pid>,
    status: Option<ExitStatus>,
}

struct Ranks {
    children: Vec<Rank>,
    forwarder: Forwarder,
    clock: Clock,
    failure: Option<u8>,
    stage: Stage,
}

impl Ranks {
    fn start(&mut self, job: &Job, rank: u32, port: u16) -> io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(shim::NAME).arg("--parent").arg(std::process::id().to_string()).arg("--");
        command.args(&job.command).process_group(0).stdin(Stdio::null());
        let (rank_text, world) = (rank.to_string(), job.ranks.to_string());
        for (name, value) in [
            ("SEALANE_RANK", rank_text.as_str()),
            ("SEALANE_LOCAL_RANK", &rank_text),
            ("SEALANE_WORLD_SIZE", &world),
            ("SEALANE_LOCAL_WORLD_SIZE", &world),
            ("SEALANE_MASTER", &format!("127.0.0.1:{port}")),
            ("RANK", &rank_text),
            ("LOCAL_RANK", &rank_text),
            ("WORLD_SIZE", &world),
            ("LOCAL_WORLD_SIZE", &world),
            ("MASTER_ADDR", "127.0.0.1"),
            ("MASTER_PORT", &port.to_string()),
        ] {
            command.env(name, value);
        }
        if let Some(secret) = &job.secret {
            for name in ["SEALANE_SECRET_FILE", "SEALANE_CA", "SEALANE_CERT", "SEALANE_KEY"] {
                command.env_remove(name);
            }
            command.env("SEALANE_SECRET", secret);
        }
        if job.streams == Streams::Prefixed {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            self.forwarder.forward(rank, stdout, Sink::Stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            self.forwarder.forward(rank, stderr, Sink::Stderr);
        }
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        self.children.push(Rank { rank, child, group, status: None });
        Ok(())
    }

    fn supervise(&mut self, job: &Job, signals: &Receiver<i32>) {
        while self.reap(job) > 0 {
            let now = self.clock.now();
            let wait = match self.stage {
                Stage::Running => LOOK_INTERVAL,
                Stage::Failing(until) | Stage::Ending(until) => until.since(now).min(LOOK_INTERVAL),
            };
            match signals.recv_timeout(wait) {
                Ok(SIGCHLD) => {}
                Ok(signal) => self.forward_signal(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(wait),
            }
            self.escalate();
        }
    }

    /// Collects who has ended; returns how many have not.
    fn reap(&mut self, job: &Job) -> usize {
        let mut running = 0;
        let mut failed = None;
        for rank in &mut self.children {
            if rank.status.is_some() {
                continue;
            }
            match rank.child.try_wait() {
                Ok(Some(status)) => {
                    // What it left behind in its group ends with it. Later, the number might be
                    // somebody else's.
                    if let Some(group) = rank.group.take() {
                        let _ = kill_process_group(group, Signal::KILL);
                    }
                    rank.status = Some(status);
                    if !status.success() && failed.is_none() {
                        failed = Some((rank.rank, status));
                    }
                }
                // A child that cannot be waited for was reaped by somebody else.
                Ok(None) => running += 1,
                Err(_) => rank.status = Some(ExitStatus::from_raw(0)),
            }
        }
        if let Some((rank, status)) = failed
            && self.failure.is_none()
        {
            self.failure = Some(exit_code(status));
            self.stage = Stage::Failing(self.clock.now() + job.grace);
            let rest = match running {
                0 => String::new(),
                1 => "; ending the other rank".to_owned(),
                n => format!("; ending the other {n} ranks"),
            };
            eprintln!("sealane: rank {rank} {}{rest}", describe(status));
        }
        running
    }

    fn forward_signal(&mut self, signal: i32) {
        let Some(known) = Signal::from_named_raw(signal) else { return };
        self.signal_all(known);
        if matches!(signal, SIGINT | SIGTERM | SIGHUP | SIGQUIT) {
            eprintln!("sealane: ending all ranks (signal {signal})");
            self.failure.get_or_insert((128 + signal) as u8);
            self.stage = Stage::Ending(self.clock.now() + TERM_GRACE);
        }
    }

    fn escalate(&mut self) {
        let now = self.clock.now();
        match self.stage {
            Stage::Failing(until) if now >= until => {
                self.signal_all(Signal::TERM);
                self.stage = Stage::Ending(now + TERM_GRACE);
            }
            Stage::Ending(until) if now >= until => {
                self.signal_all(Signal::KILL);
                self.stage = Stage::Ending(now + TERM_GRACE);
            }
            Stage::Running | Stage::Failing(_) | Stage::Ending(_) => {}
        }
    }

    /// Signals the group of every rank that has not ended.
    fn signal_all(&self, signal: Signal) {
        for group in self.children.iter().filter_map(|rank| rank.group) {
            let _ = kill_process_group(group, signal);
        }
    }

    fn reap_blocking(&mut self) {
        for rank in &mut self.children {
            let _ = rank.child.wait();
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(9)) => "was killed (signal 9, SIGKILL)".to_owned(),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended abnormally".to_owned(),
    }
}
