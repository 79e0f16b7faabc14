//! Two hosts joined by a cable: ranks in network namespaces of their own, on a jumbo link.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::harness::{eventually, finish_all, port, rank, report};

/// The largest frame that Ethernet carries as AWS and others configure it, IP header included.
const JUMBO: &str = "9001";

/// What of it is left for a UDP payload: less 20 bytes of IPv4 and 8 of UDP.
const PAYLOAD: u64 = 9001 - 28;

/// Two namespaces and the cable between them; gone when dropped.
struct Hosts {
    names: [String; 2],
}

fn ip(arguments: &str) -> bool {
    let status = Command::new("ip").args(arguments.split(' ')).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Hosts {
    /// `None`, with a word on standard output, where namespaces cannot be made.
    fn cabled(test: &str) -> Option<Self> {
        // Interfaces have names of at most 15 bytes.
        let name = |side| format!("sl{}{test}{side}", std::process::id());
        let hosts = Self { names: [name('a'), name('b')] };
        let [a, b] = &hosts.names;
        let made = ip(&format!("netns add {a}"))
            && ip(&format!("netns add {b}"))
            && ip(&format!(
                "link add {a} mtu {JUMBO} netns {a} type veth peer name {b} mtu {JUMBO} netns {b}"
            ))
            && [(a, 1), (b, 2)].into_iter().all(|(host, number)| {
                ip(&format!("-n {host} addr add 10.99.0.{number}/24 dev {host}"))
                    && ip(&format!("-n {host} link set {host} up"))
            });
        if !made {
            println!("SKIPPED {test}: this host lets nobody make network namespaces with iproute2");
        }
        made.then_some(hosts)
    }

    /// Rank 0 on one host and rank 1 on the other.
    fn ranks(&self, arguments: [&str; 2]) -> Vec<Command> {
        let port = port();
        let command = |r: usize| {
            let plain = rank(r as u32, 2, port, arguments[r]);
            let mut inside = Command::new("ip");
            inside.args(["netns", "exec", &self.names[r]]);
            inside.arg(plain.get_program()).args(plain.get_args());
            for (name, value) in plain.get_envs() {
                match value {
                    Some(value) => inside.env(name, value),
                    None => inside.env_remove(name),
                };
            }
            inside.env("MASTER_ADDR", "10.99.0.1");
            inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            inside
        };
        vec![command(0), command(1)]
    }

    /// The UDP ports that ranks of a host have bound.
    fn ports(&self, host: usize) -> Vec<u16> {
        let table = ["netns", "exec", &self.names[host], "cat", "/proc/net/udp"];
        let table = Command::new("ip").args(table).output().unwrap().stdout;
        let table = String::from_utf8(table).unwrap();
        let port = |line: &str| {
            let address = line.split_whitespace().nth(1)?;
            u16::from_str_radix(address.rsplit(':').next()?, 16).ok()
        };
        table.lines().skip(1).filter_map(port).collect()
    }

    /// Drops on one host what arrives for a port. `false` where there is no nftables.
    fn pull(&self, host: usize, port: u16) -> bool {
        let rules = format!(
            "table inet pulled {{\nchain input {{\ntype filter hook input priority 0;\n\
             udp dport {port} drop\n}}\n}}\n"
        );
        let nft = ["netns", "exec", &self.names[host], "nft", &rules];
        Command::new("ip").args(nft).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

#[test]
fn a_jumbo_link_is_used_in_full() {
    let Some(hosts) = Hosts::cabled("j") else { return };
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("out.json");
    let line = "perf all_reduce -b 4M -w 2 --iters 3";
    let first = format!("{line} --json {}", json.display());
    let children = hosts.ranks([&first, line]).into_iter().map(|mut c| c.spawn().unwrap());
    for (ended, _) in finish_all(children.collect()) {
        ended.expect(0);
    }
    let report = report(&json);
    assert_eq!(report["link"]["mtu"].as_u64(), Some(PAYLOAD), "{}", report["link"]);
}

/// A port of each host goes deaf in the middle: slower for a moment, and right.
#[test]
fn pulled_paths_are_left_and_nothing_is_lost() {
    let Some(hosts) = Hosts::cabled("p") else { return };
    let line = "perf all_reduce -b 1M -w 0 --iters 150 -c 150";
    let children: Vec<_> =
        hosts.ranks([line, line]).into_iter().map(|mut c| c.spawn().unwrap()).collect();
    for host in 0..2 {
        let ports = eventually("the ports of a session", || {
            let ports = hosts.ports(host);
            (ports.len() > 2).then_some(ports)
        });
        thread::sleep(Duration::from_millis(100));
        // Not the first: on rank 0 that is the rendezvous.
        if !hosts.pull(host, ports[ports.len() - 1]) {
            println!("SKIPPED the pulling of paths: there is no nftables");
        }
    }
    for (ended, _) in finish_all(children) {
        ended.expect(0);
    }
}
