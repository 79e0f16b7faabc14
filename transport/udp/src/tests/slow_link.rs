//! Backpressure of a real socket: a link slower than the sender, in a network of its own.

use std::process::Command;

use super::*;

/// Set in the process that lives behind the slow link.
const CHILD: &str = "SEALANE_UDP_TEST_SLOW_LINK";
/// 400 Mbit/s on the loopback interface of a fresh network namespace.
const SETUP: &str = "ip link set lo up && \
    tc qdisc add dev lo root tbf rate 400mbit burst 128kb latency 10s";

/// Runs a shell command in a network namespace of its own.
fn isolated(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", script]);
    command
}

#[test]
fn a_slow_link_pushes_back_and_loses_nothing() {
    // Namespaces and traffic control need privileges; without them the scripted socket of the
    // transmit tests has to do.
    if !isolated(SETUP).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: cannot set up a slow link here");
        return;
    }
    let test = std::env::current_exe().unwrap();
    let name = "tests::slow_link::slow_link_child";
    let script = format!("{SETUP} && exec {} --exact {name} --nocapture", test.display());
    let output = isolated(&script).env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn slow_link_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (mut a, mut b) = (device(V4, 1), device(V4, 1));
    let target = route(0, &b, 0);
    let length = 60_000;
    let mut posted = 0usize;
    while let Some(buffer) = a.lend() {
        buffer[..length].fill(posted as u8);
        a.post(Train { route: target, length, stride: length, ecn: Ecn::Ect0 });
        posted += 1;
        assert!(posted < 1000, "the link never pushed back: {:?}", a.stats());
    }
    assert!(posted >= 64 && a.stats().send_blocked >= 1, "{posted} {:?}", a.stats());
    // Only the waiter says when to go on; polling retries what was held.
    let waiter = a.waiter();
    let mut arrived = Vec::new();
    for _ in 0..10_000 {
        waiter.wait(Some(Duration::from_secs(10)));
        assert!(poll(&mut a, 8).is_empty());
        arrived.extend(poll(&mut b, 8));
        if a.stats().sent_messages == posted as u64 {
            break;
        }
    }
    arrived.extend(receive(&mut b, |got| bytes_of(got) + bytes_of(&arrived) == posted * length));
    let firsts: Vec<u8> = arrived.iter().map(|x| x.bytes[0]).collect();
    assert_eq!(firsts, (0..posted).map(|i| i as u8).collect::<Vec<_>>());
    assert!(a.lend().is_some());
    // With nothing held, an always-writable socket must not keep the sleeper awake.
    assert_eq!(waiter.wait(Some(Duration::from_millis(20))), crate::Wakeup::TimedOut);
    assert_eq!(a.poll_event(), None);
}
