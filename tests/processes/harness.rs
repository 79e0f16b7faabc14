//! Starting the binary, with a limit on how long it may take.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test should take, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

pub const SECRET: &str = "a secret for tests, of enough bytes";

/// The binary, without anything of this process's environment that it looks at.
pub fn sealane(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealane"));
    command.args(arguments.split_whitespace());
    for (name, _) in std::env::vars() {
        let launchers = ["SEALANE_", "OMPI_", "PMI_", "SLURM_", "MASTER_", "LOCAL_", "PMIX_"];
        if launchers.iter().any(|prefix| name.starts_with(prefix)) || name == "RANK" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// An example of this package, built by `cargo test`.
pub fn example(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_sealane")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build --examples", path.display());
    path
}

/// A rank as a launcher of another make would start it.
pub fn rank(rank: u32, world: u32, port: u16, arguments: &str) -> Command {
    let mut command = sealane(arguments);
    command
        .env("RANK", rank.to_string())
        .env("WORLD_SIZE", world.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .env("SEALANE_SECRET", SECRET)
        .env("SEALANE_TIMEOUT", "20");
    command
}

/// A port that no other test of this process uses, below the ephemeral range.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 14_000 + (std::process::id() % 500) as u16 * 10;
    base + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a command came to.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in: {}", self.stderr);
        self
    }

    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} is not in: {}", self.stdout);
        self
    }
}

/// Waits; kills and fails after the limit.
pub fn finish(mut child: Child) -> Ended {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > LIMIT {
            child.kill().unwrap();
            let ended = Ended::from(child.wait_with_output().unwrap());
            panic!("did not end: {}\n{}", ended.stdout, ended.stderr);
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap().into()
}

pub fn run(mut command: Command) -> Ended {
    finish(command.spawn().unwrap())
}

/// Starts all, then waits for all.
pub fn run_all(commands: impl IntoIterator<Item = Command>) -> Vec<Ended> {
    let children: Vec<Child> =
        commands.into_iter().map(|mut command| command.spawn().unwrap()).collect();
    children.into_iter().map(finish).collect()
}

/// Process ids of the descendants of `ancestor`, with their ranks.
pub fn ranks_of(ancestor: u32) -> Vec<(u32, Option<u32>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        if parent != Some(&ancestor.to_string()) {
            continue;
        }
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let rank = environment.split(|byte| *byte == 0).find_map(|variable| {
            std::str::from_utf8(variable).ok()?.strip_prefix("SEALANE_RANK=")?.parse().ok()
        });
        found.push((pid, rank));
    }
    found
}

/// Whether a process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

/// Waits until `ready` gives something.
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(started.elapsed() < LIMIT, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
