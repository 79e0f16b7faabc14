//! Bad input: one line with the cause and the remedy, 2 for usage, 1 for run-time, nothing left.

use std::net::UdpSocket;

use crate::harness::{one_line, port, rank, run, run_all, sealane};

const BARRIER: &str = "perf barrier -w 0 --iters 1";

#[test]
fn usage_errors_exit_with_2() {
    run(sealane("")).expect(2).says("Usage: sealane <COMMAND>");
    for (arguments, expected) in [
        ("perf", "all_reduce|broadcast|"),
        ("perf all_shuffle", "possible values: all_reduce"),
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
        ("perf all_reduce -n 2 -i 0", "-i 0 never gets anywhere"),
        ("perf all_reduce -n 2 -b 1 -e 1G -i 1", "take larger steps"),
        ("perf all_reduce -n 2 -b 99999999999999999999", "not a size"),
        ("perf all_reduce -n 2 --paths 0", "0 is not in 1..=256"),
        ("perf all_reduce -n 2 --device infiniband", "give udp, verbs, or"),
        ("perf all_reduce -n 2 --device verbs:rxe0:0", "give udp, verbs, or"),
        ("devices --towards no-such-host.invalid", "no-such-host.invalid"),
        ("perf all_reduce -n 2 --timeout 0", "0 is not in"),
        ("launch -n 2 --grace -1 -- true", "unexpected argument '-1'"),
        ("launch -n 0 -- true", "0 is not in"),
        ("launch -- true", "--ranks <N>"),
        ("keys issue --job a --rank 5-2", "counts downwards"),
        ("frobnicate", "unrecognized subcommand"),
        ("keys issue --job Bad_Job --rank 0", "not allowed"),
        ("keys issue --job a --rank x", "is not a rank"),
    ] {
        let ended = run(sealane(arguments)).expect(2);
        let line = one_line(&ended);
        assert!(line.contains(expected), "{arguments}: {line}");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
}

/// Whatever this host and this build have, `devices` lists the loopback and says what would be chosen.
#[test]
fn devices_are_listed_with_what_would_be_chosen_and_why() {
    let ended = run(sealane("devices --towards 127.0.0.1")).expect(0);
    let chosen = ended.stdout.lines().find(|line| line.ends_with("<- chosen")).unwrap();
    assert!(chosen.contains("127.0.0.1") && chosen.contains("MTU"), "{chosen}");
    ended.prints("--device udp\n").prints("--device verbs\n");
}

/// No host that runs this has a device of that name; a build without verbs says how to get one with.
#[test]
fn a_verbs_device_that_is_not_there_is_one_line() {
    let arguments = "perf all_reduce --device verbs:no-such-card -w 0 --iters 1";
    let ended = run(rank(0, 1, port(), arguments));
    let line = one_line(&ended.expect(1)).to_owned();
    assert!(line.contains("verbs device"), "{line}");
    assert!(line.contains("no-such-card") || line.contains("--features verbs"), "{line}");
}

/// What a rank called differs from what the others called: all of them say so and end.
#[test]
fn calls_that_differ_end_all_ranks() {
    let port = port();
    let ended = run_all([0, 1, 2].map(|r| {
        let size = if r == 1 { 4096 } else { 64 };
        rank(r, 3, port, &format!("perf all_reduce -b {size} -w 0 --iters 1 -c 0"))
    }));
    for ended in ended {
        assert!(one_line(&ended.expect(1)).contains("where we called"));
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

#[test]
fn more_memory_than_there_is_is_one_line() {
    let ended = run(rank(0, 1, port(), "perf all_reduce -b 1024G -w 0 --iters 1")).expect(1);
    assert!(one_line(&ended).contains("give a smaller size"));
}

#[test]
fn a_report_that_cannot_be_written_is_found_before_the_run() {
    let ended =
        run(rank(0, 1, port(), &format!("{BARRIER} --json /no/such/directory/x"))).expect(1);
    assert!(one_line(&ended).contains("cannot write /no/such/directory/x"));
}
