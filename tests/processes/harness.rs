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

/// Waits for all at once; with the moment when each had ended.
pub fn finish_all(children: Vec<Child>) -> Vec<(Ended, Instant)> {
    let waiting: Vec<_> = children
        .into_iter()
        .map(|child| thread::spawn(|| (finish(child), Instant::now())))
        .collect();
    waiting.into_iter().map(|thread| thread.join().unwrap()).collect()
}

pub fn run(mut command: Command) -> Ended {
    finish(command.spawn().unwrap())
}

/// Starts all, then waits for all.
pub fn run_all(commands: impl IntoIterator<Item = Command>) -> Vec<Ended> {
    let children: Vec<Child> =
        commands.into_iter().map(|mut command| command.spawn().unwrap()).collect();
    finish_all(children).into_iter().map(|(ended, _)| ended).collect()
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

/// Sends a signal, by its name without SIG.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(status.unwrap().success(), "kill -{name} {pid}");
}

/// The one line that the binary says of its failure.
pub fn one_line(ended: &Ended) -> &str {
    let lines: Vec<&str> = ended.stderr.lines().filter(|l| l.starts_with("sealane: ")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    lines[0]
}

/// A value of the report that `perf --json` writes.
pub fn report(path: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Marks a command, so that [`left_over`] finds what it started.
pub fn mark(command: &mut Command, name: &str) {
    command.env("SEALANE_TEST_MARK", format!("{name}-{}", std::process::id()));
}

/// Processes that a command marked with `name`, or anything that it started, left behind.
pub fn left_over(name: &str) -> Vec<u32> {
    let mark = format!("SEALANE_TEST_MARK={name}-{}", std::process::id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            is_alive(*pid) && environment.split(|byte| *byte == 0).any(|v| v == mark.as_bytes())
        })
        .collect()
}

/// The UDP ports that a process holds.
pub fn udp_ports_of(pid: u32) -> Vec<u16> {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let sockets: Vec<String> = descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = sockets.iter().any(|inode| inode == fields[9]);
        let hex = fields[1].rsplit(':').next()?;
        ours.then(|| u16::from_str_radix(hex, 16).ok()).flatten()
    };
    table.lines().skip(1).filter_map(port).collect()
}

/// One of them.
pub fn udp_port_of(pid: u32) -> Option<u16> {
    udp_ports_of(pid).first().copied()
}
