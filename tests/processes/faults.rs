//! A bad network: real sockets with faults put in at every rank. Values stay exact, and the counters
//! show that the faults were there.

use std::path::Path;

use serde_json::Value;

use crate::harness::{report, run, sealane};

/// What the network does to the packets of every rank.
const FAULTS: &str = "--loss 1% --reorder 5% --duplicate 1% --corrupt 0.5%";

/// Runs, and returns the counters of rank 0. The replay command is in the message of any failure.
fn exact(arguments: &str, json: &Path) -> Value {
    let line = format!("{arguments} {FAULTS}");
    run(sealane(&format!("{line} --json {}", json.display())))
        .expect(0)
        .prints("# Out of bounds values : 0 OK")
        .prints("# faults: loss 0.01 reorder 0.05 duplicate 0.01 corrupt 0.005")
        .prints("# Faults at rank 0: ");
    let report = report(json);
    println!("sealane {line}: {}", report["rank_0"]);
    report["rank_0"].clone()
}

fn positive(counters: &Value, path: &[&str]) {
    let value = path.iter().fold(counters, |value, name| &value[name]);
    assert!(value.as_u64() > Some(0), "{path:?} is not positive in {counters}");
}

#[test]
fn large_reductions_are_exact_and_every_fault_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    for (suite, seed) in [("aes256gcm", 7), ("chacha20", 8)] {
        let counters = exact(
            &format!(
                "perf all_reduce -n 3 -b 8 -e 2M -f 64 -w 1 --iters 6 -c 2 --suite {suite} \
                 --seed {seed}"
            ),
            &directory.path().join("out.json"),
        );
        for fault in ["lost", "reordered", "duplicated", "corrupted"] {
            positive(&counters, &["injected", fault]);
        }
        positive(&counters, &["fragments_resent"]);
        positive(&counters, &["dropped", "authentication"]);
        positive(&counters, &["dropped", "replayed"]);
    }
}

#[test]
fn every_type_is_exact() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("out.json");
    exact("perf all_reduce -n 2 -d all -o all -b 20000 -w 0 --iters 1 --seed 3", &json);
}

#[test]
fn broadcasts_barriers_and_messages_are_exact() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("out.json");
    for (what, seed) in [("broadcast", 4), ("sendrecv", 5)] {
        exact(&format!("perf {what} -n 4 -b 1 -e 1M -f 32 -w 0 --iters 3 --seed {seed}"), &json);
    }
    exact("perf barrier -n 8 -w 0 --iters 30 --seed 6", &json);
}

/// One packet in five is lost: slow, but nothing is wrong and nobody is taken for dead.
#[test]
fn a_network_that_loses_a_fifth_is_only_slow() {
    run(sealane("perf all_reduce -n 2 -b 1M -w 0 --iters 2 --loss 20% --seed 9"))
        .expect(0)
        .prints("# Out of bounds values : 0 OK");
}
