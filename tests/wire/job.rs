//! A job of threads instead of processes, so that a test knows all of its memory and sockets.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use sealane::Communicator;
use sealane::bootstrap::{Credentials, Launch};

pub const SECRET: &str = "a job secret that must never show up on any wire";

/// A UDP port that is free now.
pub fn free_port() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn connect(rank: u32, world: u32, port: u16) -> Communicator {
    let variables = HashMap::from([
        ("SEALANE_RANK", rank.to_string()),
        ("SEALANE_WORLD_SIZE", world.to_string()),
        ("SEALANE_MASTER", format!("127.0.0.1:{port}")),
    ]);
    let launch = Launch::detect(&|name| variables.get(name).cloned()).unwrap();
    let text = SECRET.to_owned().into();
    let builder = Communicator::builder()
        .launch(launch)
        .credentials(Credentials::Secret { text, origin: "the test".to_owned() })
        .timeout(Duration::from_secs(60))
        .operation_timeout(Duration::from_secs(120));
    builder.connect().unwrap()
}

/// Runs `body` as every rank of `world`, with rank 0 at `port`; what they return, by rank.
pub fn run<R: Send>(world: u32, port: u16, body: impl Fn(&Communicator) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let body = &body;
        let rank = |rank| scope.spawn(move || body(&connect(rank, world, port)));
        let ranks: Vec<_> = (0..world).map(rank).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// The ports of all UDP sockets of this process.
pub fn ports() -> Vec<u16> {
    let own: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/udp").unwrap();
    let port = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let inode = columns.get(9)?;
        let port = columns.get(1)?.rsplit(':').next()?;
        own.iter().any(|i| i == inode).then(|| u16::from_str_radix(port, 16).ok())?
    };
    table.lines().skip(1).filter_map(port).collect()
}
