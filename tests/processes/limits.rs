//! Too little of everything: descriptors, routes, addresses, ports.

use std::net::UdpSocket;
use std::process::{Command, Stdio};

use crate::harness::{Ended, left_over, mark, one_line, port, rank, run, sealane};

const ONCE: &str = "perf all_reduce -b 1K -w 0 --iters 1";

/// `command`, under a limit of the shell.
fn limited(limit: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit} && exec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// From too few descriptors for anything to enough for everything: one line or success, never a panic.
#[test]
fn a_full_descriptor_table_is_one_line() {
    let mut full = 0;
    for limit in 3..=16 {
        let ended = run(limited(&format!("ulimit -n {limit}"), &rank(0, 1, port(), ONCE)));
        match ended.code {
            Some(0) => {}
            // The dynamic loader needs some too, and is not ours.
            Some(127) if ended.stderr.contains("shared libraries") => {}
            code => {
                assert_eq!(code, Some(1), "{limit}: {}", ended.stderr);
                assert!(one_line(&ended).contains("`ulimit -n`"), "{limit}: {}", ended.stderr);
                full += 1;
            }
        }
    }
    assert!(full > 3, "the limits do not bite: {full}");
    run(limited("ulimit -n 32", &rank(0, 1, port(), ONCE))).expect(0);
}

/// The launcher needs descriptors too; ranks that it had started already end with it.
#[test]
fn a_launcher_without_descriptors_leaves_nothing() {
    let mut failed = 0;
    for limit in [5, 8, 12, 20] {
        let mut command = sealane("launch -n 12 -- sleep 600");
        mark(&mut command, "few");
        let ended = run(limited(&format!("ulimit -n {limit}"), &command)).expect(1);
        assert!(one_line(&ended).contains("`ulimit -n`"), "{limit}: {}", ended.stderr);
        assert_eq!(left_over("few"), [] as [u32; 0], "{limit}");
        failed += 1;
    }
    assert_eq!(failed, 4);
}

fn to_master(host: &str) -> Ended {
    let mut command = rank(1, 2, port(), ONCE);
    command.env("MASTER_ADDR", host).env("SEALANE_TIMEOUT", "1");
    run(command).expect(1)
}

/// In a network namespace of its own a process has no route to anywhere.
#[test]
fn no_route_is_named() {
    let unshare = |command: &Command| {
        let mut inside = Command::new("unshare");
        inside.args(["--user", "--map-root-user", "--net"]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside
    };
    let probe = unshare(&Command::new("true")).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: this host lets nobody make network namespaces");
        return;
    }
    for host in ["192.0.2.1", "2001:db8::1"] {
        let mut command = rank(1, 2, port(), ONCE);
        command.env("MASTER_ADDR", host).env("SEALANE_TIMEOUT", "1");
        let ended = run(unshare(&command)).expect(1);
        let line = one_line(&ended);
        assert!(line.contains("no route to rank 0 at ") && line.contains(host), "{line}");
        assert!(line.contains("routing table"), "{line}");
    }
}

/// Addresses that no datagram can be sent to, or that are not ours.
#[test]
fn addresses_that_cannot_work_are_named() {
    for host in ["0.0.0.0", "255.255.255.255", "224.0.0.1"] {
        let ended = to_master(host);
        assert!(one_line(&ended).contains(host), "{}", ended.stderr);
    }
    let mut command = rank(1, 2, port(), ONCE);
    command.env("SEALANE_ADDRESSES", "192.0.2.77");
    let ended = run(command).expect(1);
    assert!(one_line(&ended).contains("192.0.2.77"), "{}", ended.stderr);
    assert!(one_line(&ended).contains("not an address of this host"), "{}", ended.stderr);
}

/// Two jobs at one rendezvous: the second says so, the first does not notice.
#[test]
fn a_rendezvous_in_use_is_named_and_its_owner_goes_on() {
    let port = port();
    let first = rank(0, 2, port, ONCE).spawn().unwrap();
    crate::harness::eventually("rank 0's socket", || {
        UdpSocket::bind(("127.0.0.1", port)).is_err().then_some(())
    });
    let second = run(rank(0, 2, port, ONCE)).expect(1);
    assert!(one_line(&second).contains(&format!("UDP port 127.0.0.1:{port} is already in use")));
    run(rank(1, 2, port, ONCE)).expect(0);
    crate::harness::finish(first).expect(0);
}
