//! A rank dies in the middle of an all-reduce.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::harness::{
    eventually, finish, finish_all, is_alive, one_line, port, rank, ranks_of, sealane, signal,
};

/// Large enough that the kill lands inside one; more than anyone waits for.
const ENDLESS: &str = "perf all_reduce -b 8M -w 1 --iters 1000000 -c 0";

/// Waits until rank 0 prints its header: the collectives run.
fn header(child: &mut Child) {
    use std::io::{BufRead, BufReader};
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("# cipher") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "ended early");
    }
    // Nobody reads the rest; the table's next line comes after a million iterations.
    std::mem::forget(out);
}

/// How long survivors may take to name a dead rank and end.
const PROMISE: Duration = Duration::from_secs(2);

/// Attempts to keep the promise: other processes of a busy machine may break one.
const ATTEMPTS: u32 = 3;

/// As [`lose`], within the promised time in one of a few attempts.
fn lose_in_time(world: u32, victim: u32, blow: &str) {
    let mut late = Vec::new();
    for _ in 0..ATTEMPTS {
        let longest = lose(world, victim, blow);
        if longest < PROMISE {
            return;
        }
        late.push(longest);
    }
    panic!("{victim} of {world}, {blow}: survivors took {late:?}");
}

/// Starts `world` ranks, does `blow` to the process of `victim` in the middle of an all-reduce, and
/// checks what the others say. Returns how long the last of them took.
fn lose(world: u32, victim: u32, blow: &str) -> Duration {
    let port = port();
    let mut children: Vec<Child> =
        (0..world).map(|r| rank(r, world, port, ENDLESS).spawn().unwrap()).collect();
    header(&mut children[0]);
    std::thread::sleep(Duration::from_millis(300));
    let (at, id) = (victim as usize, children[victim as usize].id());
    signal(id, blow);
    let blown = Instant::now();
    let mut dead = children.remove(at);
    let mut longest = Duration::ZERO;
    for (index, ended) in finish_all(children).into_iter().enumerate() {
        let index = index + usize::from(index >= at);
        let (ended, when) = ended;
        longest = longest.max(when - blown);
        let ended = ended.expect(1);
        let line = one_line(&ended);
        assert!(
            line.contains("all_reduce #") && line.contains(&format!("rank {victim} is lost")),
            "rank {index} of {world}: {line}"
        );
    }
    dead.kill().unwrap();
    assert_eq!(finish(dead).code, None);
    longest
}

#[test]
fn every_survivor_names_the_dead_rank_within_two_seconds() {
    for (world, victim) in [(2, 1), (2, 0), (4, 2), (4, 0)] {
        lose_in_time(world, victim, "KILL");
    }
}

/// A stopped process keeps its sockets, so that no ICMP error tells of it: silence does.
#[test]
fn a_stopped_rank_is_named_too() {
    lose_in_time(3, 1, "STOP");
}

/// As a scheduler does that suspends a job: nobody was silent, for nobody listened.
#[test]
fn ranks_that_are_all_stopped_for_longer_than_the_peer_timeout_go_on() {
    let port = port();
    let mut children = [0, 1].map(|r| rank(r, 2, port, ENDLESS).spawn().unwrap());
    header(&mut children[0]);
    let all = |blow| children.iter().for_each(|child| signal(child.id(), blow));
    std::thread::sleep(Duration::from_millis(300));
    all("STOP");
    std::thread::sleep(Duration::from_secs(3));
    all("CONT");
    std::thread::sleep(Duration::from_secs(3));
    assert!(children.iter().all(|child| is_alive(child.id())));
    // And they still reduce: else the one would not miss the other.
    let [survivor, mut victim] = children;
    victim.kill().unwrap();
    let ended = finish(survivor).expect(1);
    assert!(one_line(&ended).contains("rank 1 is lost"), "{}", ended.stderr);
    assert_eq!(finish(victim).code, None);
}

#[test]
fn a_rank_that_dies_while_the_others_gather_is_named() {
    let port = port();
    let mut children: Vec<Child> =
        [0, 1, 2].map(|r| rank(r, 4, port, ENDLESS).spawn().unwrap()).into();
    std::thread::sleep(Duration::from_millis(700));
    signal(children[1].id(), "KILL");
    finish(children.remove(1));
    for child in children {
        let ended = finish(child).expect(1);
        let line = one_line(&ended);
        assert!(line.contains("rank 1 was lost during the rendezvous"), "{line}");
    }
}

#[test]
fn rank_0_that_dies_while_the_others_wait_is_named() {
    let port = port();
    let mut children = [0, 1, 2].map(|r| {
        let mut command = rank(r, 4, port, ENDLESS);
        command.env("SEALANE_TIMEOUT", "4").spawn().unwrap()
    });
    std::thread::sleep(Duration::from_millis(700));
    children[0].kill().unwrap();
    for child in children.into_iter().skip(1) {
        let ended = finish(child).expect(1);
        let line = one_line(&ended);
        assert!(line.contains("rank 0 did not answer at 127.0.0.1:"), "{line}");
    }
}

#[test]
fn the_launcher_says_who_died_and_leaves_nothing() {
    let mut launcher = sealane(&format!("{ENDLESS} -n 3")).spawn().unwrap();
    header(&mut launcher);
    let ranks = ranks_of(launcher.id());
    assert_eq!(ranks.len(), 3, "{ranks:?}");
    let victim = ranks.iter().find(|(_, rank)| *rank == Some(1)).unwrap().0;
    signal(victim, "KILL");
    finish(launcher)
        .expect(1)
        .says("rank 1 was killed (signal 9, SIGKILL); ending the other 2 ranks")
        .says("rank 1 is lost");
    assert!(ranks.iter().all(|(pid, _)| !is_alive(*pid)));
}

#[test]
fn ranks_do_not_outlive_a_launcher_that_was_killed() {
    let mut launcher = sealane(&format!("{ENDLESS} -n 2")).spawn().unwrap();
    header(&mut launcher);
    let ranks = ranks_of(launcher.id());
    assert_eq!(ranks.len(), 2);
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    eventually("all ranks gone", || ranks.iter().all(|(pid, _)| !is_alive(*pid)).then_some(()));
}
