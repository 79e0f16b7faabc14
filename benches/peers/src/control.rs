//! Orders and reports between the harness and the ranks: lines over a Unix socket, which network
//! namespaces do not part.
//!
//! A rank says `hello RANK VERSION`. An order is `all_reduce BYTES WARMUP ITERATIONS` (or `stream`); its
//! report is one line of JSON, [`Report`]. The end of the stream is the end of the rank.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// How long ranks may take to find each other: PyTorch's imports take their time.
const HELLO: Duration = Duration::from_secs(60);
/// How long one order may take.
const REPORT: Duration = Duration::from_secs(60);

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    AllReduce,
    /// Rank 0 sends, rank 1 receives.
    Stream,
}

impl Task {
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllReduce => "all_reduce",
            Self::Stream => "stream",
        }
    }
}

/// How often to do it, with how much.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub task: Task,
    pub bytes: usize,
    pub warmup: usize,
    pub iterations: usize,
}

/// What a rank measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// Nanoseconds of each iteration.
    pub nanos: Vec<u64>,
    /// Seconds of processor time, user and system, of all threads.
    pub cpu: f64,
}

/// The harness's end of one rank.
pub struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Line {
    pub fn send(&mut self, order: &Order) -> Result<(), Failure> {
        let Order { task, bytes, warmup, iterations } = order;
        let text = format!("{} {bytes} {warmup} {iterations}\n", task.name());
        Ok(self.writer.write_all(text.as_bytes())?)
    }

    pub fn report(&mut self) -> Result<Report, Failure> {
        let mut text = String::new();
        self.reader.read_line(&mut text)?;
        if text.is_empty() {
            return Err("a rank ended".into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// Waits for `count` ranks; returns their lines by rank, and the version that rank 0 names.
pub fn gather(
    listener: &UnixListener,
    count: usize,
    children: &mut [Child],
) -> Result<(Vec<Line>, String), Failure> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + HELLO;
    let (mut lines, mut version) = (Vec::new(), String::new());
    while lines.len() < count {
        match listener.accept() {
            Ok((stream, _)) => {
                let (rank, line, said) = greet(stream)?;
                if rank == 0 {
                    version = said;
                }
                lines.push((rank, line));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                for child in &mut *children {
                    if let Some(status) = child.try_wait()? {
                        return Err(format!("it ended before it began: {status}").into());
                    }
                }
                if Instant::now() > deadline {
                    return Err("its ranks did not find each other".into());
                }
                sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
    lines.sort_by_key(|(rank, _)| *rank);
    Ok((lines.into_iter().map(|(_, line)| line).collect(), version))
}

fn greet(stream: UnixStream) -> Result<(usize, Line, String), Failure> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(REPORT))?;
    let mut line = Line { reader: BufReader::new(stream.try_clone()?), writer: stream };
    let mut text = String::new();
    line.reader.read_line(&mut text)?;
    let words = text.trim_end().strip_prefix("hello ").and_then(|text| text.split_once(' '));
    let (rank, version) = words.ok_or("a rank said no hello")?;
    Ok((rank.parse()?, line, version.to_owned()))
}

/// A rank's end.
pub struct Orders {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Orders {
    pub fn connect(path: &Path, rank: usize, version: &str) -> Result<Self, Failure> {
        let mut writer = UnixStream::connect(path)?;
        writer.write_all(format!("hello {rank} {version}\n").as_bytes())?;
        Ok(Self { reader: BufReader::new(writer.try_clone()?), writer })
    }

    /// The next order, until there are no more.
    pub fn next(&mut self) -> Result<Option<Order>, Failure> {
        let mut text = String::new();
        self.reader.read_line(&mut text)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let [task, bytes, warmup, iterations] = words[..] else { return Ok(None) };
        let task = match task {
            "all_reduce" => Task::AllReduce,
            "stream" => Task::Stream,
            _ => return Err("an order of an unknown kind".into()),
        };
        let (bytes, warmup, iterations) = (bytes.parse()?, warmup.parse()?, iterations.parse()?);
        Ok(Some(Order { task, bytes, warmup, iterations }))
    }

    pub fn report(&mut self, report: &Report) -> Result<(), Failure> {
        let mut text = serde_json::to_string(report)?;
        text.push('\n');
        Ok(self.writer.write_all(text.as_bytes())?)
    }
}
