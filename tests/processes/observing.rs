//! Ranks that are asked what they are doing, by socket and by signal, and what they leave when they fail.

use std::path::Path;
use std::process::Child;

use crate::harness::{eventually, finish, one_line, port, rank, run, sealane, signal};

/// More than anyone waits for.
const ENDLESS: &str = "perf all_reduce -b 64K -w 1 --iters 100000000 -c 0";

fn start(world: u32, folder: &Path, metrics: &str) -> Vec<Child> {
    let port = port();
    let start = |r| {
        let mut command = rank(r, world, port, ENDLESS);
        command.env("SEALANE_METRICS", metrics);
        command.env("SEALANE_RECORD", folder.join("{rank}.log"));
        command.spawn().unwrap()
    };
    (0..world).map(start).collect()
}

/// Asks until all of it is said: ranks have to find each other first.
fn hear(arguments: &str, texts: &[&str]) {
    let mut said = String::new();
    eventually(&format!("{arguments} says all of {texts:?}"), || {
        said = run(sealane(arguments)).stdout;
        texts.iter().all(|text| said.contains(text)).then_some(())
    });
}

#[test]
fn ranks_say_what_they_do_to_this_host_alone_and_record_why_they_failed() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}/{{rank}}.sock", folder.path().display());
    let mut children = start(2, folder.path(), &address);
    let texts = [
        "rank 0: #",
        "rank 1: #",
        "float by sum by ",
        "rank 0 of 2: the last ",
        "rank 1 of 2: the last ",
        "rank 0 to rank 1: connected, ",
        "# TYPE sealane_collectives_completed_total counter\n",
        "rank=\"1\",collective=\"allreduce\"} ",
        "sealane_path_rtt_seconds{communicator=\"0\",rank=\"0\",peer=\"1\",path=\"0\"",
        "sealane_dropped_packets_total{communicator=\"0\",rank=\"0\",cause=\"replayed\"} ",
    ];
    hear(&format!("status --metrics {address}"), &texts);
    let mode = std::fs::metadata(folder.path().join("0.sock")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);

    let record = |rank: u32| std::fs::read_to_string(folder.path().join(format!("{rank}.log")));
    signal(children[1].id(), "USR1");
    let dumped =
        eventually("a record in the file", || record(1).ok().filter(|log| log.ends_with('\n')));
    assert!(dumped.contains("rank 1 of 2: the last "), "{dumped}");
    assert!(record(0).is_err(), "nobody has asked rank 0, and it has not failed");

    children[1].kill().unwrap();
    let ended = finish(children.remove(0)).expect(1);
    assert!(one_line(&ended).contains("rank 1 is lost"));
    let why = record(0).unwrap();
    assert!(why.contains("rank 0: ended: rank 1 was lost: "), "{why}");
    finish(children.remove(0));
}

#[test]
fn ports_of_a_host_are_asked_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", 30_000 + port() % 1000 * 2);
    let mut children = start(2, folder.path(), &address);
    hear(&format!("status {address}"), &["rank 0 of 2", "rank 1 of 2", "float by sum by "]);
    children.iter_mut().for_each(|child| child.kill().unwrap());
    children.into_iter().for_each(|child| drop(finish(child)));
}

#[test]
fn other_hosts_cannot_ask() {
    for (address, why) in [
        ("0.0.0.0:9400", "no loopback address"),
        ("10.0.0.1:9400", "no loopback address"),
        ("127.0.0.1", "neither unix:/path nor 127.0.0.1:port"),
    ] {
        let mut command = rank(0, 1, port(), "perf barrier");
        command.env("SEALANE_METRICS", address);
        let ended = run(command).expect(1);
        let line = one_line(&ended);
        assert!(line.contains("SEALANE_METRICS") && line.contains(why), "{line}");
    }
    let ended = run(sealane("status unix:/nonexistent/{rank}.sock")).expect(1);
    assert!(one_line(&ended).contains("nobody listens"), "{}", ended.stderr);
}
