//! A rank dies in the middle of an all-reduce.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::harness::{eventually, finish, is_alive, port, rank, ranks_of, sealane};

/// Large enough that the kill lands inside one; more than anyone waits for.
const ENDLESS: &str = "perf all_reduce -b 8M -w 1 --iters 1000000 -c 0";

fn kill(pid: u32) {
    let status = Command::new("kill").arg("-9").arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

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

#[test]
fn every_survivor_names_the_dead_rank_within_two_seconds() {
    for victim in [2, 0] {
        let port = port();
        let mut children: Vec<Child> =
            (0..4).map(|r| rank(r, 4, port, ENDLESS).spawn().unwrap()).collect();
        header(&mut children[0]);
        std::thread::sleep(Duration::from_millis(300));
        let killed = Instant::now();
        kill(children[victim].id());
        for (index, child) in children.into_iter().enumerate() {
            let ended = finish(child);
            if index == victim {
                assert_eq!(ended.code, None);
                continue;
            }
            // A little more than the promise: this counts the end of the process too.
            let after = killed.elapsed();
            assert!(after < Duration::from_millis(3500), "rank {index} took {after:?}");
            let ended = ended.expect(1);
            assert!(
                ended.stderr.contains("all_reduce #")
                    && ended.stderr.contains(&format!("rank {victim} is lost")),
                "rank {index}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn the_launcher_says_who_died_and_leaves_nothing() {
    let mut launcher = sealane(&format!("{ENDLESS} -n 3")).spawn().unwrap();
    header(&mut launcher);
    let ranks = ranks_of(launcher.id());
    assert_eq!(ranks.len(), 3, "{ranks:?}");
    let victim = ranks.iter().find(|(_, rank)| *rank == Some(1)).unwrap().0;
    kill(victim);
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
