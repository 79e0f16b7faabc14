//! `sealane launch` with programs that know nothing of Sealane.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{self, Ended, eventually, finish, left_over, run, sealane, signal};

fn shell(ranks: u32, script: &str) -> Command {
    let mut command = sealane(&format!("launch -n {ranks} --grace 0.2 -- sh -c"));
    command.arg(script);
    command
}

fn sorted(ended: &Ended) -> Vec<&str> {
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn output_has_the_rank_before_each_line() {
    let ended = run(shell(3, "echo one; echo $RANK of $WORLD_SIZE; printf end")).expect(0);
    let expected = [
        "[0] 0 of 3",
        "[0] end",
        "[0] one",
        "[1] 1 of 3",
        "[1] end",
        "[1] one",
        "[2] 2 of 3",
        "[2] end",
        "[2] one",
    ];
    assert_eq!(sorted(&ended), expected);
}

#[test]
fn ranks_get_a_common_master_and_secret() {
    let ended = run(shell(2, "echo $SEALANE_MASTER $MASTER_PORT ${#SEALANE_SECRET}")).expect(0);
    let lines = sorted(&ended);
    let (first, second) = (&lines[0][4..], &lines[1][4..]);
    assert_eq!(first, second);
    assert!(first.starts_with("127.0.0.1:") && first.ends_with(" 64"), "{first}");
}

#[test]
fn one_failure_ends_all_and_is_named() {
    let started = Instant::now();
    let ended = run(shell(3, "[ $RANK = 1 ] && exit 7; sleep 600"));
    ended.expect(7).says("rank 1 failed with exit status 7; ending the other 2 ranks");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_rank_that_ignores_sigterm_is_killed() {
    run(shell(2, "trap '' TERM; [ $RANK = 0 ] && exit 3; while :; do sleep 1; done")).expect(3);
}

/// As Ctrl-C and a batch system do: ranks and whatever they started end, however deep.
#[test]
fn signals_reach_the_ranks_and_nothing_is_left() {
    for (name, status) in [("TERM", 143), ("INT", 130)] {
        let mark = format!("launch-{name}");
        let mut command = shell(2, "sh -c 'sleep 600 & wait' & wait");
        harness::mark(&mut command, &mark);
        let launcher = command.spawn().unwrap();
        // The launcher, and for each rank two shells and what they wait for.
        eventually("all processes", || (left_over(&mark).len() == 7).then_some(()));
        signal(launcher.id(), name);
        finish(launcher).expect(status).says("ending all ranks (signal ");
        eventually("nothing left", || left_over(&mark).is_empty().then_some(()));
    }
}

/// A rank that handles the signal ends as it likes.
#[test]
fn ranks_get_the_signal_itself() {
    let script = "trap 'echo told; exit 0' INT; echo ready; while :; do sleep 0.05; done";
    let mut launcher = shell(2, script).spawn().unwrap();
    let mut out = std::io::BufReader::new(launcher.stdout.take().unwrap());
    let mut lines = (0..2).map(|_| read_line(&mut out)).collect::<Vec<_>>();
    signal(launcher.id(), "INT");
    lines.extend((0..2).map(|_| read_line(&mut out)));
    lines.sort_unstable();
    assert_eq!(lines, ["[0] ready", "[0] told", "[1] ready", "[1] told"]);
    finish(launcher).expect(130);
}

fn read_line(out: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn a_program_that_is_not_there_is_one_error() {
    let ended = run(sealane("launch -n 4 -- no-such-program")).expect(1);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    ended.says("cannot run no-such-program");
}
