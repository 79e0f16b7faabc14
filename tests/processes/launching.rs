//! `sealane launch` with programs that know nothing of Sealane.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Ended, eventually, finish, is_alive, ranks_of, run, sealane};

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

#[test]
fn signals_reach_the_ranks_and_nothing_is_left() {
    let launcher = shell(2, "sleep 600 & wait").spawn().unwrap();
    let ranks = eventually("two ranks", || {
        let ranks = ranks_of(launcher.id());
        (ranks.len() == 2 && ranks.iter().all(|(pid, _)| !ranks_of(*pid).is_empty()))
            .then_some(ranks)
    });
    let sleepers: Vec<u32> =
        ranks.iter().flat_map(|(pid, _)| ranks_of(*pid)).map(|(pid, _)| pid).collect();
    let id = launcher.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    finish(launcher).expect(143).says("ending all ranks (signal 15)");
    assert!(ranks.iter().all(|(pid, _)| !is_alive(*pid)));
    eventually("what the ranks started gone", || {
        sleepers.iter().all(|pid| !is_alive(*pid)).then_some(())
    });
}

#[test]
fn a_program_that_is_not_there_is_one_error() {
    let ended = run(sealane("launch -n 4 -- no-such-program")).expect(1);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    ended.says("cannot run no-such-program");
}
