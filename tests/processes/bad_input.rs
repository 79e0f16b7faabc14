//! Bad input: one line with the cause and the remedy, 2 for usage, 1 for run-time, nothing left.

use std::net::UdpSocket;

use crate::harness::{Ended, port, rank, run, run_all, sealane};

const BARRIER: &str = "perf barrier -w 0 --iters 1";

/// The last line of standard error, and that it is the only one of ours.
fn one_line(ended: &Ended) -> &str {
    let lines: Vec<&str> = ended.stderr.lines().filter(|l| l.starts_with("sealane: ")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    lines[0]
}

#[test]
fn usage_errors_exit_with_2() {
    for (arguments, expected) in [
        ("", "Usage"),
        ("perf", "all_reduce"),
        ("perf all_reduce -n 2 --frobnicate", "unexpected argument"),
        ("perf all_reduce -n 2 -b 8X", "not a size"),
        ("perf all_reduce -n 2 -b 1M -e 1K", "give the smallest size first"),
        ("perf all_reduce -n 2 -d quaternion", "no element type"),
        ("perf all_reduce -n 2 -o xor", "no reduction"),
        ("perf all_reduce -n 2 --loss 2", "not a probability"),
        ("perf all_reduce -n 2 --suite rot13", "no cipher suite"),
        ("perf all_reduce -n 0", "0 is not in"),
        ("perf all_reduce", "give -n RANKS"),
        ("launch -n 2", "CMD"),
        ("keys issue --job Bad_Job --rank 0", "not allowed"),
        ("keys issue --job a --rank x", "is not a rank"),
    ] {
        run(sealane(arguments)).expect(2).says(expected);
    }
}

#[test]
fn nothing_runs_without_an_identity() {
    let mut command = rank(0, 1, port(), BARRIER);
    command.env_remove("SEALANE_SECRET");
    let ended = run(command).expect(1);
    assert!(one_line(&ended).contains("no identity: set SEALANE_SECRET_FILE"));

    let mut command = rank(0, 1, port(), BARRIER);
    command.env("SEALANE_SECRET", "short");
    assert!(one_line(&run(command).expect(1)).contains("at least 16"));
}

#[test]
fn a_rank_that_never_comes_is_named_on_all_ranks() {
    let port = port();
    let command = |r| {
        let mut command = rank(r, 4, port, BARRIER);
        command.env("SEALANE_TIMEOUT", "2");
        command
    };
    for ended in run_all([command(0), command(2)]) {
        let ended = ended.expect(1);
        assert!(one_line(&ended).contains("ranks 1, 3 did not arrive within 2s"));
    }
}

#[test]
fn a_missing_rank_0_is_named() {
    let mut command = rank(1, 2, port(), BARRIER);
    command.env("SEALANE_TIMEOUT", "1");
    assert!(one_line(&run(command).expect(1)).contains("rank 0 did not answer at 127.0.0.1:"));
}

#[test]
fn different_world_sizes_are_named_on_both_sides() {
    let port = port();
    for ended in run_all([rank(0, 2, port, BARRIER), rank(1, 3, port, BARRIER)]) {
        let ended = ended.expect(1);
        assert!(one_line(&ended).contains("rank 1 was started with world size 3, rank 0 with 2"));
    }
}

#[test]
fn two_processes_with_one_rank_are_named_on_all_sides() {
    let port = port();
    let ranks = [0, 1, 1].map(|r| rank(r, 3, port, BARRIER));
    for ended in run_all(ranks) {
        assert!(one_line(&ended.expect(1)).contains("two processes are rank 1"));
    }
}

#[test]
fn a_port_in_use_is_named() {
    let port = port();
    let _holder = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let ended = run(rank(0, 2, port, BARRIER)).expect(1);
    assert!(one_line(&ended).contains("already in use"));
}

#[test]
fn a_name_without_address_is_named() {
    let mut command = rank(0, 2, port(), BARRIER);
    command.env("MASTER_ADDR", "no-such-host.invalid");
    assert!(one_line(&run(command).expect(1)).contains("cannot resolve rank 0's address"));
}

#[test]
fn malformed_environments_are_named() {
    for (name, value, expected) in [
        ("RANK", "one", "RANK=\"one\" is not a whole number"),
        ("RANK", "7", "RANK=7 is not below WORLD_SIZE=2"),
        ("MASTER_PORT", "99999", "is not a port"),
        ("SEALANE_MASTER", "x", "is not host:port"),
    ] {
        let mut command = rank(0, 2, port(), BARRIER);
        command.env(name, value);
        run(command).expect(2).says(expected);
    }
    for (name, value) in [("SEALANE_TIMEOUT", "soon"), ("SEALANE_ADDRESSES", "here")] {
        let mut command = rank(0, 2, port(), BARRIER);
        command.env(name, value);
        run(command).expect(1).says(name);
    }
}
