//! `sealane status`: what the ranks of this host say of themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sealane::Rank;
use sealane::observe::{Address, METRICS};

use super::Failure;

/// How long a rank may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most ranks that are asked on ports one after another.
const PORTS_MAX: u32 = 4096;

/// What is asked.
#[derive(Debug, Args)]
pub struct Status {
    /// Where the ranks listen: unix:/path or 127.0.0.1:port, as in SEALANE_METRICS, which is the default.
    /// {rank} in a path stands for every rank; ports are asked one after another until nobody answers.
    #[arg(env = METRICS, hide_env_values = true, required = true, num_args = 1..)]
    addresses: Vec<Address>,
    /// Show the counters, too, as Prometheus reads them.
    #[arg(long)]
    metrics: bool,
}

/// Asks every rank, and prints what it says.
///
/// # Errors
///
/// Nobody answers at one of the addresses.
pub fn run(status: &Status) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    for address in &status.addresses {
        let mut heard = 0;
        let pages: &[&str] = if status.metrics { &["status", "metrics"] } else { &["status"] };
        for one in ranks(address) {
            let answers: Result<Vec<String>, _> =
                pages.iter().map(|page| ask(&one, page)).collect();
            match (answers, address) {
                (Ok(answers), _) => {
                    heard += 1;
                    // A reader that closes the pipe has seen enough.
                    let _ = out.write_all(answers.concat().as_bytes());
                }
                (Err(_), Address::Tcp(_)) if heard > 0 => break,
                (Err(error), _) => {
                    return Err(Failure::Runtime(format!("{one}: {error}; is the job running?")));
                }
            }
        }
        if heard == 0 {
            let text =
                format!("{address}: nobody listens; start the ranks with {METRICS}={address}");
            return Err(Failure::Runtime(text));
        }
    }
    Ok(0)
}

/// Where ranks may listen.
fn ranks(address: &Address) -> Vec<Address> {
    match address {
        Address::Tcp(_) => (0..PORTS_MAX).map(|rank| address.of(Rank(rank))).collect(),
        Address::Unix(path) => {
            let mut found = sockets(path);
            found.sort();
            found.into_iter().map(|(_, path)| Address::Unix(path)).collect()
        }
    }
}

/// The sockets that a path with `{rank}` in its name stands for, by rank.
fn sockets(path: &Path) -> Vec<(u32, PathBuf)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((before, after)) = name.split_once("{rank}") else { return vec![(0, path.into())] };
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let rank = name.strip_prefix(before)?.strip_suffix(after)?.parse().ok()?;
            Some((rank, entry.path()))
        })
        .collect()
}

fn ask(address: &Address, page: &str) -> std::io::Result<String> {
    match address {
        Address::Unix(path) => {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(&mut stream, page)
        }
        Address::Tcp(address) => {
            let mut stream = TcpStream::connect_timeout(address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(&mut stream, page)
        }
    }
}

fn exchange(stream: &mut (impl Read + Write), page: &str) -> std::io::Result<String> {
    write!(stream, "GET /{page} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let other = || std::io::Error::other("the answer is not one of sealane");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(other)?;
    if head.starts_with("HTTP/1.0 200") { Ok(body.to_owned()) } else { Err(other()) }
}
